//! Traffic that rises at once to forty times what it was, and falls again: by drain time, and by CPU beside it.

use millstream_types::TimestampMs;

use super::cpu_rule::{COMPUTES, CpuRule, WAITS_FOR_ITS_SINK};
use super::world::World;
use super::{LOOK_MS, rules};
use crate::{Bounds, Capacity, Decision, Observation, Rules, Window, decide};

const LOOKS: u64 = 480;
const GOAL_LOOKS: u64 = 15;
const SHARDS_MAX: u32 = 32;

fn rise_rules() -> Rules {
    let rules = Rules {
        behind_ms_max: GOAL_LOOKS * LOOK_MS,
        workers: Bounds { min: 1, max: 32 },
        shards: Some(Bounds {
            min: 4,
            max: SHARDS_MAX,
        }),
        settling_ms: 4 * LOOK_MS,
        quiet_ms: 20 * LOOK_MS,
        cool_down_in_ms: 20 * LOOK_MS,
        ..rules()
    };
    assert_eq!(rules.check(), Ok(()));
    rules
}

/// What became of it.
#[derive(Debug, Default)]
struct Rise {
    most_behind_looks: u64,
    most_workers: usize,
    /// Workers, open shards and records that are left.
    last: (usize, usize, u64),
    story: Vec<String>,
}

/// Lets it come and go.
fn rise(
    mut world: World,
    rules: &Rules,
    mut decides: impl FnMut(u64, Observation, &mut World) -> Option<Decision>,
) -> Rise {
    let mut rise = Rise::default();
    for look in 0..LOOKS {
        let seen = world.step(look, rules);
        let behind_ms = seen.shards.iter().map(|shard| shard.behind_ms).max();
        let behind_looks = behind_ms.unwrap_or(0) / LOOK_MS;
        rise.most_behind_looks = rise.most_behind_looks.max(behind_looks);
        rise.most_workers = rise.most_workers.max(seen.workers.len());
        let left = seen.shards.iter().map(|shard| shard.backlog_records).sum();
        rise.last = (seen.workers.len(), seen.open_shards().count(), left);
        if let Some(decision) = decides(look, seen, &mut world) {
            let (workers, shards) = (decision.workers_after(), decision.shards_after());
            rise.story
                .push(format!("{look}: {workers} workers, {shards} shards"));
        }
    }
    rise
}

fn by_drain_time() -> Rise {
    let rules = rise_rules();
    let world = World::before_a_rise(4);
    let mut window = Window::new();
    window.recall(Capacity {
        records_per_s: world.speed(),
        measured_at: TimestampMs(0),
    });
    rise(world, &rules, |look, seen, world| {
        window.observe(&rules, seen);
        let decision = decide(&rules, &window);
        if decision.is_nothing() {
            return None;
        }
        window.note(world.apply(look, &decision));
        Some(decision)
    })
}

/// With all the shards from the start: the rule knows nothing of shards.
fn by_cpu(cpu_at_limit: f64) -> Rise {
    let rules = rise_rules();
    let mut rule = CpuRule::new(cpu_at_limit);
    rise(
        World::before_a_rise(SHARDS_MAX),
        &rules,
        |look, seen, world| {
            let decision = rule.decide(look, &seen, world.speed(), &rules)?;
            world.apply(look, &decision);
            Some(decision)
        },
    )
}

/// While shards double at most, each doubling takes a settling time in which the parents fill up, and whoever reads them
/// reads nothing else: as many parts as the traffic needs have to be cut at once.
#[test]
fn a_rise_to_forty_times_is_followed_within_the_goal() {
    let rise = by_drain_time();
    assert!(rise.most_behind_looks <= GOAL_LOOKS, "{rise:#?}");
    let (workers, shards, _) = rise.last;
    assert_eq!((workers, shards), (1, 4), "{rise:#?}");
    // Up in a few steps, and down without a way back.
    assert!(rise.story.len() <= 10, "{rise:#?}");
}

/// The same traffic by CPU, which a worker that waits for its sink hardly uses: it is never followed. That the rule is as good
/// as others are is seen where workers compute: there it is.
#[test]
fn the_same_rise_is_lost_by_cpu_where_workers_wait() {
    let waiting = by_cpu(WAITS_FOR_ITS_SINK);
    assert!(
        waiting.most_behind_looks > 10 * by_drain_time().most_behind_looks.max(1),
        "{waiting:#?}"
    );
    assert!(waiting.last.2 > 0, "it is behind at the end: {waiting:#?}");
    assert_eq!(waiting.most_workers, 1, "{waiting:#?}");
    let computing = by_cpu(COMPUTES);
    assert!(computing.most_workers >= 20, "{computing:#?}");
    assert!(
        computing.most_behind_looks < 3 * GOAL_LOOKS,
        "{computing:#?}"
    );
}
