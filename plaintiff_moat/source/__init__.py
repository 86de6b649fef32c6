"""Bytes to records: hash a delivered file, find its records, read them chunk by chunk; never silently wrong."""

from plaintiff_moat.source.reading import AS_IT_IS, Reading

__all__ = ["AS_IT_IS", "Reading"]
