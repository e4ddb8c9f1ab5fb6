"""Tells the runner what a program saw: one write for each call, so that what was told survives kill -9."""

import os
import time

_FILE = os.open(os.environ["LEDGER"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)


def tell(kind, shard):
    """One of start, checkpoint, end, lost, stop."""
    os.write(_FILE, f"{time.time_ns() // 1_000_000} {kind} {shard}\n".encode())


def records(shard, texts):
    """A batch of records of one shard, each by its text."""
    now_ms = time.time_ns() // 1_000_000
    os.write(_FILE, "".join(f"{now_ms} record {shard} {text}\n" for text in texts).encode())


def put(shard, text, sequence_number, attempts):
    """A record that a producer's service took, and after how many attempts."""
    os.write(_FILE, f"{time.time_ns() // 1_000_000} put {shard} {text} {sequence_number} {attempts}\n".encode())
