//! Any sequence of operations has the effects that a simple model predicts.

mod model;
mod operation;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use millstream_types::WallClock;
use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::seeds::setting;
use super::{Subject, Trial, run};
use model::Model;
use operation::Operation;

const CASES_DEFAULT: u32 = 64;
const OPERATIONS_MAX: usize = 60;

/// Runs random operations on fresh engines; see the suite's own page for the settings.
///
/// # Panics
/// If an engine and the model disagree, with the shortest sequence of operations found.
pub fn run_random<F>(factory: F, may_reopen: fn() -> bool)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
{
    let cases = setting("MILLSTREAM_CASES").unwrap_or(u64::from(CASES_DEFAULT));
    let seed =
        setting("MILLSTREAM_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("MILLSTREAM_CASES={cases} MILLSTREAM_SEED={seed}");
    let mut runner = TestRunner::new(Config {
        cases: u32::try_from(cases).expect("the number of cases is below 2^32"),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    });
    let operations = vec(operation::any(may_reopen()), 1..=OPERATIONS_MAX);
    let outcome = runner.run(&operations, |operations| {
        run(&factory, async |trial: &mut Trial| {
            agree(trial, operations).await;
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("MILLSTREAM_SEED={seed}: {failure}");
    }
}

/// Operations on an engine that runs all the time.
pub fn operations_agree_with_a_model() -> bool {
    false
}

/// Operations on an engine that is stopped and opened again in between.
pub fn operations_agree_with_a_model_across_restarts() -> bool {
    true
}

async fn agree(trial: &mut Trial, operations: Vec<Operation>) {
    let mut model = Model::new(trial.engine().caps());
    for operation in operations {
        model.apply(trial, operation).await;
    }
    model.check_all(trial).await;
}
