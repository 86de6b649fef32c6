"""The five documented functions as a REST client calls them, with what it must get: shared by the two ways to ask."""

from typing import Any

__all__ = ["API_ROLES", "CALLS", "PRIVATE", "Answers", "check_story"]

API_ROLES = ("anon", "authenticated")
PRIVATE = "_append_event"

_RUN = "00000000-0000-0000-0000-000000000000"
CALLS: dict[str, dict[str, Any]] = {
    "claim_import_run": {"p_source_system": "acme", "p_source_batch_id": "b1", "p_file_hash": "abc"},
    "heartbeat_import_run": {"p_run_id": _RUN},
    "finalize_import_run": {
        "p_run_id": _RUN,
        "p_rows_fetched": 3,
        "p_rows_inserted": 2,
        "p_rows_skipped": 0,
        "p_rows_errored": 1,
        "p_error_details": {"note": "one had no name"},
    },
    "reconcile_import_run": {"p_run_id": _RUN, "p_expected_count": 0},
    "rollback_import_run": {"p_run_id": _RUN, "p_reason": "wrong file"},
}


class Answers:
    """How a service_role caller is answered: `call(function, arguments)` gives the decoded JSON."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getitem__(self, function: str) -> Any:
        return lambda **changed: self._call(function, CALLS[function] | changed)


def check_story(answers: Answers) -> None:
    """A run's life in five calls, each answered with the JSON that the runbook's return shapes make."""
    (claim,) = answers["claim_import_run"]()
    assert claim.keys() == {"run_id", "claim_status"}
    assert claim["claim_status"] == "claimed"
    run = {"p_run_id": claim["run_id"]}
    assert answers["claim_import_run"](p_worker_id="other") == [claim | {"claim_status": "in_progress"}]
    assert answers["heartbeat_import_run"](**run) is True
    assert answers["finalize_import_run"](**run) == "completed"
    assert answers["claim_import_run"]() == [claim | {"claim_status": "duplicate"}]
    assert answers["reconcile_import_run"](**run) == [
        {"is_valid": False, "expected_count": 0, "actual_count": 0, "delta": 0}
    ]
    assert answers["rollback_import_run"](**run) == [{"success": True, "rows_affected": 0}]
    assert answers["rollback_import_run"]() == [{"success": False, "rows_affected": 0}]
