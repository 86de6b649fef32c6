"""The documented import path of the claim client."""

from plaintiff_moat.identify import compute_batch_id, compute_file_hash
from plaintiff_moat.ledger.claims import ClaimResult, ClaimStatus, IngestClaimClient, ReconcileResult, RollbackResult

__all__ = [
    "ClaimResult",
    "ClaimStatus",
    "IngestClaimClient",
    "ReconcileResult",
    "RollbackResult",
    "compute_batch_id",
    "compute_file_hash",
]
