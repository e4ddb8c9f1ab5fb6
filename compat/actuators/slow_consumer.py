"""An application that falls behind: one worker of the MultiLangDaemon's that takes a tenth of a second for each record."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

DEADLINE_S = 120
PROGRAM = r'''
import json, sys, time
def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
for line in sys.stdin:
    message = json.loads(line)
    if message["action"] == "processRecords":
        time.sleep(0.1 * len(message["records"]))
    if message["action"] in ("processRecords", "shardEnded"):
        say({"action": "checkpoint", "sequenceNumber": None, "subSequenceNumber": None})
        sys.stdin.readline()
    say({"action": "status", "responseFor": message["action"]})
'''


def properties(folder, stream, application):
    """The file of properties for `millstream multilang`, with the program beside it."""
    (folder / "program.py").write_text(PROGRAM)
    path = folder / f"{application}.properties"
    path.write_text(
        f"executableName = {sys.executable} {folder}/program.py\nstreamName = {stream}\napplicationName = {application}\n"
        "initialPositionInStream = TRIM_HORIZON\nregionName = us-east-1\nworkerId = one\nfailoverTimeMillis = 10000\n"
        "maxRecords = 10\nidleTimeBetweenReadsInMillis = 200\n"
    )
    return path


@contextlib.contextmanager
def running(command, env, log):
    """A process of ours, which is to end well when it is asked to."""
    with open(log, "w") as said:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        status = process.wait(DEADLINE_S)
        assert status == 0, f"{command[1]} ended with {status}:\n{Path(log).read_text()[-3000:]}"


def until(what, seen):
    """Waits for what a call answers."""
    end = time.monotonic() + DEADLINE_S
    while not (found := seen()):
        assert time.monotonic() < end, f"in {DEADLINE_S} s: {what}"
        time.sleep(0.2)
    return found
