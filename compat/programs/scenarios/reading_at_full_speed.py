"""What reading costs a consumer: CPU per record while it works off a full stream, and its calls to the table at rest."""

import time

import ledger
from table_calls import TableCalls
from traffic import even_keys
from world import on_a_server

RECORD_BYTES = 100
BATCH = 500
AT_REST_S = 60


def run(program, folder, accepted, matrix):
    """Runs one worker on a stream that is full already."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        fill(here, program["records"])
        calls = TableCalls(int(here.env["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]))
        here.env |= {"LEDGER_ONLY_COUNTS": "yes", "AWS_ENDPOINT_URL_DYNAMODB": calls.endpoint}
        worker = here.start("a", quick=False)
        here.until("the first record", lambda: counted(worker))
        outcome.first_s = time.time() - worker.started_ms / 1000
        already, before_s = counted(worker), worker.cpu_s()
        here.until("all records", lambda: counted(worker) >= program["records"])
        used_s = worker.cpu_s() - before_s
        outcome.records = counted(worker)
        outcome.notes.append(f"{used_s / (outcome.records - already) * 1e6:.1f} µs of CPU a record")
        calls.counts.clear()
        time.sleep(AT_REST_S)
        per_lease = {name: count * 60 / AT_REST_S / len(here.shards()) for name, count in calls.counts.most_common()}
        outcome.notes.append(f"{sum(per_lease.values()):.1f} calls to the table a lease and minute at rest: "
                             + ", ".join(f"{name} {rate:.1f}" for name, rate in per_lease.items()))
        calls.close()
        if outcome.records > program["records"]:
            outcome.findings.append(f"{outcome.records} records came of {program['records']}")
    return outcome


def counted(worker):
    """How many records the worker told of."""
    return sum(int(line.split(" ")[3]) for line in ledger.lines(worker.ledger) if line.split(" ")[1] == "count")


def fill(here, records):
    keys = even_keys()
    for first in range(0, records, BATCH):
        batch = [{"PartitionKey": keys[number % len(keys)], "Data": b"." * RECORD_BYTES}
                 for number in range(first, min(first + BATCH, records))]
        answer = here.kinesis.put_records(StreamName=here.stream, Records=batch)
        assert answer["FailedRecordCount"] == 0, "the server takes everything"
