"""The judge is judged: each fault that it is there for turns it red, and a run without fault leaves it green."""

import re

import checks
import ledger
import processes
import pytest
from following import Found, visits_of

KEYS = 4
ROUNDS = 6


@pytest.fixture
def puts():
    """Records of two shards, in the order of their sequence numbers."""
    return [
        checks.Put(f"key-{key}", number, f"shard-{key % 2}", 100 * number + key)
        for number in range(ROUNDS) for key in range(KEYS)
    ]


def run_of(puts, shard, worker="a", start=0, end=None, ended="stop", checkpointed=None, at_ms=1_000):
    """A visit that saw records of a shard from `start` to `end`, one each millisecond."""
    names = [put for put in puts if put.shard == shard][start:end]
    visit = ledger.Visit(worker, shard, at_ms)
    visit.records = [ledger.Record(put.key, put.number, at_ms + index) for index, put in enumerate(names)]
    visit.checkpointed = len(names) if checkpointed is None else checkpointed
    visit.ended, visit.ended_ms = ended, at_ms + len(names)
    return visit


def findings(puts, visits, **options):
    return (
        checks.every_record(puts, visits) + checks.order_in_shards(puts, visits) + checks.order_in_keys(visits)
        + checks.unexplained_repeats(visits, **options)
    )


def test_a_run_without_fault_is_green(puts):
    assert findings(puts, [run_of(puts, "shard-0"), run_of(puts, "shard-1", "b")]) == []


def test_a_lost_record_is_red(puts):
    visits = [run_of(puts, "shard-0"), run_of(puts, "shard-1", end=-1)]
    assert checks.every_record(puts, visits) == ["key-3:5 of shard-1 never came"]


def test_a_record_left_out_in_the_middle_is_red_for_order_too(puts):
    visit = run_of(puts, "shard-0")
    del visit.records[4]
    assert checks.order_in_shards(puts, [visit]) == ["a, shard-0: key-2:2 is 5 after 3"]


def test_a_record_that_nobody_put_is_red(puts):
    visit = run_of(puts, "shard-0")
    visit.records.append(ledger.Record("key-0", 99, 2_000))
    assert "key-0:99 came and was never put" in checks.every_record(puts, [visit, run_of(puts, "shard-1")])


def test_a_record_of_another_shard_is_red(puts):
    visits = [run_of(puts, "shard-0"), run_of(puts, "shard-1")]
    visits[0].records.append(visits[1].records.pop())
    assert checks.every_record(puts, visits) == ["key-3:5 of shard-1 came as of shard-0"]


def test_a_swapped_order_is_red(puts):
    visit = run_of(puts, "shard-0")
    first, second = visit.records[2], visit.records[4]
    visit.records[2], visit.records[4] = second, first
    assert checks.order_in_shards(puts, [visit])


def test_an_order_swapped_within_a_key_is_red_where_no_shard_is_told(puts):
    visit = run_of(puts, "shard-0")
    visit.shard = "-"
    assert checks.order_in_keys([visit]) == []
    one, other = visit.records[0], visit.records[2]  # Two of the same key.
    visit.records[0], visit.records[2] = (
        ledger.Record(other.key, other.number, one.at_ms), ledger.Record(one.key, one.number, other.at_ms))
    assert checks.order_in_keys([visit]) == ["key-0:1 came 2 ms before key-0:0"]


def test_what_was_in_doubt_at_a_kill_may_come_again(puts):
    killed = run_of(puts, "shard-0", end=6, ended="killed", checkpointed=4)
    heir = run_of(puts, "shard-0", "b", start=4, at_ms=5_000)
    assert findings(puts, [killed, heir, run_of(puts, "shard-1")]) == []
    assert checks.repeats([killed, heir]) == 2


def test_a_repeat_of_what_was_checkpointed_is_red(puts):
    killed = run_of(puts, "shard-0", end=6, ended="killed", checkpointed=4)
    heir = run_of(puts, "shard-0", "b", start=3, at_ms=5_000)
    assert checks.unexplained_repeats([killed, heir]) == ["key-2:1 came 2 times, each time for good"]


def test_what_a_program_begins_with_may_come_again_where_that_is_said(puts):
    heir = run_of(puts, "shard-0", "b", start=4, at_ms=5_000)
    heir.records += [ledger.Record(record.key, record.number, 9_000) for record in heir.records[:2]]
    apart_from = checks.begun_with([heir], begins_again_ms=2)
    assert checks.unexplained_repeats([heir], apart_from=apart_from) == []
    heir.records.append(ledger.Record(heir.records[2].key, heir.records[2].number, 9_000))
    assert checks.unexplained_repeats([heir], apart_from=apart_from) == ["key-0:3 came 2 times, each time for good"]
    assert checks.begun_with([heir], 0) == set()


def test_a_repeat_after_a_graceful_stop_is_red(puts):
    stopped = run_of(puts, "shard-0", end=6, ended="stop", checkpointed=4)
    heir = run_of(puts, "shard-0", "b", start=5, at_ms=5_000)
    assert checks.unexplained_repeats([stopped, heir])


def test_a_repeat_is_pardoned_only_where_the_library_is_known_for_it(puts):
    stopped, heir = run_of(puts, "shard-0", end=6), run_of(puts, "shard-0", "b", start=4, at_ms=5_000)
    names = [(record.key, record.number) for record in stopped.records[4:]]
    assert checks.unexplained_repeats([stopped, heir], apart_from=set(names)) == []
    assert checks.unexplained_repeats([stopped, heir], apart_from=set(names[:1]))


def test_a_repeat_older_than_the_librarys_own_checkpoints_is_red(puts):
    killed = run_of(puts, "shard-0", end=6, ended="killed", checkpointed=0)  # Its records came at 1000 to 1005.
    heir = run_of(puts, "shard-0", "b", start=4, at_ms=5_000)
    assert checks.unexplained_repeats([killed, heir], checkpoint_every_ms=2) == []
    heir = run_of(puts, "shard-0", "b", start=3, at_ms=5_000)
    assert checks.unexplained_repeats([killed, heir], checkpoint_every_ms=2)


def test_a_child_before_the_end_of_its_parent_is_red(puts):
    parent, child = run_of(puts, "shard-0", ended="end"), run_of(puts, "shard-1", at_ms=5_000)
    parents = {"shard-1": ["shard-0"]}
    assert checks.parents_first([parent, child], parents) == []
    parent.ended_ms = 5_001
    assert checks.parents_first([parent, child], parents) == ["shard-1 came before its parent shard-0 had ended"]
    parent.ended = "lost"
    assert checks.parents_first([parent, child], parents) == ["shard-1 was begun and its parent shard-0 never ended"]


def test_leases_out_of_balance_are_red():
    assert checks.balanced({"a": 5, "b": 4}, spread_max=1) == []
    assert checks.balanced({"a": 6, "b": 3}, spread_max=1)
    assert checks.balanced({"a": 8, "b": 0}, spread_max=4)


def test_a_checkpoint_out_of_place_is_red(puts):
    last = str(max(put.sequence for put in puts if put.shard == "shard-1"))
    good = {"shard-0": "SHARD_END", "shard-1": last}
    assert checks.checkpoints_in_place(puts, good, ["shard-0"], ["shard-1"]) == []
    assert checks.checkpoints_in_place(puts, {"shard-1": last}, ["shard-0"], ["shard-1"]) == [], "cleaned up"
    assert checks.checkpoints_in_place(puts, {**good, "shard-0": "42"}, ["shard-0"], ["shard-1"])
    assert checks.checkpoints_in_place(puts, {**good, "shard-1": "42"}, ["shard-0"], ["shard-1"])
    assert checks.checkpoints_in_place(puts, {"shard-0": "SHARD_END"}, ["shard-0"], ["shard-1"])


def test_a_warning_that_nobody_accepted_is_red():
    accepted = [re.compile("Subscriber cancelled")]
    lines = ["WARN Subscriber cancelled 1", "WARN lost 7 records", "WARN lost 8 records"]
    assert checks.unaccepted(lines, accepted) == ["WARN lost 7 records"]


def test_a_warning_has_the_exception_that_follows_it():
    lines = ["INFO begins", "WARN - Could not publish 20 datums", "java.util.concurrent.TimeoutException", "\tat java.base",
             "ERROR lost", "a.b.LostException: all of it", "WARN the last"]
    assert processes.warnings_in(lines) == [
        "WARN - Could not publish 20 datums (java.util.concurrent.TimeoutException)", "ERROR lost (a.b.LostException)",
        "WARN the last"]


def test_a_ledger_is_read_as_it_was_told(tmp_path):
    path = tmp_path / "a.ledger"
    path.write_text(
        "1 start s-0\n2 record s-0 k-1:7\n3 checkpoint s-0\n4 record s-0 k:1:8\n5 start s-1\n6 end s-1\n7 record s-0 k-1:"
    )
    first, second = ledger.visits("a", path, killed_ms=9)
    assert (first.ended, first.ended_ms, first.checkpointed) == ("killed", 9, 1)
    assert [(record.key, record.number) for record in first.records] == [("k-1", 7), ("k:1", 8)], "half a line is left out"
    assert (second.shard, second.ended, second.ended_ms) == ("s-1", "end", 6)


@pytest.fixture
def copies(puts):
    """A copy of everything, a record each second; the program was killed at 12.5 s and starts again at 15 s."""
    return [Found(put.shard, "0", put.key, f"{put.key}:{put.number}", 1_000 * index) for index, put in enumerate(puts)]


def test_what_was_copied_just_before_a_kill_may_be_copied_again(copies):
    again = [Found(found.shard, "1", found.key, found.text, 15_500) for found in copies[11:13]]
    visits = visits_of(copies + again, killed_ms=12_500, again_ms=15_000)
    assert checks.unexplained_repeats(visits, checkpoint_every_ms=3_000) == []
    assert checks.repeats(visits) == 2


def test_what_was_copied_long_before_a_kill_and_again_is_red(copies):
    again = [Found(copies[5].shard, "1", copies[5].key, copies[5].text, 15_500)]
    visits = visits_of(copies + again, killed_ms=12_500, again_ms=15_000)
    assert checks.unexplained_repeats(visits, checkpoint_every_ms=3_000) == ["key-1:1 came 2 times, each time for good"]


def test_what_was_copied_twice_without_a_kill_is_red(copies):
    assert checks.unexplained_repeats(visits_of([*copies, copies[-1]])) == ["key-3:5 came 2 times, each time for good"]
