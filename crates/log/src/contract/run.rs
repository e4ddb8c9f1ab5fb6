//! Runs one case on a fresh engine.

use std::sync::Arc;
use std::time::Duration;

use millstream_types::WallClock;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{ManualClock, Subject, Trial};
use crate::{Caps, SnapshotStore};

/// Longer than any case waits; whatever takes longer hangs.
const CASE_DEADLINE: Duration = Duration::from_secs(60);

/// Runs a case on a runtime of one thread, with paused time where the subject allows it.
///
/// # Panics
/// If the case fails, hangs, or the engine does not stop afterwards.
pub fn run<F, C>(factory: F, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    let runtime = Builder::new_current_thread().enable_all().build();
    run_on(&runtime.expect("a runtime starts"), true, &factory, case);
}

/// Runs a case on a runtime of several threads, in real time.
///
/// # Panics
/// As [`run`].
pub fn run_on_threads<F, C>(factory: F, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    run_on(&runtime.expect("a runtime starts"), false, &factory, case);
}

/// As [`run`], for a case that is about dense offsets: an engine without them has nothing to show.
///
/// # Panics
/// As [`run`].
pub fn run_where_dense<F, C>(factory: F, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    run_where(factory, |caps| caps.dense_offsets, case);
}

/// As [`run`], for a case about what stands behind a CLOSE: where it is closed in place.
///
/// # Panics
/// As [`run`].
pub fn run_where_in_place<F, C>(factory: F, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    run_where(factory, |caps| caps.closes_in_place, case);
}

fn run_where<F, C>(factory: F, can: fn(Caps) -> bool, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    run(factory, async |trial: &mut Trial| {
        if can(trial.engine().caps()) {
            case(trial).await;
        }
    });
}

/// As [`run`], for a case after which the engine does not stop cleanly.
///
/// # Panics
/// If the case fails or hangs.
pub fn run_to_failure<F, C>(factory: F, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    let runtime = Builder::new_current_thread().enable_all().build();
    let whole = async {
        let clock = Arc::new(ManualClock::default());
        let subject = factory(Arc::clone(&clock) as Arc<dyn WallClock>).await;
        case(&mut Trial::new(subject, clock)).await;
    };
    let ended = runtime
        .expect("a runtime starts")
        .block_on(async { timeout(CASE_DEADLINE, whole).await });
    ended.expect("the case ends in time");
}

/// Runs a case of a snapshot store.
///
/// # Panics
/// If the case fails or hangs.
pub fn run_store<F, S, C>(factory: F, case: C)
where
    F: AsyncFn() -> S,
    S: SnapshotStore,
    C: AsyncFnOnce(&dyn SnapshotStore),
{
    let runtime = Builder::new_current_thread().enable_all().build();
    let whole = async { case(&factory().await).await };
    let ended = runtime
        .expect("a runtime starts")
        .block_on(async { timeout(CASE_DEADLINE, whole).await });
    ended.expect("the case ends in time");
}

fn run_on<F, C>(runtime: &Runtime, may_pause: bool, factory: &F, case: C)
where
    F: AsyncFn(Arc<dyn WallClock>) -> Subject,
    C: AsyncFnOnce(&mut Trial),
{
    let whole = async {
        let clock = Arc::new(ManualClock::default());
        let subject = factory(Arc::clone(&clock) as Arc<dyn WallClock>).await;
        if may_pause && subject.time_may_pause {
            tokio::time::pause();
        }
        let mut trial = Trial::new(subject, clock);
        case(&mut trial).await;
        trial.engine().stop().await.expect("the engine stops");
    };
    let ended = runtime.block_on(async { timeout(CASE_DEADLINE, whole).await });
    ended.expect("the case ends in time");
}
