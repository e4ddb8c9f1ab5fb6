"""The processes of a program: started, killed, stopped; what they wrote to their ledgers and logs."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import ledger

LEVEL = re.compile(r"\b(WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|panic|PANIC)\b|^(warn|error)\b|level=(warning|error)| [WE]! ")


# What Java writes on the line below.
EXCEPTION = re.compile(r"^(?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error)\b")


def warnings_in(lines):
    """The lines that say that something is wrong, each with the name of the exception that follows it."""
    following = [EXCEPTION.match(line) for line in lines[1:]] + [None]
    return [f"{line} ({exception[0]})" if exception else line
            for line, exception in zip(lines, following) if LEVEL.search(line)]


def now_ms():
    return time.time_ns() // 1_000_000


class Process:
    """One worker of a program."""

    def __init__(self, name, program, command, env, folder, ends_by_itself=False):
        self.name, self.program, self.ends_by_itself = name, program, ends_by_itself
        self.ledger, self.log = folder / f"{name}.ledger", folder / f"{name}.log"
        self.started_ms, self.killed_ms, self.exited_ms = now_ms(), None, None
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                command, cwd=folder, env={**env, "WORKER": name, "LEDGER": str(self.ledger)}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )

    def visits(self):
        return ledger.visits(self.name, self.ledger, self.killed_ms, self.exited_ms)

    def is_alive(self):
        return self.popen.poll() is None

    def kill(self):
        """kill -9 of the process itself, as a machine's out-of-memory killer does it."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        self.killed_ms = now_ms()

    def stop(self, deadline_s):
        """SIGTERM; true if the process went within the deadline, otherwise it is killed."""
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self.exited_ms = now_ms()
        return True

    def clean_up(self):
        """Ends what is left of the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def warnings(self):
        """The lines of the log that say that something is wrong."""
        return warnings_in(self.log.read_text(errors="replace").splitlines())

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    def cpu_s(self):
        """CPU seconds of the process and its children so far, the waited-for ones included."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rsplit(")", 1)[1].split()
                if int(fields[3]) == self.popen.pid:  # The session, which each worker has of its own.
                    ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")
