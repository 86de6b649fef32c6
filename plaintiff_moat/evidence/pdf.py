"""A certificate as a PDF to be printed and read: PDF/A-3, set from its JSON, which is attached to it.

With the same renderer the same JSON gives the same bytes on every machine: no font and no clock of the machine has a
say. Needs the extra `pdf`.
"""

import hashlib
import io
import json
import logging
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence.findings import Finding

__all__ = ["attached_certificate", "check_pages", "render", "renderer"]

ATTACHMENT = "certificate.json"
_NOWHERE = logging.NullHandler()  # for what pypdf logs, where nobody has asked for logs: else it goes to the terminal
_MISSING = "a certificate in PDF needs the extra `pdf`: pip install 'plaintiff-moat[pdf]'; JSON does without"


def renderer() -> str | None:
    """What renders here: two certificates in PDF with the same JSON and the same renderer are the same bytes."""
    try:
        return f"typst {version('typst')}, template {hashlib.sha256(_template()).hexdigest()[:16]}"
    except PackageNotFoundError:
        return None


def render(text: str) -> bytes:
    """A certificate's JSON as a PDF. Raises BadInput where the extra `pdf` is not installed."""
    try:
        import typst  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadInput(_MISSING) from None
    made_at = datetime.fromisoformat(json.loads(text)["made_at"])
    try:
        pdf: bytes = typst.compile(
            _template(),
            sys_inputs={"certificate": text},
            ignore_system_fonts=True,
            pdf_standards=["a-3a"],
            timestamp=made_at,
        )
    except typst.TypstError:
        raise BadInput("the certificate holds what cannot be set on a page; as JSON it can be written") from None
    return pdf


def attached_certificate(name: str, pdf: bytes) -> bytes:
    """The JSON that is attached to a certificate in PDF. Raises BadInput for a PDF without one."""
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - an extra
        from pypdf.errors import PyPdfError  # noqa: PLC0415
    except ImportError:
        raise BadInput(_MISSING) from None
    logging.getLogger("pypdf").addHandler(_NOWHERE)
    try:
        attached = [held.content for held in PdfReader(io.BytesIO(pdf)).attachment_list if held.name == ATTACHMENT]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):
        attached = []
    if len(attached) != 1:
        raise BadInput(f"{name}: expected a PDF with {ATTACHMENT} attached, found none in it")
    return bytes(attached[0])


def check_pages(run: str, pdf: bytes, text: str) -> Finding | None:
    """Tells when the PDF is not the rendering of its JSON; to be asked where `renderer()` is the one that made it."""
    if render(text) == pdf:
        return None
    return Finding("PAGES", run, "the pages", "what the attached JSON gives when it is rendered", "something else")


def _template() -> bytes:
    return files("plaintiff_moat.evidence").joinpath("certificate.typ").read_bytes()
