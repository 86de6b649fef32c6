"""Vendor CSV files of plaintiffs into PostgreSQL: once, whole, provably, and out again."""

__version__ = "0.1.0.dev0"

__all__ = ["__version__"]
