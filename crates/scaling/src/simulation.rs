//! Thousands of days of made-up traffic, by seed: what the decision promises, looked at after every look.
//!
//! * never a second change within one settling time, so never to and fro;
//! * nothing that was given up is wanted again without a cause in the traffic, but where nobody knew what a worker can do;
//! * bounds are kept, and a shard that is hot because of one key is not split;
//! * who is stopped has handed over its leases;
//! * the application is behind by no more than the goal whenever as many workers as the bound allows could have kept up,
//!   once a change of the traffic has been seen for as long as it takes to follow it. What was left in a shard meanwhile
//!   is not held against it as long as a worker does nothing else: a shard has one.
//!
//! A look is taken every five minutes, and everything else is in proportion: a goal of three looks, a settling time of three,
//! a quiet time of twelve. `MILLSTREAM_CASES` multiplies the days.

mod cpu_rule;
mod rise;
mod weather;
mod world;

use crate::{Bounds, Decision, Reason, Rules, ShardChange, Traffic, Window, decide};

use self::cpu_rule::{CpuRule, WAITS_FOR_ITS_SINK};
use self::weather::Kind;
use self::world::World;

pub(crate) const LOOK_MS: u64 = 300_000;
const DAY_LOOKS: u64 = 24 * 60 * 60 * 1000 / LOOK_MS;
/// Days of one seed.
const DAYS: u64 = 25;
/// How long after a change of the weather the goal need not be kept: ten settling times, in which shards become sixteen
/// times as many and what was left meanwhile is done.
const REACTION_LOOKS: u64 = 30;

fn rules() -> Rules {
    Rules {
        behind_ms_max: 3 * LOOK_MS,
        workers: Bounds { min: 1, max: 24 },
        shards: Some(Bounds { min: 1, max: 48 }),
        look_ms: LOOK_MS,
        settling_ms: 3 * LOOK_MS,
        quiet_ms: 12 * LOOK_MS,
        cool_down_out_ms: 0,
        cool_down_in_ms: 12 * LOOK_MS,
        workers_per_shard_max: 1,
        shard: Traffic {
            records_per_s: 1_000.0,
            bytes_per_s: 1024.0 * 1024.0,
        },
        schedules: Vec::new(),
    }
}

/// What the days of a seed came to.
#[derive(Debug, Default, Clone, PartialEq)]
struct Days {
    grown: u32,
    shrunk: u32,
    splits: u32,
    merges: u32,
    tried: u32,
    hot_keys_named: u32,
    stood_still: u32,
    late_looks: u64,
    first_late: Option<String>,
    counted_looks: u64,
    workers_most: u32,
}

/// Something that was given up, and the most that came until then.
struct GivenUp {
    look: u64,
    peak_records_per_s: f64,
}

fn days(seed: u64, kind: Kind) -> Days {
    let rules = rules();
    assert_eq!(rules.check(), Ok(()));
    let mut world = World::new(seed, kind);
    let mut window = Window::new();
    let mut days = Days::default();
    let mut changed_at: Option<u64> = None;
    let mut given_up: Option<GivenUp> = None;
    let mut tried_at = 0;
    let mut peak = 0.0f64;
    for look in 0..DAYS * DAY_LOOKS {
        let seen = world.step(look, &rules);
        peak = peak.max(world.records_per_s());
        if world.is_calm(look, REACTION_LOOKS) {
            days.counted_looks += 1;
            days.late_looks += u64::from(world.is_late(&seen, &rules));
        }
        window.observe(&rules, seen);
        let decision = decide(&rules, &window);
        if days.late_looks > 0 && days.first_late.is_none() {
            days.first_late = Some(format!("look {look}: {decision:?}"));
        }
        for note in &decision.notes {
            days.hot_keys_named += u32::from(matches!(note, Reason::OneKey { .. }));
            days.stood_still += u32::from(matches!(note, Reason::StandsStill { .. }));
        }
        if decision.is_nothing() {
            continue;
        }
        let place = format!("seed {seed} {kind:?} look {look}: {decision:?}");
        assert!(
            changed_at.is_none_or(|at| (look - at) * LOOK_MS >= rules.settling_ms),
            "two changes within one settling time: {place}"
        );
        changed_at = Some(look);
        let bounds = rules.shards.expect("they are set");
        let (workers, shards) = (decision.workers_after(), decision.shards_after());
        assert!(
            (rules.workers.min..=rules.workers.max).contains(&workers),
            "{place}"
        );
        assert!((bounds.min..=bounds.max).contains(&shards), "{place}");
        let tries = decision
            .reasons()
            .any(|reason| matches!(reason, Reason::TriesFewer { .. }));
        let grows = workers > decision.figures.workers || shards > decision.figures.open_shards;
        let more_workers = workers > decision.figures.workers;
        if more_workers && let Some(gone) = given_up.take() {
            let is_soon = look - gone.look <= 2 * rules.quiet_ms / LOOK_MS;
            let is_caused = peak > 1.05 * gone.peak_records_per_s
                || !world.is_calm(look, REACTION_LOOKS)
                || look < tried_at + 8 * rules.quiet_ms / LOOK_MS;
            assert!(!is_soon || is_caused, "to and fro: {place}");
        }
        if workers < decision.figures.workers && !tries {
            // The most of the quiet time, which the decision saw.
            given_up = Some(GivenUp {
                look,
                peak_records_per_s: peak,
            });
        }
        if !grows {
            peak = world.records_per_s();
        }
        if tries {
            tried_at = look;
            world.disturbed(look);
        }
        days.count(&decision, tries);
        window.note(world.apply(look, &decision));
    }
    days
}

impl Days {
    fn count(&mut self, decision: &Decision, tries: bool) {
        let (workers, before) = (decision.workers_after(), decision.figures.workers);
        self.workers_most = self.workers_most.max(workers);
        self.grown += u32::from(workers > before);
        self.shrunk += u32::from(workers < before);
        self.tried += u32::from(tries);
        for change in &decision.shards {
            match change {
                ShardChange::Split { .. } => self.splits += 1,
                ShardChange::Merge { .. } => self.merges += 1,
            }
        }
    }
}

/// Seeds of each kind of weather.
fn seeds() -> u64 {
    const SEEDS: u64 = 20;
    let cases = std::env::var("MILLSTREAM_CASES").ok();
    // As for property tests: 256 are the usual ones.
    let cases = cases
        .and_then(|cases| cases.parse::<u64>().ok())
        .unwrap_or(256);
    (SEEDS * cases / 256).max(1)
}

fn all_seeds(kind: Kind) -> Vec<Days> {
    let days_of = |seed| {
        let days = days(seed, kind);
        assert_eq!(days.late_looks, 0, "{kind:?} {seed} {days:?}");
        days
    };
    let all: Vec<Days> = (1..=seeds()).map(days_of).collect();
    let counted: u64 = all.iter().map(|days| days.counted_looks).sum();
    // Otherwise little was looked at.
    assert!(
        3 * counted > seeds() * DAYS * DAY_LOOKS,
        "{kind:?} {counted}"
    );
    all
}

#[test]
fn constant_traffic_ends_in_rest() {
    for days in all_seeds(Kind::Constant) {
        // Once in six days fewer are tried, and taken back.
        assert!(days.grown + days.shrunk <= 2 * DAYS as u32, "{days:?}");
        assert!(days.splits + days.merges <= 60, "{days:?}");
    }
}

#[test]
fn steps_are_followed_up_and_down() {
    let all = all_seeds(Kind::Steps);
    assert!(
        all.iter()
            .any(|days| days.workers_most > 8 && days.merges > 0),
        "{all:?}"
    );
}

#[test]
fn ramps_are_followed() {
    let all = all_seeds(Kind::Ramps);
    assert!(
        all.iter().any(|days| days.splits > 0 && days.merges > 0),
        "{all:?}"
    );
}

#[test]
fn days_and_nights_are_followed() {
    let all = all_seeds(Kind::Days);
    let follow = all
        .iter()
        .filter(|days| days.grown > 10 && days.shrunk > 10);
    assert!(2 * follow.count() > all.len(), "{all:?}");
    assert!(all.iter().any(|days| days.workers_most > 4), "{all:?}");
}

#[test]
fn bursts_are_followed() {
    all_seeds(Kind::Bursts);
}

#[test]
fn a_hot_range_is_split_and_a_hot_key_is_named() {
    let all = all_seeds(Kind::HotKeys);
    assert!(all.iter().any(|days| days.hot_keys_named > 0), "{all:?}");
    assert!(all.iter().any(|days| days.splits > 0), "{all:?}");
}

#[test]
fn a_sink_that_hangs_is_named_and_caught_up_with() {
    let all = all_seeds(Kind::SinkHangs);
    assert!(all.iter().any(|days| days.stood_still > 0), "{all:?}");
}

/// By a target for CPU, where workers that do all they can use less than it.
fn late_looks_by_cpu(seed: u64, kind: Kind) -> u64 {
    let rules = rules();
    let mut world = World::new(seed, kind);
    let mut rule = CpuRule::new(WAITS_FOR_ITS_SINK);
    let mut late_looks = 0;
    for look in 0..DAYS * DAY_LOOKS {
        let seen = world.step(look, &rules);
        let behind_ms = seen.shards.iter().map(|shard| shard.behind_ms).max();
        late_looks += u64::from(behind_ms.is_some_and(|ms| ms > rules.behind_ms_max));
        if let Some(decision) = rule.decide(look, &seen, world.speed(), &rules) {
            world.apply(look, &decision);
        }
    }
    late_looks
}

#[test]
fn scaling_by_cpu_is_late_where_workers_wait() {
    for seed in 1..=3 {
        let by_cpu = late_looks_by_cpu(seed, Kind::Days);
        let days = days(seed, Kind::Days);
        // Also when it has not to be counted.
        assert!(
            by_cpu > 1_000 || days.workers_most <= 1,
            "{seed}: {by_cpu} {days:?}"
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_days() {
    assert_eq!(days(3, Kind::Bursts), days(3, Kind::Bursts));
}
