"""The scenario of producing programs: what they say that they put is there, once, over a split and a merge.

It is read back by two libraries that take aggregated records apart by rules of their own: aws_kinesis_agg in Python, and a
consuming program of the matrix.
"""

import collections
import itertools

import checks
import ledger
from following import Follower
from processes import now_ms
from traffic import hash_key
from world import Stuck, on_a_server

RATE = 1_000
KEYS = 64


def run(program, folder, accepted, matrix):
    """Runs the producer and judges what is on the stream."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        here.env |= {"RECORDS": str(program["records"]), "KEYS": str(KEYS), "RATE": str(RATE)}
        producer = here.start("producer", ends_by_itself=True)
        here.until("the first records", lambda: len(ledger.lines(producer.ledger)) > RATE)
        outcome.first_s = (int(ledger.lines(producer.ledger)[0].split(" ")[0]) - producer.started_ms) / 1000
        if program.get("reshards", True):
            here.split(1)
            here.until("more records", lambda: len(ledger.lines(producer.ledger)) > 5 * RATE)
            here.merge(5)
        here.until("the end of the producer", lambda: not producer.is_alive())
        producer.exited_ms = now_ms()
        if producer.popen.returncode != 0:
            raise Stuck(f"the producer ended with {producer.popen.returncode}\n{producer.tail()}")
        puts, again = ledger.puts(producer.ledger)
        outcome.records = len(puts)
        outcome.notes.append(f"{again} put in more than one attempt")
        if len(puts) != program["records"]:
            outcome.findings.append(f"{len(puts)} of {program['records']} records were put")
        whole = read_with_python(here, puts, again, outcome)
        read_with_program(here, program["read_by"], puts, whole, outcome)
    return outcome


def read_with_python(here, puts, again, outcome):
    """Everything on the stream is what was put; a record is there twice only if it was put in more than one attempt.

    Answers the records that lie in an aggregate all of whose records belong to its shard. Of any other, which a producer
    makes while a shard is split, the KCL throws away the whole aggregate (AggregatorUtil.java, deaggregate), although
    the producer counts those that belong there as put (retrier.cc).
    """
    found, whole = collections.Counter(), set()
    shards = {shard["ShardId"]: [int(shard["HashKeyRange"][edge]) for edge in ("StartingHashKey", "EndingHashKey")]
              for shard in here.shards()}
    records = Follower(here.kinesis, here.stream, shards).read()
    for (shard, _), group in itertools.groupby(records, lambda record: (record.shard, record.sequence)):
        texts, (first, last) = [record.text for record in group], shards[shard]
        found.update((text, shard) for text in texts)
        if all(first <= hash_key(text.rsplit(":", 1)[0]) <= last for text in texts):
            whole.update(texts)
    expected = {(f"{put.key}:{put.number}", put.shard) for put in puts}
    texts = {text for text, _ in expected}
    outcome.findings += checks.shown([f"{text} is not on {shard}" for text, shard in expected - found.keys()])
    outcome.findings += checks.shown([f"{text} on {shard} was never put" for text, shard in found if text not in texts])
    outcome.repeats = found.total() - len({text for text, _ in found})
    if outcome.repeats > again:
        outcome.findings.append(f"{outcome.repeats} are there twice, and {again} were put in more than one attempt")
    return whole


def read_with_program(here, name, puts, whole, outcome):
    """A consuming program sees every record that lies in a whole aggregate, and none that was not put."""
    reader = here.start("reader", program=here.matrix[name])
    here.until(f"all records in {name}", lambda: not whole - texts_of(reader))
    outcome.findings += checks.shown([
        f"{name}: {text} was never put" for text in texts_of(reader) - {f"{put.key}:{put.number}" for put in puts}])
    if torn := len(puts) - len(whole):
        outcome.notes.append(f"{torn} of them only in an aggregate of two shards' records, which the KCL throws away")
    reader.stop(deadline_s=75)


def texts_of(reader):
    return {f"{key}:{number}" for key, number in checks.first_deliveries(reader.visits())}
