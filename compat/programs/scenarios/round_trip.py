"""The scenario of an SDK that brings no consumer: one process puts records, another one reads them, and both end."""

import checks
import ledger
from processes import now_ms
from traffic import SHARDS
from world import Stuck, on_a_server

RECORDS = 2_000
KEYS = 5 * SHARDS


def run(program, folder, accepted, matrix):
    """Runs both and judges what the reader saw."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        here.env |= {"RECORDS": str(RECORDS), "KEYS": str(KEYS)}
        writer, reader = to_its_end(here, "writer"), to_its_end(here, "reader")
        puts, _ = ledger.puts(writer.ledger)
        visits = reader.visits()
        outcome.records, outcome.repeats = len(puts), checks.repeats(visits)
        if len(puts) != RECORDS:
            outcome.findings.append(f"{len(puts)} of {RECORDS} records were put")
        outcome.findings += checks.every_record(puts, visits) + checks.order_in_shards(puts, visits)
        outcome.findings += checks.order_in_keys(visits) + checks.unexplained_repeats(visits)
    return outcome


def to_its_end(here, name):
    process = here.start(name, ends_by_itself=True)
    here.until(f"the end of the {name}", lambda: not process.is_alive())
    process.exited_ms = now_ms()
    if process.popen.returncode != 0:
        raise Stuck(f"the {name} ended with {process.popen.returncode}\n{process.tail()}")
    return process
