"""How many events `moat verify` recomputes in a second.

    python benchmarks/verify.py [RUNS] [EVENTS_OF_A_RUN]

Fills an embedded database of its own with runs and refused claims, then verifies all of it. Of the two rates the first
is by the clock, the second by the processor time of Python alone: on a busy machine only that one says much.
"""

import sys
import tempfile
import time
from pathlib import Path

from plaintiff_moat.attest import make_checkpoint
from plaintiff_moat.audit import verify
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer
from plaintiff_moat.ledger.migrate import push

FILL = """
    do $$
    declare
        v_run uuid;
    begin
        for v_number in 1..{runs} loop
            select run_id into v_run
            from ingest.claim_import_run('bench', 'batch-' || v_number, md5(v_number::text), 'export.csv');
            perform ingest._append_event(v_run, 'in_progress_refused', 'worker-' || refused, 1,
                jsonb_build_object('filename', 'export.csv', 'holder', 'worker-0', 'place', refused))
            from generate_series(2, {events}) as refused;
        end loop;
    end
    $$
"""


def main() -> None:
    """Prints what was verified, and how fast."""
    runs, events = (int(argument) for argument in (sys.argv[1:] or ("100", "500")))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "moat")
        try:
            with connect(Database(server.start(), embedded=True)) as conn:
                push(conn)
                conn.execute(FILL.format(runs=runs, events=events).encode())
                conn.execute("vacuum analyze")
                kept = make_checkpoint(conn)
                for checkpoint in (None, kept):
                    began = time.process_time()
                    report = verify(conn, checkpoint=checkpoint)
                    python = time.process_time() - began
                    against = "against a checkpoint" if checkpoint else "without one"
                    rates = f"{report.events / report.seconds:,.0f} and {report.events / python:,.0f} events/s"
                    print(f"{report.runs:,} runs, {report.events:,} events {against}: {report.seconds:.2f} s, {rates}")
        finally:
            server.destroy()


if __name__ == "__main__":
    main()
