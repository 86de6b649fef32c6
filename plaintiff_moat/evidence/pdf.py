"""A certificate as a PDF to be printed and read: PDF/A-3, set from its JSON, which is attached to it.

The same JSON gives the same bytes on every machine, with the same version of the typesetter: no font and no clock of the
machine has a say. Needs the extra `pdf`.
"""

import io
from datetime import datetime
from importlib.resources import files
from typing import Any

from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence.certificates import dumps

__all__ = ["attached_certificate", "render"]

ATTACHMENT = "certificate.json"


def render(document: dict[str, Any]) -> bytes:
    """The certificate as a PDF. Raises BadInput where the extra `pdf` is not installed."""
    try:
        import typst  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadInput(_MISSING) from None
    return typst.compile(
        files("plaintiff_moat.evidence").joinpath("certificate.typ").read_bytes(),
        sys_inputs={"certificate": dumps(document)},
        ignore_system_fonts=True,
        pdf_standards=["a-3a"],
        timestamp=datetime.fromisoformat(document["made_at"]),
    )


def attached_certificate(name: str, pdf: bytes) -> bytes:
    """The JSON that is attached to a certificate in PDF. Raises BadInput for a PDF without one."""
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - an extra
        from pypdf.errors import PyPdfError  # noqa: PLC0415
    except ImportError:
        raise BadInput(_MISSING) from None
    try:
        attached = [held.content for held in PdfReader(io.BytesIO(pdf)).attachment_list if held.name == ATTACHMENT]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):
        attached = []
    if len(attached) != 1:
        raise BadInput(f"{name}: expected a PDF with {ATTACHMENT} attached, found none in it")
    return bytes(attached[0])


_MISSING = "a certificate in PDF needs the extra `pdf`: pip install 'plaintiff-moat[pdf]'; JSON does without"
