#!/usr/bin/env python3
"""Traffic rises to forty times what it was and falls again, against workers that are slowed: once with `millstream scale`,
and once with a rule for CPU beside it, as a target-tracking policy has one.

    rise_and_fall.py [--records-per-s 20000] [--workers 20] [--minutes 12] [--by drain cpu] [--keep FOLDER]

Workers are MultiLangDaemons whose program sleeps: each does its part of the most records per second, however many shards it
has. Every record has a number, and every number must be processed. The rise is a step. After the fall little comes until
there are as few workers and shards as at the beginning, for six minutes at most.

By CPU: a look every ten seconds at the CPU time of each worker with its programs; as many workers as bring their mean to
60 % of a processor, at once when more are wanted, one fewer after a quiet minute; all the shards there are from the start.
That is kinder than AWS's, which asks for three minutes above and fifteen below.

Prints what was seen, and `N passed, N failed, N skipped`.
"""

import argparse
import collections
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from fresh_server import binary, server  # noqa: E402

GOAL_S = 30
LOOK_S = 2
SETTLING_S = 8
QUIET_S = 40
RISE = 40
DEADLINE_S = 1800
REST_S = 360
REST_LOOKS = 6
CPU_TARGET = 0.6
CPU_LOOK_S = 10
CPU_QUIET_S = 60

# One for each shard; those of one worker take turns by a lock, so that the worker has one speed.
PROGRAM = r'''
import base64, fcntl, json, os, sys, time
folder, per_s = sys.argv[1], float(sys.argv[2])
worker = os.environ["MILLSTREAM_WORKER_ID"]
lock = open(f"{folder}/{worker}.lock", "w")
done = open(f"{folder}/done/{worker}.{os.getpid()}", "a")
def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
for line in sys.stdin:
    message = json.loads(line)
    action = message["action"]
    if action == "processRecords":
        records = message["records"]
        fcntl.flock(lock, fcntl.LOCK_EX)
        time.sleep(len(records) / per_s)
        fcntl.flock(lock, fcntl.LOCK_UN)
        done.write("".join(base64.b64decode(record["data"]).decode() + "\n" for record in records))
        done.flush()
    if action in ("processRecords", "shardEnded"):
        say({"action": "checkpoint", "sequenceNumber": None, "subSequenceNumber": None})
        sys.stdin.readline()
    say({"action": "status", "responseFor": action})
'''


class Run:
    """One stream, its writer, its workers, and what was seen of them."""

    def __init__(self, name, endpoint, folder, most_per_s, workers, minutes):
        self.name, self.endpoint, self.folder = name, endpoint, Path(folder) / name
        self.most_per_s, self.minutes = most_per_s, minutes
        # What a worker does, and as much a shard takes.
        self.speed = most_per_s / workers
        # One for each shard: what is left over would have two, which is more than it can do.
        self.shards_min, self.shards_max = max(2, workers // 5), workers * 8 // 5
        self.workers_max = self.shards_max
        self.env = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "RUST_LOG": "error"}
        (self.folder / "done").mkdir(parents=True)
        (self.folder / "program.py").write_text(PROGRAM)
        (self.folder / "properties").write_text(
            f"executableName = {sys.executable} {self.folder}/program.py {self.folder} {self.speed}\n"
            f"streamName = {name}\napplicationName = {name}\ninitialPositionInStream = TRIM_HORIZON\n"
            "regionName = us-east-1\nworkerId = WORKER\nfailoverTimeMillis = 10000\n"
            # A quarter of a second's work: what is seen of a worker is what it has checkpointed.
            f"maxRecords = {max(5, int(self.speed / 4))}\n"
            "idleTimeBetweenReadsInMillis = 250\n"
        )
        self.worker = (f"sed s/WORKER/{{worker}}/ {self.folder}/properties > {self.folder}/{{worker}}.properties && "
                       f"exec {binary()} multilang --properties {self.folder}/{{worker}}.properties "
                       f"2>> {self.folder}/workers.log")
        self.written = 0
        self.behind = []  # (seconds since the start, milliseconds behind, workers, shards)
        self.began = time.monotonic()
        self.is_at_rest = lambda: True

    def millstream(self, *arguments, **options):
        return subprocess.run([binary(), *arguments], env=self.env, check=True, text=True, stdout=subprocess.PIPE,
                              timeout=DEADLINE_S, **options).stdout

    def now(self):
        return time.monotonic() - self.began

    def rate(self):
        """An eighth of the time little, half of it much, the rest little again."""
        share = self.now() / (self.minutes * 60)
        return self.most_per_s if 1 / 8 <= share < 5 / 8 else self.most_per_s / RISE

    def write(self):
        """Records with numbers, at the rate of each moment, until the time is over and there is rest."""
        put = subprocess.Popen([binary(), "records", "put", self.name, "--quiet", "--connections", "8"],
                               env=self.env, stdin=subprocess.PIPE, text=True)
        due, before = 0.0, time.monotonic()
        while (left := self.minutes * 60 - self.now()) > 0 or (left > -REST_S and not self.is_at_rest()):
            time.sleep(0.05)
            now = time.monotonic()
            due, before = due + self.rate() * (now - before), now
            put.stdin.write("".join(f"{number}\n" for number in range(self.written, int(due))))
            put.stdin.flush()
            self.written = int(due)
        put.stdin.close()
        assert put.wait(DEADLINE_S) == 0, "not all was accepted"

    def watch(self):
        """How far behind, again and again, as somebody else's process sees it."""
        process = subprocess.Popen(
            [binary(), "apps", "lag", self.name, "--stream", self.name, "--watch", "--json", "--every", f"{LOOK_S}s"],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )

        def listen():
            for line in process.stdout:
                shards = json.loads(line)["Shards"]
                behind = max((shard["BehindMs"] or 0 for shard in shards), default=0)
                workers = {shard["Owner"] for shard in shards if shard["Owner"]}
                self.behind.append((self.now(), behind, len(workers), sum(shard["IsOpen"] for shard in shards)))

        threading.Thread(target=listen, daemon=True).start()
        return process

    def processed(self):
        """How often each number was processed."""
        counts = collections.Counter()
        for file in (self.folder / "done").iterdir():
            counts.update(file.read_text().split())
        return counts

    def has_as_few(self):
        """Whether at the last looks there was as little as at the beginning: at one, a worker may just have no lease."""
        last = self.behind[-REST_LOOKS:]
        return len(last) == REST_LOOKS and all(seen[2:] == (1, self.shards_min) for seen in last)

    def run(self, scaling):
        self.millstream("streams", "create", self.name, "--shards", str(scaling.shards(self)))
        if scaling.is_judged:
            self.is_at_rest = self.has_as_few
        with scaling.running(self):
            self.began = time.monotonic()
            watching = None
            writing = threading.Thread(target=self.write)
            writing.start()
            end = time.monotonic() + DEADLINE_S
            while writing.is_alive() or (scaling.is_judged and len(self.processed()) < self.written):
                assert time.monotonic() < end, f"{len(self.processed())} of {self.written} were processed"
                # The first worker makes the table that is watched.
                if watching is None or watching.poll() is not None:
                    watching = self.watch()
                time.sleep(1)
            watching.terminate()
            watching.wait()
        return self


class ByDrainTime:
    """`millstream scale`."""

    name, is_judged = "drain", True

    @staticmethod
    def shards(run):
        return run.shards_min

    @contextlib.contextmanager
    def running(self, run):
        self.log = run.folder / "decisions.jsonl"
        file = run.folder / "scale.toml"
        file.write_text(
            f'application = "{run.name}"\nstream = "{run.name}"\ngoal = "{GOAL_S}s"\nlook = "{LOOK_S}s"\n'
            f'settling = "{SETTLING_S}s"\nquiet = "{QUIET_S}s"\nlog = "{self.log}"\n'
            f'[workers]\nmax = {run.workers_max}\nrecords-per-s = {run.speed}\ncommand = ["sh", "-c", {json.dumps(run.worker)}]\n'
            f"[shards]\nmin = {run.shards_min}\nmax = {run.shards_max}\nrecords-per-s = {run.speed}\n"
        )
        process = subprocess.Popen([binary(), "scale", str(file)], env=run.env, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.send_signal(2)
            assert process.wait(DEADLINE_S) == 0, "the scaler stops in good order"

    def decisions(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class ByCpu:
    """As many workers as bring their mean CPU to the target."""

    name, is_judged = "cpu", False

    @staticmethod
    def shards(run):
        return run.shards_max

    @contextlib.contextmanager
    def running(self, run):
        self.workers, self.ended, self.started = {}, threading.Event(), 0
        thread = threading.Thread(target=self.loop, args=[run])
        thread.start()
        try:
            yield
        finally:
            self.ended.set()
            thread.join()
            for process in self.workers.values():
                process.terminate()
            for process in self.workers.values():
                process.wait()

    def loop(self, run):
        self.start(run)
        before, quiet_since, self.most = {}, time.monotonic(), 0.0
        while not self.ended.wait(CPU_LOOK_S):
            used = {name: cpu_seconds(process.pid) for name, process in self.workers.items()}
            shares = [(used[name] - before[name]) / CPU_LOOK_S for name in used if name in before]
            before = used
            if not shares:
                continue
            mean = sum(shares) / len(shares)
            self.most = max(self.most, mean)
            wanted = min(run.workers_max, max(1, math.ceil(len(self.workers) * mean / CPU_TARGET)))
            if wanted >= len(self.workers):
                quiet_since = time.monotonic()
            while len(self.workers) < wanted:
                self.start(run)
            if time.monotonic() - quiet_since > CPU_QUIET_S:
                quiet_since = time.monotonic()
                name, process = self.workers.popitem()
                process.terminate()
                process.wait()

    def start(self, run):
        self.started += 1
        name = f"{run.name}-{self.started}"
        self.workers[name] = subprocess.Popen(
            ["sh", "-c", run.worker.replace("{worker}", name)], env={**run.env, "MILLSTREAM_WORKER_ID": name},
            stdin=subprocess.DEVNULL,
        )


def cpu_seconds(pid):
    """What a process and its children have used."""
    used, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # It has ended meanwhile.
    return used / os.sysconf("SC_CLK_TCK")


def told(run, scaling):
    """What was seen, in one paragraph."""
    most = max(run.behind, key=lambda seen: seen[1])
    late = sum(1 for _, behind, *_ in run.behind if behind > GOAL_S * 1000)
    print(f"{scaling.name}: {run.written} records; at most {most[1] / 1000:.1f} s behind (after {most[0]:.0f} s), "
          f"{late} of {len(run.behind)} looks above {GOAL_S} s; most workers {max(seen[2] for seen in run.behind)}, "
          f"at the end {run.behind[-1][2]} with {run.behind[-1][3]} shards and {run.behind[-1][1] / 1000:.1f} s behind")
    for at in range(0, int(run.behind[-1][0]), max(10, int(run.minutes * 60 / 24))):
        near = min(run.behind, key=lambda seen: abs(seen[0] - at))
        print(f"    after {near[0]:4.0f} s: {near[1] / 1000:6.1f} s behind, {near[2]:2} workers, {near[3]:2} shards")


def check(what, is_so, results):
    results.append(is_so)
    print(f"{'ok' if is_so else 'FAILED'}: {what}", flush=True)


def judge_drain(run, scaling, results):
    counts = run.processed()
    again = sum(counts.values()) - len(counts)
    missing = sum(1 for number in range(run.written) if str(number) not in counts)
    check(f"all {run.written} records were processed, {missing} were skipped", not missing, results)
    print(f"{again} of them again ({100 * again / max(1, run.written):.3f} %)")
    decisions = scaling.decisions()
    for decision in decisions:
        if decision.get("done") or "failed" in decision:
            print("    " + " | ".join(decision.get("because", [decision.get("failed")])))
    check("nobody was killed, and nothing failed", not any("failed" in one for one in decisions), results)
    most = max(behind for _, behind, *_ in run.behind)
    check(f"it was at most {most / 1000:.1f} s behind", most <= GOAL_S * 1000, results)
    _, _, workers, shards = run.behind[-1]
    check(f"in the end there are {workers} workers and {shards} shards", (workers, shards) == (1, run.shards_min), results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records-per-s", type=int, default=20000, help="the most; a fortieth of it is the least")
    parser.add_argument("--workers", type=int, default=20, help="so many do the most")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--by", nargs="*", choices=["drain", "cpu"], default=["drain", "cpu"])
    parser.add_argument("--keep", type=Path, help="an empty folder for decision logs and what workers say")
    arguments = parser.parse_args()
    results, seen = [], {}
    kept = contextlib.nullcontext(arguments.keep) if arguments.keep else tempfile.TemporaryDirectory(prefix="rise-and-fall-")
    with kept as folder, server() as endpoint:
        for scaling in (ByDrainTime(), ByCpu()):
            if scaling.name not in arguments.by:
                continue
            run = Run(scaling.name, endpoint, folder, arguments.records_per_s, arguments.workers, arguments.minutes)
            run.run(scaling)
            told(run, scaling)
            if scaling.is_judged:
                judge_drain(run, scaling, results)
            else:
                print(f"a worker's mean CPU was at most {100 * scaling.most:.0f} % of a processor")
            seen[scaling.name] = max(behind for _, behind, *_ in run.behind)
        if len(seen) == 2:
            check(f"scaling by CPU is later: {seen['cpu'] / 1000:.1f} s", seen["cpu"] > 2 * seen["drain"], results)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed, 0 skipped")
    sys.exit(0 if all(results) and results else 1)


main()
