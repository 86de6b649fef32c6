"""What can be proved of a run, from columns, bytes and hashes alone: knows nothing of PostgreSQL."""

from plaintiff_moat.evidence.certificates import Certificate, certificate_of, check_certificate, read_certificate
from plaintiff_moat.evidence.chain import Event, RunChain, event_hash
from plaintiff_moat.evidence.checkpoints import Checkpoint, Head
from plaintiff_moat.evidence.facts import ChunkFacts, Fixes, Recount, RunFacts
from plaintiff_moat.evidence.files import Opened, check_file, check_text
from plaintiff_moat.evidence.findings import Finding

__all__ = [
    "Certificate",
    "Checkpoint",
    "ChunkFacts",
    "Event",
    "Finding",
    "Fixes",
    "Head",
    "Opened",
    "Recount",
    "RunChain",
    "RunFacts",
    "certificate_of",
    "check_certificate",
    "check_file",
    "check_text",
    "event_hash",
    "read_certificate",
]
