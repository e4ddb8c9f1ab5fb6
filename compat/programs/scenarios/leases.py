"""The scenario of consuming programs: two workers share a stream, one is killed, shards are split and merged.

Records flow all the time. The first worker starts, then the second; once both hold their part, a shard is split, one
worker is killed with kill -9, the other takes over, two shards are merged, and what is left is stopped gracefully. More
records come while nobody works; a third worker starts and finds all of them. Programs of one worker start again instead.
"""

import time

import checks
from traffic import SHARDS, Traffic
from world import Stuck, on_a_server

STOP_DEADLINE_S = 75
PUT_INTERVAL_S = 0.5
ROUNDS_WHILE_NOBODY_WORKS = 4


def run(program, folder, accepted, matrix):
    """Runs the scenario and judges everything that was seen."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        traffic = Traffic(here.kinesis, here.stream, PUT_INTERVAL_S)
        steps(program, here, traffic, outcome)
        judge(program, here, traffic.puts, outcome)
    return outcome


def steps(program, here, traffic, outcome):
    traffic.start()
    first = here.start("a")
    first_record(here, first, outcome)
    victim, heir = first, None
    if program["workers"] == 2:
        time.sleep(program.get("second_after_s", 0))
        second = here.start("b")
        victim, heir = (first, second) if program.get("kill") == "first" else (second, first)
        balance(here, program, first, second)
    reshards = program.get("reshards", True)
    if reshards:
        here.split(1)
    flowing(here, traffic)
    orphans = {visit.shard for visit in victim.visits() if not visit.ended} - set(here.ended_shards())
    victim.kill()
    heir = heir or here.start("b")
    here.until("the shards of the worker that was killed are taken over",
               lambda: taken_over(heir, orphans, victim.killed_ms).keys() >= orphans)
    if orphans != {"-"}:
        outcome.takeover_s = (max(taken_over(heir, orphans, victim.killed_ms).values()) - victim.killed_ms) / 1000
    if reshards:
        here.merge(5)
    flowing(here, traffic)
    traffic.stop()
    everything(program, here, traffic)
    stop(program, heir, outcome)
    for _ in range(ROUNDS_WHILE_NOBODY_WORKS):
        traffic.round()
    last = here.start("c")
    everything(program, here, traffic)
    stop(program, last, outcome)


def first_record(here, worker, outcome):
    """Waits for it and notes how long it took from the start of the process."""
    here.until("the first record", lambda: any(visit.records for visit in worker.visits()))
    first_ms = min(visit.records[0].at_ms for visit in worker.visits() if visit.records)
    outcome.first_s = (first_ms - worker.started_ms) / 1000


def held(*workers):
    """How many shards each worker holds: a shard is held by whoever began with it last."""
    newest = {}
    for worker in workers:
        for visit in worker.visits():
            if visit.shard not in newest or visit.started_ms > newest[visit.shard][1].started_ms:
                newest[visit.shard] = worker.name, visit
    return {worker.name: sum(name == worker.name and not visit.ended for name, visit in newest.values())
            for worker in workers}


def balance(here, program, *workers):
    """Waits until the workers hold all shards, about as many each; or until all get records, if they tell no shards."""
    if not program.get("tells_shards", True):
        here.until("records at every worker", lambda: all(worker.visits() for worker in workers))
        return
    spread_max = program.get("spread_max", 1)

    def is_balanced():
        now = held(*workers)
        return sum(now.values()) >= SHARDS and not checks.balanced(now, spread_max)

    try:
        here.until("leases in balance", is_balanced)
    except Stuck as stuck:
        raise Stuck(f"{stuck}: {checks.balanced(held(*workers), spread_max) or held(*workers)}") from None


def flowing(here, traffic):
    """Waits until records of two more rounds were put, and some of them came."""
    rounds = traffic.rounds
    here.until("more records were put", lambda: traffic.error or traffic.rounds > rounds + 2)
    here.until("more records come", lambda: any(
        record.number > rounds for visit in here.visits() for record in visit.records[-200:]))


def taken_over(heir, orphans, since_ms):
    """When the heir had the first record of each orphan."""
    found = {}
    for visit in heir.visits():
        times = [record.at_ms for record in visit.records if record.at_ms >= since_ms]
        if visit.shard in orphans and times:
            found.setdefault(visit.shard, times[0])
    return found


def everything(program, here, traffic):
    """Waits until all that was put has come, and all shards that were closed have come to their end."""
    here.until("all records", lambda: len(checks.first_deliveries(here.visits())) >= len(traffic.puts))
    if program.get("tells_ends", True):
        here.until("all ends of shards", lambda: set(here.ended_shards()) <= {
            visit.shard for visit in here.visits() if visit.ended == "end"})
    if program.get("leases") == "kcl":
        here.until("all checkpoints", lambda: not checkpoints(here, traffic.puts))


def checkpoints(here, puts):
    ended = here.ended_shards()
    alive = [shard["ShardId"] for shard in here.shards() if shard["ShardId"] not in ended]
    return checks.checkpoints_in_place(puts, here.kcl_checkpoints(), ended, alive)


def stop(program, worker, outcome):
    """A graceful stop; a version that is known to hang in it is killed, and it is noted."""
    if worker.stop(STOP_DEADLINE_S):
        return
    outcome.notes.append("hung in its graceful stop")
    if not program.get("stop_may_hang"):
        outcome.findings.append(f"{worker.name} did not stop within {STOP_DEADLINE_S} s of SIGTERM")


def judge(program, here, puts, outcome):
    """All checks over everything that was seen."""
    visits = here.visits()
    outcome.records, outcome.repeats = len(puts), checks.repeats(visits)
    outcome.findings += checks.every_record(puts, visits) + checks.order_in_shards(puts, visits)
    ended, parents = set(here.ended_shards()), here.parents()
    waits_for = program.get("waits_for_parents", "all")
    if waits_for == "all":
        outcome.findings += checks.order_in_keys(visits)
    apart_from = {(put.key, put.number) for put in puts if program.get("repeats_ended_shards") and put.shard in ended}
    for process in here.processes[1:]:
        apart_from |= checks.begun_with(process.visits(), program.get("begins_again_ms", 0))
    outcome.findings += checks.unexplained_repeats(visits, program.get("checkpoint_every_ms"), apart_from)
    if program.get("tells_ends", True):
        waited_for = {child: names[:1] if waits_for == "first" else names for child, names in parents.items()}
        outcome.findings += checks.parents_first(visits, waited_for)
    if program.get("leases") == "kcl":
        outcome.findings += checkpoints(here, puts)
