"""The scenario of a binding's own sample, which prints the records that it gets and checkpoints when it is stopped."""

import collections
import re

from scenarios.leases import stop
from traffic import Traffic
from world import on_a_server

ROUNDS = 20
RECORD = re.compile(r"Sequence Number: (\d+), Subsequence Number: 0, Data Size: \d+")


def run(program, folder, accepted, matrix):
    """Puts some rounds of records before the sample starts, some while it runs, and stops it."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        traffic = Traffic(here.kinesis, here.stream, 0)
        put(traffic)
        worker = here.start("a")
        here.until("the first records", lambda: RECORD.search(worker.log.read_text(errors="replace")))
        put(traffic)
        here.until("all records", lambda: len(printed(worker)) >= len(traffic.puts))
        stop(program, worker, outcome)
        outcome.records = len(traffic.puts)
        outcome.findings += findings(traffic.puts, printed(worker), here.kcl_checkpoints())
    return outcome


def put(traffic):
    for _ in range(ROUNDS):
        traffic.round()


def printed(worker):
    """How often each record was printed, by its sequence number."""
    return collections.Counter(map(int, RECORD.findall(worker.log.read_text(errors="replace"))))


def findings(puts, came, checkpoints):
    """Each record once, and the last one of each shard checkpointed."""
    found = [f"{put.key}:{put.number} came {came[put.sequence]} times" for put in puts if came[put.sequence] != 1]
    last = {put.shard: put.sequence for put in puts}
    return found[:5] + [f"{shard} is checkpointed at {checkpoints.get(shard)}, not {sequence}"
                        for shard, sequence in last.items() if checkpoints.get(shard) != str(sequence)]
