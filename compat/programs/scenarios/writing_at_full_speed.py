"""What writing costs a producer: CPU per record while it puts as fast as it can."""

import time

from processes import now_ms
from world import on_a_server

FILLER_BYTES = 90
KEYS = 64


def run(program, folder, accepted, matrix):
    """Runs the producer until it has put everything."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        here.env |= {"RECORDS": str(program["records"]), "KEYS": str(KEYS), "RATE": "0",
                     "FILLER_BYTES": str(FILLER_BYTES), "LEDGER_ONLY_COUNTS": "yes"}
        began = time.monotonic()
        producer = here.start("producer", ends_by_itself=True, quick=False)
        used_s = 0.0
        while producer.is_alive():
            used_s = max(used_s, producer.cpu_s())
            time.sleep(0.1)
        producer.exited_ms = now_ms()
        outcome.records = program["records"]
        outcome.notes.append(f"{used_s / outcome.records * 1e6:.1f} µs of CPU a record with its start, "
                             f"{outcome.records / (time.monotonic() - began):,.0f} records a second")
        if producer.popen.returncode != 0:
            outcome.findings.append(f"the producer ended with {producer.popen.returncode}\n{producer.tail()}")
    return outcome
