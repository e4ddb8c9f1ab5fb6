"""What must hold of everything that a program saw, whatever library it is made with. Pure: each check returns findings.

The truth is what was put: each record once, with the shard and the sequence number that the service answered.
"""

import collections
import dataclasses

FINDINGS_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Put:
    """One record as the service took it."""

    key: str
    number: int
    shard: str
    sequence: int


def shown(findings):
    """The first few findings, and how many there are."""
    more = len(findings) - FINDINGS_SHOWN
    return findings[:FINDINGS_SHOWN] + ([f"... and {more} more of this kind"] if more > 0 else [])


def first_deliveries(visits):
    """Each (key, number) with the time at which it came first."""
    first = {}
    for visit in visits:
        for record in visit.records:
            name = record.key, record.number
            if name not in first or record.at_ms < first[name]:
                first[name] = record.at_ms
    return first


def every_record(puts, visits):
    """Every record that was put came, from its shard, and nothing else came."""
    shards = {(put.key, put.number): put.shard for put in puts}
    came = first_deliveries(visits)
    missing = [f"{key}:{number} of {shard} never came"
               for (key, number), shard in shards.items() if (key, number) not in came]
    strange = [f"{key}:{number} came and was never put" for key, number in came if (key, number) not in shards]
    moved = [
        f"{record.key}:{record.number} of {shards[record.key, record.number]} came as of {visit.shard}"
        for visit in visits if visit.shard != "-"
        for record in visit.records
        if shards.get((record.key, record.number), visit.shard) != visit.shard
    ]
    return shown(missing) + shown(strange) + shown(moved)


def order_in_shards(puts, visits):
    """Within a visit the records are a run of the shard's records: none left out, none before another."""
    in_shard = collections.defaultdict(list)
    for put in sorted(puts, key=lambda put: put.sequence):
        in_shard[put.shard].append((put.key, put.number))
    place = {name: index for names in in_shard.values() for index, name in enumerate(names)}
    findings = []
    for visit in visits:
        if visit.shard == "-":
            continue
        places = [place[record.key, record.number] for record in visit.records if (record.key, record.number) in place]
        for index, (before, after) in enumerate(zip(places, places[1:])):
            if after != before + 1:
                record = visit.records[index + 1]
                findings.append(f"{visit.worker}, {visit.shard}: {record.key}:{record.number} is {after} after {before}")
    return shown(findings)


def order_in_keys(visits):
    """The first deliveries of a key's records are in their order, over all workers, splits and merges."""
    by_key = collections.defaultdict(list)
    for (key, number), at_ms in first_deliveries(visits).items():
        by_key[key].append((number, at_ms))
    findings = []
    for key, deliveries in by_key.items():
        deliveries.sort()
        for (number, at_ms), (next_number, next_ms) in zip(deliveries, deliveries[1:]):
            if next_ms < at_ms:
                findings.append(f"{key}:{next_number} came {at_ms - next_ms} ms before {key}:{number}")
    return shown(findings)


def in_doubt(visit, checkpoint_every_ms=None):
    """How many of a visit's last records may come again: those behind no accepted checkpoint, if it was cut short.

    Where the library checkpoints by itself, each `checkpoint_every_ms`, it is those of that time before the cut.
    """
    if visit.ended in ("end", "stop"):
        return 0
    if checkpoint_every_ms is None:
        return len(visit.records) - visit.checkpointed
    if visit.ended == "exited":
        return 0
    return sum(record.at_ms >= visit.ended_ms - checkpoint_every_ms for record in visit.records)


def repeats(visits):
    """How many deliveries were not the first of their record."""
    deliveries = sum(len(visit.records) for visit in visits)
    return deliveries - len(first_deliveries(visits))


def begun_with(visits, begins_again_ms):
    """Names of the records that the visits of one process began with."""
    records = sorted((record for visit in visits for record in visit.records), key=lambda record: record.at_ms)
    return {(record.key, record.number) for record in records if record.at_ms < records[0].at_ms + begins_again_ms}


def unexplained_repeats(visits, checkpoint_every_ms=None, apart_from=frozenset()):
    """A record comes twice only where one of the deliveries was in doubt when its worker was killed or lost the lease.

    `apart_from`: names of records that may come again whenever a worker starts.
    """
    sure = collections.Counter()
    for visit in visits:
        until = len(visit.records) - in_doubt(visit, checkpoint_every_ms)
        names = [(record.key, record.number) for record in visit.records[:until]]
        sure.update(name for name in names if name not in apart_from)
    return shown([f"{key}:{number} came {times} times, each time for good"
                  for (key, number), times in sure.items() if times > 1])


def parents_first(visits, parents):
    """Nothing of a child comes before each of its parents has ended. `parents`: the parents of each child."""
    ended = {visit.shard: visit.ended_ms for visit in visits if visit.ended == "end"}
    findings = []
    for visit in visits:
        for parent in parents.get(visit.shard, []):
            if parent not in ended:
                findings.append(f"{visit.shard} was begun and its parent {parent} never ended")
            elif visit.records and visit.records[0].at_ms < ended[parent]:
                findings.append(f"{visit.shard} came before its parent {parent} had ended")
    return shown(findings)


def balanced(held, spread_max):
    """No worker holds more than `spread_max` leases over another. `held`: leases of each worker."""
    spread = max(held.values()) - min(held.values())
    return [f"leases are out of balance: {held}"] if spread > spread_max else []


def checkpoints_in_place(puts, checkpoints, ended, alive):
    """Closed shards are at SHARD_END or their lease is gone; open ones are at their last record, with a lease each."""
    last = {}
    for put in puts:
        last[put.shard] = max(last.get(put.shard, 0), put.sequence)
    findings = [f"{shard} is closed and at {checkpoints[shard]}" for shard in ended
                if checkpoints.get(shard, "SHARD_END") != "SHARD_END"]
    for shard in alive:
        if shard not in checkpoints:
            findings.append(f"{shard} is open and has no lease")
        elif shard in last and checkpoints[shard] != str(last[shard]):
            findings.append(f"{shard} ends with {last[shard]} and is at {checkpoints[shard]}")
    return shown(findings)


def unaccepted(lines, accepted):
    """The lines of a log that no entry of `accepted` (compiled expressions) takes, each kind once."""
    kinds = {}
    for line in lines:
        if not any(expression.search(line) for expression in accepted):
            kinds.setdefault("".join(character for character in line if not character.isdigit())[-120:], line)
    return shown(list(kinds.values()))
