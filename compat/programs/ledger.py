"""What programs told of the records that they saw, read from the files that they wrote.

A line is `TIME_MS KIND SHARD [TEXT]`. Kinds: `start`, `record` (TEXT is `KEY:NUMBER`), `checkpoint` (accepted, of all
records of the shard so far), `end` (the shard's), `lost` (the lease is another's), `stop` (asked to, and checkpointed).
A program whose library does not tell the shard writes `-`. A producer writes `put` with TEXT, the sequence number and
the number of attempts.
"""

import dataclasses
from pathlib import Path

import checks


@dataclasses.dataclass(frozen=True)
class Record:
    """One record as it came to a program."""

    key: str
    number: int
    at_ms: int


@dataclasses.dataclass
class Visit:
    """One worker's time with one shard."""

    worker: str
    shard: str
    started_ms: int
    records: list[Record] = dataclasses.field(default_factory=list)
    checkpointed: int = 0  # How many of the records are behind an accepted checkpoint.
    ended: str = ""  # end, lost, stop, killed, exited; empty while it lasts.
    ended_ms: int = 0


def visits(worker, path, killed_ms=None, exited_ms=None):
    """The visits of one process, in the order in which they began; those open at its death end with it."""
    done, running = [], {}

    def running_visit(shard, at_ms):
        if shard not in running:
            running[shard] = Visit(worker, shard, at_ms)
            done.append(running[shard])
        return running[shard]

    def close(shard, how, at_ms):
        if visit := running.pop(shard, None):
            visit.ended, visit.ended_ms = how, at_ms

    for line in lines(path):
        at_ms, kind, shard, *text = line.split(" ")
        at_ms = int(at_ms)
        if kind == "start":
            close(shard, "lost", at_ms)
            running_visit(shard, at_ms)
        elif kind == "record":
            key, number = text[0].rsplit(":", 1)
            running_visit(shard, at_ms).records.append(Record(key, int(number), at_ms))
        elif kind == "checkpoint":
            visit = running_visit(shard, at_ms)
            visit.checkpointed = len(visit.records)
        elif kind in ("end", "lost", "stop"):
            close(shard, kind, at_ms)
        else:
            raise ValueError(f"{path}: {line!r} is no line of a ledger")
    for shard in list(running):
        if killed_ms or exited_ms:
            close(shard, "killed" if killed_ms else "exited", killed_ms or exited_ms)
    return done


def puts(path):
    """What a producer was told that the service took, and how many of its records took more than one attempt."""
    took, again = [], 0
    for line in lines(path):
        _, kind, shard, text, sequence, attempts = line.split(" ")
        if kind != "put":
            raise ValueError(f"{path}: {line!r} is no line of a producer's ledger")
        key, number = text.rsplit(":", 1)
        took.append(checks.Put(key, int(number), shard, int(sequence)))
        again += attempts != "1"
    return took, again


def lines(path):
    """The whole lines of a file; a process that was killed, or that still writes, may leave a part of one."""
    if not Path(path).exists():
        return []
    text = Path(path).read_text(errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()
