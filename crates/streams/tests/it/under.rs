//! What the services of the tests stand on, and how many there are: the engine in memory, or over that one an engine as on a
//! cluster, whose offsets have gaps and which cannot close a log in place; one service, or two of them on the same engine
//! that are called in turn, so that each sees what the other did. The suite runs in all four ways.

use std::process::Command;
use std::sync::Arc;

use millstream_log::contract::SparseEngine;
use millstream_log::{LogEngine, MemoryEngine};
use parking_lot::Mutex;

/// Set to anything, it lets the suite run on the engine with gaps.
const SPARSE: &str = "MILLSTREAM_TEST_SPARSE_ENGINE";

/// Set to anything, it lets the suite run on two services, each called after the other.
const SECOND: &str = "MILLSTREAM_TEST_SECOND_SERVICE";

/// What brings engines and services of its own.
const NOT_AGAIN: [&str; 3] = ["gateways::", "simulation::", "under::"];

/// What looks at the offsets of the engine in memory, or at what it has at hand.
const OF_THE_ENGINE_IN_MEMORY: [&str; 4] = [
    "damage::",
    "read_turns::what_is_in_memory_is_read_and_pushed_while_every_turn_waits_for_the_disk",
    "stopping::a_stopped_service_refuses_calls_and_leaves_a_snapshot",
    "stopping::snapshots_follow_the_commands_and_old_commands_are_trimmed",
];

/// What a service counts that it did itself, and the subscriptions that it has open.
const OF_ONE_SERVICE: [&str; 4] = [
    "damage::readers_that_are_to_pass_over_damage_are_counted",
    "hot_keys::what_is_put_is_counted_in_its_shard",
    "stopping::snapshots_follow_the_commands_and_old_commands_are_trimmed",
    "subscriptions::a_later_subscription_takes_over_after_five_seconds",
];

/// Puts an engine over the one in memory. It keeps over restarts what that engine knows of logs that are closed.
#[derive(Debug, Default)]
pub(crate) struct Under(Mutex<Option<Arc<SparseEngine>>>);

impl Under {
    /// The engine once `memory` is the one below.
    pub(crate) fn on(&self, memory: MemoryEngine) -> Arc<dyn LogEngine> {
        let memory = Arc::new(memory);
        if !is_sparse() {
            return memory;
        }
        let mut last = self.0.lock();
        let engine = Arc::new(match &*last {
            None => SparseEngine::new(memory),
            Some(last) => last.reopened(memory),
        });
        *last = Some(engine.clone());
        engine
    }
}

/// Whether offsets have gaps.
pub(crate) fn is_sparse() -> bool {
    std::env::var_os(SPARSE).is_some()
}

/// Whether two services are called in turn.
pub(crate) fn has_second() -> bool {
    std::env::var_os(SECOND).is_some()
}

/// Runs this binary once more, which costs no second build.
fn again(settings: &[&str], skipped: &[&str], tests_min: u32) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.envs(settings.iter().map(|name| (name, "1")));
    again.arg("--quiet");
    for test in NOT_AGAIN.iter().chain(skipped) {
        again.arg("--skip").arg(test);
    }
    let ran = again.output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}");
    let passed = told.split_once(" passed").map_or("", |(before, _)| before);
    let passed = passed.rsplit(' ').next().unwrap_or("");
    let passed: u32 = passed.parse().unwrap_or(0);
    assert!(passed >= tests_min, "{told}");
}

#[test]
fn the_suite_passes_on_an_engine_with_gaps_that_cannot_close_a_log_in_place() {
    again(&[SPARSE], &OF_THE_ENGINE_IN_MEMORY, 125);
}

#[test]
fn the_suite_passes_on_two_services_that_are_called_in_turn() {
    again(&[SECOND], &OF_ONE_SERVICE, 130);
}

#[test]
fn the_suite_passes_on_two_services_in_turn_over_an_engine_with_gaps() {
    let skipped = [OF_THE_ENGINE_IN_MEMORY, OF_ONE_SERVICE].concat();
    again(&[SECOND, SPARSE], &skipped, 125);
}
