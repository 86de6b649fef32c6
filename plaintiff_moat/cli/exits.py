"""Exit codes, and what each error means for one."""

from enum import IntEnum

from plaintiff_moat.errors import EvidenceBroken, LeaseLost, MoatError, RunFailed

__all__ = ["Exit", "Verdict"]


class Exit(IntEnum):
    """Ordered from good to bad, so that the worst of several is their maximum."""

    DONE = 0
    IN_PROGRESS = 1
    REFUSED = 2
    FAILED = 3

    @classmethod
    def of_error(cls, error: MoatError) -> "Exit":
        """1 for a run that somebody else has and for evidence that does not hold, 3 for a run that failed, else 2."""
        if isinstance(error, LeaseLost):
            return cls.IN_PROGRESS
        if isinstance(error, EvidenceBroken):
            return cls(Verdict.BROKEN)
        return cls.FAILED if isinstance(error, RunFailed) else cls.REFUSED

    @classmethod
    def of_claim(cls, claim_status: str) -> "Exit":
        """1 when another worker has it; a duplicate is done."""
        return cls.IN_PROGRESS if claim_status == "in_progress" else cls.DONE


class Verdict(IntEnum):
    """The exit codes of what verifies."""

    HOLDS = 0
    BROKEN = 1
