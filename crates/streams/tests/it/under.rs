//! The engine that the services of the tests stand on: the one in memory, or over that one an engine as on a cluster,
//! whose offsets have gaps and which cannot close a log in place. The suite runs on both, and on each once more with a
//! second service that takes part in whatever is to be done.

use std::process::Command;
use std::sync::Arc;

use millstream_log::contract::SparseEngine;
use millstream_log::{LogEngine, MemoryEngine};
use parking_lot::Mutex;

/// Set to anything, it lets the suite run on the engine with gaps.
const SPARSE: &str = "MILLSTREAM_TEST_SPARSE_ENGINE";

/// Set to anything, it gives each service of the suite a second one beside it.
const SECOND: &str = "MILLSTREAM_TEST_SECOND_SERVICE";

/// What counts the steps of one service.
const OF_ONE_SERVICE: [&str; 2] = ["faults::", "reshard::"];

/// What looks at the offsets of the engine in memory or at what it has at hand, or brings an engine of its own.
const NOT_AGAIN: [&str; 9] = [
    "damage::",
    "encryption::",
    "gateways::",
    "hooks::",
    "no_room::",
    "read_turns::",
    "simulation::",
    "stopping::",
    "under::",
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

/// Whether a second service takes part.
pub(crate) fn has_second() -> bool {
    std::env::var_os(SECOND).is_some()
}

/// Runs this binary once more, which costs no second build.
fn again(settings: &[&str], skipped: &[&str], tests_min: u32) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.envs(settings.iter().map(|name| (name, "1")));
    again.arg("--quiet");
    for module in NOT_AGAIN.iter().chain(skipped) {
        again.arg("--skip").arg(module);
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
    again(&[SPARSE], &[], 85);
}

#[test]
fn the_suite_passes_with_a_second_service_on_the_engine() {
    again(&[SECOND], &OF_ONE_SERVICE, 70);
    again(&[SECOND, SPARSE], &OF_ONE_SERVICE, 70);
}
