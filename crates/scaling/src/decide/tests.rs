//! Single decisions, and their words.

mod dealing;

use millstream_types::{HashKey, HashKeyRange, ShardId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::observation::{cut_at, parts_at};
use crate::{
    Change, Cut, HotKey, Middle, Schedule, ShardChange, ShardObservation, Traffic,
    WorkerObservation,
};

const SPEED: f64 = 1_000.0;

/// A stream whose shards take the same, and workers that hold one each in turn.
struct Scene {
    rules: Rules,
    window: Window,
    now_ms: u64,
    workers: u32,
    shards: u32,
    without_lease: u32,
    records_per_s: f64,
    read_records_per_s: f64,
    behind_ms: u64,
    backlog_records: u64,
    middle: Middle,
    /// Shards that have an owner; the others wait for their parents.
    owned: u32,
    /// Shards that take something else; the others are done as they come then.
    apart: Option<Apart>,
}

#[derive(Clone, Copy)]
struct Apart {
    is_one: fn(u32) -> bool,
    records_per_s: f64,
    behind_ms: u64,
    backlog_records: u64,
}

fn scene(workers: u32, shards: u32) -> Scene {
    Scene {
        rules: Rules {
            shards: Some(Bounds { min: 1, max: 8 }),
            ..Rules::default()
        },
        window: Window::new(),
        now_ms: 1_000_000,
        workers,
        shards,
        without_lease: 0,
        records_per_s: 100.0,
        read_records_per_s: 100.0,
        behind_ms: 0,
        backlog_records: 0,
        middle: Middle::Unknown,
        owned: u32::MAX,
        apart: None,
    }
}

impl Scene {
    fn look(&mut self) {
        self.now_ms += self.rules.look_ms;
        let shards = HashKeyRange::uniform(self.shards)
            .zip(0..)
            .map(|(range, index)| self.shard(range, index));
        let shards = shards.collect();
        let worker = |index| WorkerObservation {
            id: format!("w{index}").into(),
        };
        let workers = (0..self.workers).map(worker).collect();
        let at = TimestampMs(self.now_ms);
        self.window.observe(
            &self.rules,
            Observation {
                at,
                shards,
                without_lease: self.without_lease,
                workers,
            },
        );
    }

    fn shard(&self, range: HashKeyRange, index: u32) -> ShardObservation {
        let owner = (self.workers > 0 && index < self.owned).then(|| index % self.workers);
        let (records_per_s, read_records_per_s, behind_ms, backlog_records) = match self.apart {
            Some(apart) if (apart.is_one)(index) => (
                apart.records_per_s,
                self.read_records_per_s,
                apart.behind_ms,
                apart.backlog_records,
            ),
            Some(_) => (self.records_per_s, self.records_per_s, 0, 0),
            None => (
                self.records_per_s,
                self.read_records_per_s,
                self.behind_ms,
                self.backlog_records,
            ),
        };
        ShardObservation {
            id: ShardId::new(index).unwrap(),
            range,
            is_open: true,
            incoming: Traffic {
                records_per_s,
                bytes_per_s: 100.0 * records_per_s,
            },
            read_records_per_s,
            backlog_records,
            behind_ms,
            owner,
            middle: self.middle.clone(),
        }
    }

    fn looks(&mut self, count: u32) -> &mut Self {
        (0..count).for_each(|_| self.look());
        self
    }

    /// As long as the quiet time, and a look more.
    fn quiet(&mut self) -> &mut Self {
        let count = self.rules.quiet_ms / self.rules.look_ms + 1;
        self.looks(count as u32)
    }

    fn knows_speed(&mut self) -> &mut Self {
        let measured_at = TimestampMs(self.now_ms);
        self.window.recall(Capacity {
            records_per_s: SPEED,
            measured_at,
        });
        self
    }

    fn shards_stay(&mut self) {
        self.rules.shards = None;
    }

    fn changed(&mut self) {
        self.window.note(Change {
            at: TimestampMs(self.now_ms),
            workers_before: self.workers,
            workers_after: self.workers,
            shards_before: self.shards,
            shards_after: self.shards,
            read_records_per_s: 0.0,
        });
    }

    fn decide(&self) -> Decision {
        decide(&self.rules, &self.window)
    }
}

use crate::Capacity;

fn said(decision: &Decision) -> String {
    let reasons: Vec<String> = decision.reasons().map(ToString::to_string).collect();
    reasons.join("; ")
}

#[test]
fn shards_that_have_no_lease_yet_count_against_the_most() {
    let mut scene = scene(4, 4);
    scene.records_per_s = 900.0;
    scene.middle = cut_at(HashKey(1 << 100));
    // Four of a bound of eight: all of them may be split.
    assert_eq!(scene.looks(3).decide().shards.len(), 4);
    // Their parents' other children wait until the parents are finished.
    scene.without_lease = 3;
    let decision = scene.looks(3).decide();
    assert_eq!(
        (decision.figures.open_shards, decision.shards.len()),
        (7, 1)
    );
    assert_eq!(decision.shards_after(), 8);
    assert!(said(&decision).contains("9 shards are wanted, and 8 are the most"));
}

#[test]
fn workers_grow_by_what_is_left_and_what_comes() {
    let mut scene = scene(2, 4);
    scene.knows_speed();
    (scene.records_per_s, scene.read_records_per_s) = (600.0, 500.0);
    (scene.behind_ms, scene.backlog_records) = (12_000, 7_500);
    let decision = scene.looks(3).decide();
    // 4 × (600 + (7,500 − 600 × 7.5) ÷ 30) = 2,800 a second; a worker does 1,000, for 85 % of its time.
    let change = decision.workers.as_ref().unwrap();
    assert_eq!((change.from, change.to), (2, 4));
    assert_eq!(
        said(&decision),
        "30000 records are left and 2400/s come; a worker does 1000/s, so 2 are too slow to be done within 30 s: 4 are wanted"
    );
}

#[test]
fn nothing_is_done_before_there_is_something_to_go_by() {
    let mut scene = scene(1, 1);
    assert_eq!(scene.looks(2).decide().notes, [Reason::TooFewLooks]);
    assert_eq!(Window::new().now(), None);
    let nothing = decide(&scene.rules, &Window::new());
    assert!(nothing.is_nothing());
}

#[test]
fn nothing_is_done_while_the_last_change_settles() {
    let mut scene = scene(1, 4);
    scene.records_per_s = 500.0;
    scene.knows_speed().looks(3);
    assert!(!scene.decide().is_nothing());
    scene.changed();
    let decision = scene.looks(5).decide();
    assert_eq!(decision.notes, [Reason::Settling { left_ms: 10_000 }]);
    assert!(!scene.looks(1).decide().is_nothing());
}

#[test]
fn a_cool_down_holds_growth_up() {
    let mut scene = scene(1, 2);
    scene.rules.cool_down_out_ms = 120_000;
    scene.records_per_s = 500.0;
    scene.knows_speed().changed();
    let decision = scene.looks(7).decide();
    assert!(decision.is_nothing());
    assert!(
        decision
            .notes
            .contains(&Reason::CoolingDown { left_ms: 50_000 }),
        "{decision:?}"
    );
    assert!(!scene.looks(5).decide().is_nothing());
}

#[test]
fn shards_bind_the_workers() {
    let mut scene = scene(1, 2);
    scene.rules.shards = None;
    scene.records_per_s = 3_000.0;
    let decision = scene.knows_speed().looks(3).decide();
    assert_eq!(decision.workers_after(), 2);
    let bound = Reason::BoundByShards {
        workers: 2,
        wanted: 8,
    };
    assert!(decision.notes.contains(&bound), "{decision:?}");
    scene.rules.workers_per_shard_max = 2;
    assert_eq!(scene.decide().workers_after(), 4);
}

#[test]
fn a_hot_shard_is_split_at_its_middle_and_a_hot_key_is_named() {
    let mut scene = scene(2, 2);
    scene.records_per_s = 800.0;
    let decision = scene.looks(3).decide();
    assert!(decision.is_nothing());
    assert_eq!(
        decision.notes[0],
        Reason::MiddleUnknown {
            shard: ShardId::FIRST
        }
    );
    // The same key for all: enough for what is asked here.
    scene.middle = cut_at(HashKey(12_345));
    let decision = scene.looks(3).decide();
    let [first, second] = &decision.shards[..] else {
        panic!("both are hot: {decision:?}");
    };
    assert!(matches!(
        first,
        ShardChange::Split {
            new_starting_hash_key: HashKey(12_345),
            ..
        }
    ));
    assert_eq!(
        second.reason().to_string(),
        "shardId-000000000001 takes 800 records/s and 80000 bytes/s, and a shard takes at most 1000 and 1048576"
    );
    scene.middle = Middle::OneKey(HotKey {
        hash_key: HashKey(7),
        partition_key: Some("everyone".into()),
        share: 0.93,
    });
    let decision = scene.looks(3).decide();
    assert!(decision.is_nothing());
    assert_eq!(
        decision.notes[0].to_string(),
        "shardId-000000000000 is hot because of one key, \"everyone\", with 93 % of its traffic: no split helps"
    );
}

#[test]
fn splits_stay_within_the_bound() {
    let mut scene = scene(2, 7);
    scene.records_per_s = 800.0;
    scene.middle = cut_at(HashKey(12_345));
    let decision = scene.looks(3).decide();
    assert_eq!((decision.shards.len(), decision.shards_after()), (1, 8));
    assert!(
        said(&decision).ends_with("9 shards are wanted, and 8 are the most"),
        "{}",
        said(&decision)
    );
}

/// Halves, and halves of halves.
fn halves(range: HashKeyRange, levels: u32) -> Middle {
    if levels == 0 {
        return Middle::Unknown;
    }
    let key = HashKey(range.start.0 + (range.end.0 - range.start.0) / 2 + 1);
    let [lower, upper] = parts_at(range, key);
    Middle::At(Box::new(Cut {
        key,
        below: 0.5,
        lower: halves(lower, levels - 1),
        upper: halves(upper, levels - 1),
    }))
}

#[test]
fn a_shard_is_cut_into_as_many_parts_as_it_needs_now() {
    let mut scene = scene(1, 1);
    scene.middle = halves(HashKeyRange::ALL, 4);
    scene.looks(2).records_per_s = 4_000.0;
    let decision = scene.looks(1).decide();
    let [ShardChange::Split { further, .. }] = &decision.shards[..] else {
        panic!("it is split: {decision:?}");
    };
    // Of eight parts each takes 500, of four each would take 1,000.
    assert_eq!((further.len(), decision.shards_after()), (6, 8));
    let mut keys = further.clone();
    keys.dedup();
    assert_eq!(keys.len(), 6);
    scene.rules.shards = Some(Bounds { min: 1, max: 5 });
    let decision = scene.decide();
    assert_eq!(decision.shards_after(), 5);
    assert!(said(&decision).ends_with("6 shards are wanted, and 5 are the most"));
    // What has passed is hot in the mean of the looks only.
    scene.records_per_s = 500.0;
    let decision = scene.looks(1).decide();
    assert_eq!(decision.shards_after(), 2);
}

/// The look at which a rise began saw little of it: one worker more would have been all for a settling time, while the shards
/// filled up.
#[test]
fn the_beginning_of_a_rise_is_not_answered() {
    let mut scene = scene(1, 4);
    scene.middle = halves(HashKeyRange::ALL, 4);
    scene.knows_speed();
    let rising = |scene: &mut Scene, records_per_s: f64| {
        scene.records_per_s = records_per_s;
        scene.looks(1).decide()
    };
    scene.looks(2);
    let decision = rising(&mut scene, 700.0);
    assert!(decision.is_nothing(), "{decision:?}");
    assert!(
        said(&decision).contains("2800 records/s come where 400 came"),
        "{decision:?}"
    );
    let decision = rising(&mut scene, 5_000.0);
    assert!(
        decision.shards_after() == 8 && decision.workers_after() > 1,
        "{decision:?}"
    );
}

#[test]
fn a_part_that_is_one_key_is_not_cut() {
    let mut scene = scene(1, 1);
    let Middle::At(mut cut) = halves(HashKeyRange::ALL, 3) else {
        panic!("it has levels");
    };
    cut.upper = Middle::OneKey(HotKey {
        hash_key: HashKey::default(),
        partition_key: None,
        share: 1.0,
    });
    scene.middle = Middle::At(cut);
    scene.records_per_s = 4_000.0;
    // The lower half in four, as far as is known where.
    assert_eq!(scene.looks(3).decide().shards_after(), 5);
}

#[test]
fn fewer_are_enough_only_after_the_quiet_time() {
    let mut scene = scene(4, 4);
    scene.knows_speed().records_per_s = 500.0;
    // Enough was seen, but within it also what needs all four.
    scene.quiet();
    scene.records_per_s = 50.0;
    scene.looks(20);
    let decision = scene.decide();
    assert!(decision.is_nothing(), "{decision:?}");
    let waits = Reason::NotQuietYet { quiet_ms: 600_000 };
    assert_eq!(decision.notes, [waits]);
    let decision = scene.quiet().decide();
    let change = decision.workers.as_ref().unwrap();
    assert_eq!((change.from, change.to), (4, 1));
    assert_eq!(change.hand_over.len(), 3);
    assert_eq!(
        change.reason.to_string(),
        "at most 200 records/s came within 600 s, and a worker does 1000/s: 1 are enough"
    );
    // Shards are merged once the workers are fewer: each keeps one until then.
    assert!(decision.shards.is_empty());
    scene.workers = 1;
    let decision = scene.quiet().decide();
    assert_eq!(decision.shards_after(), 2);
    assert!(decision.workers.is_none());
}

#[test]
fn neighbours_are_merged_only_after_the_quiet_time() {
    let mut scene = scene(1, 2);
    // One worker does both, so nothing but the quiet of the shards is in question.
    scene.knows_speed().records_per_s = 200.0;
    scene.quiet();
    scene.records_per_s = 20.0;
    let decision = scene.looks(20).decide();
    assert!(decision.is_nothing(), "{decision:?}");
    let decision = scene.quiet().decide();
    assert_eq!(decision.shards_after(), 1);
    assert_eq!(
        said(&decision),
        "both together took at most 40 records/s and 4000 bytes/s within 600 s"
    );
}

proptest! {
    /// Whatever the quiet time was like, who stays could have done its peak, and what is merged could have taken it.
    #[test]
    fn what_is_given_up_was_not_needed_at_any_look(
        rates in vec(0.0..500.0f64, 1..6), lasts in 8u32..40, workers in 1u32..6, shards in 1u32..8,
    ) {
        let mut scene = scene(workers, shards);
        scene.knows_speed().quiet();
        let mut seen = Vec::new();
        for rate in rates {
            (scene.records_per_s, scene.read_records_per_s) = (rate, rate);
            scene.looks(lasts);
            seen.extend(std::iter::repeat_n(rate, lasts as usize));
            let quiet = scene.rules.quiet_ms / scene.rules.look_ms + 1;
            // Before these there was what a scene begins with.
            let unseen = (seen.len() < quiet as usize).then_some(100.0);
            let peak = seen.iter().rev().take(quiet as usize).copied().chain(unseen).fold(0.0, f64::max);
            let decision = scene.decide();
            if decision.workers_after() < workers {
                let could = 0.6 * SPEED * f64::from(decision.workers_after());
                prop_assert!(f64::from(shards) * peak <= could + 1e-6, "{peak}: {decision:?}");
            }
            if decision.shards_after() < shards {
                prop_assert!(2.0 * peak <= 350.0 + 1e-6, "{peak}: {decision:?}");
            }
        }
    }
}

#[test]
fn who_holds_least_hands_over_first() {
    let mut scene = scene(3, 4);
    scene.knows_speed().records_per_s = 100.0;
    let decision = scene.quiet().decide();
    // w0 holds two shards, w1 and w2 one each.
    let names: Vec<&str> = decision
        .workers
        .as_ref()
        .unwrap()
        .hand_over
        .iter()
        .map(|id| &**id)
        .collect();
    assert_eq!(names, ["w1", "w2"]);
}

#[test]
fn bounds_and_schedules_are_asked_first() {
    let mut scene = scene(0, 1);
    let decision = scene.looks(3).decide();
    assert_eq!(decision.workers_after(), 1);
    assert_eq!(said(&decision), "0 workers, and there are to be at least 1");
    scene.rules.schedules = vec![Schedule {
        from: 0,
        to: 0,
        days: (1..=7).collect(),
        utc_offset_minutes: 0,
        workers_min: 3,
        shards_min: 2,
    }];
    let decision = scene.decide();
    assert_eq!((decision.workers_after(), decision.shards_after()), (3, 2));
    scene.workers = 12;
    scene.rules.schedules.clear();
    let decision = scene.looks(3).decide();
    let change = decision.workers.unwrap();
    assert_eq!((change.to, change.hand_over.len()), (10, 2));
}

#[test]
fn a_sink_that_hangs_is_named_and_gets_no_more_workers() {
    let mut scene = scene(2, 4);
    scene.knows_speed();
    (
        scene.read_records_per_s,
        scene.behind_ms,
        scene.backlog_records,
    ) = (0.0, 60_000, 6_000);
    scene.middle = cut_at(HashKey(12_345));
    let decision = scene.looks(3).decide();
    assert!(decision.is_nothing(), "{decision:?}");
    assert_eq!(
        decision.notes[0].to_string(),
        "2 workers finish nothing though 24000 records are left: more of them do not help whatever they wait for"
    );
}

#[test]
fn growth_that_did_not_help_is_not_repeated_at_once() {
    let mut scene = scene(4, 8);
    (scene.records_per_s, scene.behind_ms, scene.backlog_records) = (300.0, 60_000, 20_000);
    scene.read_records_per_s = 125.0;
    scene.window.note(Change {
        at: TimestampMs(scene.now_ms),
        workers_before: 2,
        workers_after: 4,
        shards_before: 8,
        shards_after: 8,
        read_records_per_s: 950.0,
    });
    let decision = scene.looks(8).decide();
    assert!(decision.workers.is_none());
    assert!(
        said(&decision).contains(
            "4 workers do 1000 records/s, and 2 did 950/s: something that they share is the limit"
        ),
        "{}",
        said(&decision)
    );
    // Whoever waits for a shard did not have the time to help.
    scene.owned = 2;
    assert!(scene.looks(1).decide().workers.is_some());
    scene.owned = u32::MAX;
    assert!(scene.looks(1).decide().workers.is_none());
    assert!(scene.quiet().decide().workers.is_some());
}

#[test]
fn one_fewer_is_tried_where_nobody_knows_what_a_worker_can_do() {
    let mut scene = scene(4, 4);
    let decision = scene.quiet().decide();
    let change = decision.workers.as_ref().unwrap();
    assert_eq!((change.from, change.to), (4, 3));
    assert!(matches!(
        change.reason,
        Reason::TriesFewer { behind_ms: 0, .. }
    ));
}

#[test]
fn what_a_worker_can_do_is_seen_when_it_always_has_something_to_do() {
    let mut scene = scene(2, 4);
    assert_eq!(scene.looks(5).window.capacity(), None);
    (
        scene.behind_ms,
        scene.backlog_records,
        scene.read_records_per_s,
    ) = (20_000, 9_000, 400.0);
    scene.looks(2);
    let capacity = scene.window.capacity().unwrap();
    assert_eq!(
        (capacity.records_per_s, capacity.measured_at.0),
        (800.0, scene.now_ms)
    );
    // What moves is no measure, and neither is who stands still.
    scene.read_records_per_s = 0.0;
    scene.looks(2);
    assert_eq!(scene.window.capacity(), Some(capacity));
    scene.read_records_per_s = 100.0;
    scene.changed();
    scene.looks(5);
    assert_eq!(scene.window.capacity(), Some(capacity));
}

#[test]
fn a_clock_that_is_set_back_is_waited_for() {
    let mut scene = scene(1, 1);
    scene.looks(4);
    let last = scene.window.now().unwrap().at;
    scene.now_ms -= 30_000;
    scene.looks(2);
    assert_eq!(scene.window.now().unwrap().at, last);
}

#[test]
fn a_decision_is_written_as_json() {
    let mut scene = scene(1, 2);
    scene.records_per_s = 800.0;
    scene.middle = cut_at(HashKey(1 << 100));
    let json = serde_json::to_value(scene.looks(3).decide()).unwrap();
    assert_eq!(json["shards"][0]["change"], "split");
    assert_eq!(json["shards"][0]["shard"], "shardId-000000000000");
    assert_eq!(
        json["shards"][0]["new_starting_hash_key"],
        "1267650600228229401496703205376"
    );
    assert_eq!(json["shards"][0]["reason"]["why"], "hot_for_shard");
    let comes = json["figures"]["ingest_records_per_s"].as_f64().unwrap();
    assert!((comes - 1600.0).abs() < 1e-6, "{comes}");
}
