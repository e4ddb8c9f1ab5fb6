"""The scenario of programs that move records: what they read from one stream they put to another, which is judged.

Records flow all the time. A shard is split; the program, if it keeps its place, is killed with kill -9 and starts again;
two shards are merged; in the end it is stopped gracefully.
"""

import checks
from following import Follower, visits_of
from scenarios import leases
from traffic import SHARDS, Traffic
from world import on_a_server


def run(program, folder, accepted, matrix):
    """Runs the scenario and judges the copy."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        name = f"{here.stream}-copy"
        here.make_stream(name, SHARDS)
        here.env["COPY"] = name
        copy = Copy(here, name)
        traffic = Traffic(here.kinesis, here.stream, leases.PUT_INTERVAL_S)
        kill = steps(program, here, traffic, copy, outcome)
        judge(program, traffic.puts, copy.found, visits_of(copy.found, *kill), outcome)
    return outcome


class Copy:
    """What lies on the other stream."""

    def __init__(self, here, name):
        shards = [shard["ShardId"] for shard in here.shards(name)]
        self.follower, self.found = Follower(here.kinesis, name, shards), []

    def size(self):
        """How many different records lie there now."""
        self.found += self.follower.read()
        return len({found.text for found in self.found})

    def moves_on(self, here, traffic, what):
        """Waits until every key has a copy of a record that was put from now on."""
        rounds = traffic.rounds

        def has_moved():
            self.size()
            return {found.key for found in self.found if int(found.text.rsplit(":", 1)[1]) > rounds} >= set(traffic.keys)

        here.until(what, lambda: traffic.error or has_moved())


def steps(program, here, traffic, copy, outcome):
    """Answers when the program was killed and when it was started again, if it was."""
    traffic.start()
    worker, kill = here.start("a"), ()
    here.until("the first copy", copy.size)
    outcome.first_s = (min(found.arrived_ms for found in copy.found) - worker.started_ms) / 1000
    reshards = program.get("reshards", True)
    if reshards:
        here.split(1)
    copy.moves_on(here, traffic, "copies after the split")
    if program.get("keeps_place", True):
        worker.kill()
        killed_ms = worker.killed_ms
        copy.size()
        worker = here.start("b")
        kill = killed_ms, worker.started_ms
        copy.moves_on(here, traffic, "copies of the program that was started again")
        again_ms = min(found.arrived_ms for found in copy.found if found.arrived_ms >= worker.started_ms)
        outcome.takeover_s = (again_ms - killed_ms) / 1000
    if reshards:
        here.merge(5)
        copy.moves_on(here, traffic, "copies after the merge")
    traffic.stop()
    here.until("all copies", lambda: copy.size() >= len(traffic.puts))
    leases.stop(program, worker, outcome)
    copy.size()
    return kill


def judge(program, puts, copies, visits, outcome):
    """Every record lies on the other stream under its key, once if nothing was killed, in the order of its key."""
    outcome.records, outcome.repeats = len(puts), checks.repeats(visits)
    outcome.findings += checks.every_record(puts, visits)
    outcome.findings += checks.unexplained_repeats(visits, program.get("checkpoint_every_ms"))
    if program.get("waits_for_parents", "all") == "all":
        outcome.findings += checks.order_in_keys(visits)
    outcome.findings += checks.shown([
        f"{found.text} lies under {found.key}" for found in copies if found.text.rsplit(":", 1)[0] != found.key])
