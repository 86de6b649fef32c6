"""Around a rollback: what it would do, replacing a file in one commit, and keeping an undone file out."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from ledger_steps import (
    LEASE_LOST,
    NO_SUCH_RUN,
    SYSTEM,
    WRONG_RUN,
    Connection,
    active,
    claim,
    counts,
    details_of,
    events,
    fail,
    finalize,
    imported,
    land,
    processing,
    reconcile,
    refused,
    rollback,
    run,
    unchanged,
    until_blocked,
    value,
)
from psycopg.rows import dict_row


def preview(conn: Connection, run_id: UUID) -> dict[str, Any]:
    """Ask what a rollback would do, and expect that nothing is written."""
    with unchanged(conn), conn.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute("select * from ingest.preview_rollback(%s)", [run_id]).fetchall()
        return row


def release(conn: Connection, run_id: UUID, reason: str = "it was right") -> bool:
    """Let unattended imports take the run's file in again."""
    return bool(value(conn, "select ingest.release_import_run(%s, %s)", run_id, reason))


def test_preview_names_what_goes_what_passes_and_to_whom(conn: Connection) -> None:
    """Records, keys that lose their record, keys that pass on, and each heir's counts before and after."""
    first = imported(conn, "a", ["Ada", "Grace", "Mary", "Ada", None])
    second, third = imported(conn, "b", ["Grace", "Joan"]), imported(conn, "c", ["Mary", "Grace", "Mary"])
    assert preview(conn, first) == {
        "rows_affected": 5,
        "rows_gone": 1,
        "rows_passed": 2,
        "heirs": [
            {
                "run_id": str(run_id),
                "records": 1,
                "rows_inserted": inserted,
                "rows_inserted_after": inserted + 1,
                "rows_skipped": skipped,
                "rows_skipped_after": skipped - 1,
            }
            for run_id, inserted, skipped in ((second, 1, 1), (third, 0, 3))
        ],
        "referenced_by": [],
    }


@pytest.mark.parametrize("ended", ["processing", "failed", "rolled_back"])
def test_preview_of_a_run_that_owns_nothing(conn: Connection, ended: str) -> None:
    """Nothing leaves the active set with a run that is not completed; an undone one affects nothing at all."""
    held = processing(conn, "a", ["Ada", "Grace"])
    imported(conn, "b", ["Ada"])
    if ended == "failed":
        fail(conn, held)
    elif ended == "rolled_back":
        rollback(conn, held.run_id)
    seen = preview(conn, held.run_id)
    assert (seen["rows_gone"], seen["rows_passed"], seen["heirs"]) == (0, 0, [])
    assert seen["rows_affected"] == (0 if ended == "rolled_back" else 2)


def test_preview_of_an_unknown_run(conn: Connection) -> None:
    """An id that no run has is an error of its own."""
    with refused(NO_SUCH_RUN):
        preview(conn, UUID(int=0))


def test_preview_counts_rows_that_would_refer_to_nobody(conn: Connection) -> None:
    """Every foreign key to a plaintiff is found, by any name and partitioned, with its rows that lose their record."""
    conn.execute(
        """
        create table public."Odd Cases" (
            id integer primary key, "The Plaintiff" uuid references ingest.plaintiff_keys, other uuid
        );
        create table public.letters (sent date, plaintiff uuid references ingest.plaintiff_keys)
            partition by range (sent);
        create table public.letters_2024 partition of public.letters for values from ('2024-01-01') to ('2025-01-01');
        create table public.unrelated (plaintiff uuid);
        """
    )
    first = imported(conn, "a", ["Ada", "Grace"])
    imported(conn, "b", ["Grace", "Mary"])
    keys = dict(conn.execute("select plaintiff_name, dedupe_key from ingest.v_plaintiffs").fetchall())
    for number, name in enumerate(["Ada", "Ada", "Grace", "Mary"]):
        conn.execute('insert into public."Odd Cases" values (%s, %s, %s)', [number, keys[name], keys["Ada"]])
    conn.execute("insert into public.letters values ('2024-05-01', %s), ('2024-06-01', null)", [keys["Ada"]])
    assert preview(conn, first)["referenced_by"] == [
        {"relation": 'public."Odd Cases"', "column_name": "The Plaintiff", "records": 2},
        {"relation": "public.letters", "column_name": "plaintiff", "records": 1},
    ]


_POLICY = (
    "grant select on public.cases to moat_operator; alter table public.cases enable row level security;"
    " create policy few on public.cases using (id = 1)"
)


@pytest.mark.parametrize("obstacle", ["select 1", _POLICY], ids=["no grant", "policy"])
def test_preview_does_not_pretend_to_have_counted(conn: Connection, obstacle: str) -> None:
    """Of a table that the operator may not read, or of which a policy shows some rows only, no number is given."""
    conn.execute("create table public.cases (id integer, plaintiff uuid references ingest.plaintiff_keys)")
    conn.execute(obstacle)
    run_id = imported(conn, "a", ["Ada"])
    conn.execute("set role moat_operator")
    seen = value(conn, "select referenced_by from ingest.preview_rollback(%s)", run_id)
    conn.execute("reset role")
    assert seen == [{"relation": "public.cases", "column_name": "plaintiff", "records": None}]


def test_replacement_publishes_and_undoes_in_one_commit(conn: Connection, other: Connection) -> None:
    """Readers see the old file until the commit and the new one from it on; both runs say what happened."""
    old = imported(conn, "a", ["Ada", "Grace", "Mary"])
    between = imported(conn, "b", ["Grace"])
    new = processing(conn, "c", ["Ada", "Grace", "Joan"])
    with conn.transaction():
        assert reconcile(conn, new.run_id, held=new, replaces=old)[0]
        assert active(other) == {"Ada": (old, 1), "Grace": (old, 2), "Mary": (old, 3)}
    assert active(other) == {"Ada": (new.run_id, 1), "Grace": (between, 1), "Joan": (new.run_id, 3)}
    assert counts(conn, new.run_id) == (3, 2, 1, 0)
    assert (run(conn, new.run_id)["replaces"], run(conn, old)["replaced_by"]) == (old, new.run_id)
    assert events(conn, new.run_id) == ["claimed", "replacement", "completed", "reconciled"]
    assert details_of(conn, new.run_id, "replacement") == {"replaces": str(old)}
    said = details_of(conn, old, "rolled_back")
    assert (said["reason"], said["replaced_by"]) == (f"replaced by run {new.run_id}", str(new.run_id))


def test_finalize_replaces_as_well(conn: Connection) -> None:
    """The other way to complete a run replaces one too, also for callers who keep their records elsewhere."""
    old, other_old = imported(conn, "a", ["Ada"]), imported(conn, "b", ["Grace"])
    statement = "select ingest.finalize_import_run(%s, %s, %s, 0, 0, p_attempt => %s, p_replaces => %s)"
    new = processing(conn, "c", ["Ada"])
    assert value(conn, statement, new.run_id, 1, 1, new.attempt, old) == "completed"
    elsewhere = claim(conn, "d")
    for _ in range(2):
        assert value(conn, statement, elsewhere.run_id, 5, 5, elsewhere.attempt, other_old) == "completed"
    assert active(conn) == {"Ada": (new.run_id, 1)}


def test_replacing_again_is_done_once(conn: Connection) -> None:
    """Where the acknowledgement was lost the same call is acknowledged again, and nothing but that is recorded."""
    old = imported(conn, "a", ["Ada"])
    new = processing(conn, "b", ["Ada", "Grace"])
    for _ in range(2):
        assert reconcile(conn, new.run_id, held=new, replaces=old) == (True, 2, 2, 0)
    assert events(conn, new.run_id) == ["claimed", "replacement", "completed", "reconciled", "reconciled"]
    assert events(conn, old).count("rolled_back") == 1


def test_completed_run_replaces_an_older_one_afterwards(conn: Connection) -> None:
    """A corrected file that was imported beside the old one still takes its place, and inherits from it."""
    old, new = imported(conn, "a", ["Ada", "Grace"]), imported(conn, "b", ["Ada"])
    assert reconcile(conn, new, replaces=old)[0]
    assert active(conn) == {"Ada": (new, 1)}
    assert counts(conn, new) == (1, 1, 0, 0)


def test_failed_replacement_leaves_the_old_run_active(conn: Connection) -> None:
    """Counts that do not agree fail the new run; the old one stays as it was."""
    old = imported(conn, "a", ["Ada"])
    new = processing(conn, "b", ["Ada", "Grace"])
    before = run(conn, old)
    assert not reconcile(conn, new.run_id, 3, held=new, replaces=old)[0]
    assert run(conn, new.run_id)["status"] == "failed"
    assert run(conn, old) == before
    assert active(conn) == {"Ada": (old, 1)}


def test_lost_lease_replaces_nothing(conn: Connection) -> None:
    """A worker that was taken over cannot replace a run."""
    old = imported(conn, "a", ["Ada"])
    new = processing(conn, "b", ["Ada"])
    claim(conn, "b", expected=1)
    with unchanged(conn), refused(LEASE_LOST):
        reconcile(conn, new.run_id, held=new, replaces=old)


@pytest.mark.parametrize(
    "what", ["unknown", "itself", "same bytes", "another vendor", "processing", "undone", "a second one"]
)
def test_what_cannot_be_replaced(conn: Connection, what: str) -> None:
    """The refusal is an error of its own, and neither run changes."""
    new = processing(conn, "new", ["Ada"])
    old = UUID(int=0)
    if what == "itself":
        old = new.run_id
    elif what == "same bytes":
        (old,) = conn.execute(
            "select run_id from ingest.claim_import_run('simplicity', 'other batch', %s)",
            [run(conn, new.run_id)["file_hash"]],
        ).fetchone()
        finalize(conn, old, (0, 0, 0, 0))
    elif what == "another vendor":
        old = imported(conn, "a", ["Ada"], system="jbi")
    elif what == "processing":
        old = processing(conn, "a", ["Ada"]).run_id
    elif what == "undone":
        old = imported(conn, "a", ["Ada"])
        rollback(conn, old)
    elif what == "a second one":
        assert reconcile(conn, new.run_id, held=new, replaces=imported(conn, "a", ["Ada"]))[0]
        old = imported(conn, "b", ["Ada"])
    with unchanged(conn), refused(NO_SUCH_RUN if what == "unknown" else WRONG_RUN):
        reconcile(conn, new.run_id, held=new, replaces=old)


def test_replacements_at_once_do_not_deadlock(conn: Connection, db_url: str) -> None:
    """Of runs that all want the same place one gets it; the others are refused and can be published without it."""
    old = imported(conn, "old", ["Ada", "Grace"])
    new = [processing(conn, f"new-{n}", ["Ada", f"only {n}"]) for n in range(4)]
    sessions = [psycopg.connect(db_url, autocommit=True) for _ in new]

    def replace(at: int) -> str | None:
        try:
            reconcile(sessions[at], new[at].run_id, held=new[at], replaces=old)
        except psycopg.Error as refusal:
            return refusal.sqlstate
        return None

    with ThreadPoolExecutor(len(new)) as pool:
        answers = list(pool.map(replace, range(len(new))))
    for session in sessions:
        session.close()
    assert sorted(answers, key=str) == [WRONG_RUN] * 3 + [None]
    assert active(conn).keys() == {"Ada", f"only {answers.index(None)}"}


def test_undone_file_stays_out_until_it_is_released(conn: Connection) -> None:
    """An unattended claim is refused with the run's id and an event; after the release it is claimed."""
    undone = imported(conn, "a", ["Ada"])
    assert claim(conn, "a", unattended=True).status == "duplicate"
    rollback(conn, undone)
    for _ in range(2):
        refusal = claim(conn, "a", unattended=True, worker="cron")
        assert (refusal.status, refusal.run_id) == ("not_released", undone)
    assert value(conn, "select count(*) from ingest.import_runs") == 1
    assert events(conn, undone)[-2:] == ["unattended_refused"] * 2

    assert release(conn, undone)
    assert details_of(conn, undone, "released") == {"reason": "it was right"}
    again = claim(conn, "a", unattended=True)
    assert again.status == "claimed"
    assert details_of(conn, again.run_id, "claimed")["predecessor"] == str(undone)
    with unchanged(conn):
        assert not release(conn, undone)


def test_import_that_somebody_asks_for_is_an_approval(conn: Connection) -> None:
    """The new run names its predecessor, and from then on the file is as any other."""
    undone = imported(conn, "a", ["Ada"])
    rollback(conn, undone)
    held = claim(conn, "a", expected=1)
    assert details_of(conn, held.run_id, "claimed")["predecessor"] == str(undone)
    fail(conn, held)
    assert claim(conn, "a", unattended=True).status == "claimed"


def test_undone_bytes_stay_out_under_any_name(conn: Connection) -> None:
    """A file that was undone does not come back under another batch; releasing any run of the bytes releases them."""
    older = imported(conn, "a", ["Ada"])
    file_hash = value(conn, "select file_hash from ingest.import_runs where id = %s", older)
    rollback(conn, older)
    newer = imported(conn, "a", ["Ada"])
    rollback(conn, newer)
    renamed = "select claim_status from ingest.claim_import_run(%s, 'renamed', %s, p_unattended => true)"
    assert value(conn, renamed, SYSTEM, file_hash) == "not_released"
    assert release(conn, older)
    assert value(conn, renamed, SYSTEM, file_hash) == "claimed"


def test_replaced_file_stays_out(conn: Connection) -> None:
    """The file that was replaced does not come back by itself, nor does its replacement once that is undone."""
    old = imported(conn, "a", ["Ada"])
    new = processing(conn, "b", ["Grace"])
    reconcile(conn, new.run_id, held=new, replaces=old)
    assert claim(conn, "a", unattended=True).run_id == old
    rollback(conn, new.run_id)
    assert claim(conn, "b", unattended=True).run_id == new.run_id
    assert active(conn) == {}


def test_run_that_the_system_undid_needs_no_release(conn: Connection) -> None:
    """A mapping that changed in the middle of an import starts it over, attended or not."""
    held = claim(conn, "a", fingerprint="1")
    land(conn, held, ["Ada"])
    fail(conn, held)
    started_over = claim(conn, "a", fingerprint="2", unattended=True)
    assert (started_over.status, started_over.run_id != held.run_id) == ("claimed", True)
    assert details_of(conn, started_over.run_id, "claimed")["predecessor"] == str(held.run_id)


def test_rollback_of_this_moment_keeps_an_unattended_claim_out(conn: Connection, other: Connection) -> None:
    """A claim that waits for a rollback to commit knows of it."""
    undone = imported(conn, "a", ["Ada"])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with conn.transaction():
            rollback(conn, undone)
            claiming = pool.submit(claim, other, "a", unattended=True)
            until_blocked(watcher, other)
        assert claiming.result().status == "not_released"
    assert value(conn, "select count(*) from ingest.import_runs") == 1


def test_only_an_undone_run_is_released(conn: Connection) -> None:
    """Any other run is refused, and an unknown one is an error too."""
    run_id = imported(conn, "a", ["Ada"])
    with unchanged(conn):
        with refused(WRONG_RUN):
            release(conn, run_id)
        with refused(NO_SUCH_RUN):
            release(conn, UUID(int=0))
