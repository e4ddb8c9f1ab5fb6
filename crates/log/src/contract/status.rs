//! What an engine says of itself: whether it takes writes, and how much it has done.

use std::collections::BTreeSet;

use tokio::sync::watch;

use super::{Trial, data};
use crate::{
    AppendError, Counter, CounterValue, EngineStatus, NotWritten, Place, ReadFrom, ReadOutcome,
};

/// Larger than what an engine with little room has; see
/// [`log_engine_room_contract!`](crate::log_engine_room_contract).
const MORE_THAN_ROOM_BYTES: usize = 64 << 20;
const ENTRY_BYTES: usize = 4 << 10;

/// A sound engine says that it serves, from the start, while it works, and after a stop.
pub async fn a_sound_engine_serves(trial: &mut Trial) {
    let status = trial.engine().status();
    assert_eq!(*status.borrow(), EngineStatus::Serving);
    let log = trial.log().await;
    trial.append_all(log, &["a", "b", "c"]).await;
    assert_eq!(trial.engine().trim(log, 1).await, Ok(()));
    assert_eq!(trial.engine().delete(log).await, Ok(()));
    assert_eq!(trial.engine().stop().await, Ok(()));
    assert_eq!(*status.borrow(), EngineStatus::Serving);
    assert!(
        !status.has_changed().unwrap_or(false),
        "nothing has changed"
    );
}

fn totals(counters: &[Counter]) -> Vec<(&'static str, u64)> {
    let total = |counter: &Counter| match &counter.value {
        CounterValue::Total(total) => Some((counter.name, *total)),
        CounterValue::Times(times) => Some((counter.name, times.count())),
        CounterValue::Now(_) => None,
    };
    counters.iter().filter_map(total).collect()
}

/// Names are spelled as metrics are and told once each, always the same; totals never fall; acknowledged entries are
/// counted as such, where they are.
pub async fn what_was_counted_is_never_forgotten(trial: &mut Trial) {
    let names = |counters: &[Counter]| -> Vec<&'static str> {
        counters.iter().map(|counter| counter.name).collect()
    };
    let first = trial.engine().counters();
    let is_spelled_so = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    assert!(names(&first).iter().all(is_spelled_so), "{first:?}");
    let distinct: BTreeSet<_> = names(&first).into_iter().collect();
    assert_eq!(distinct.len(), first.len(), "{first:?}");
    let log = trial.log().await;
    let mut before = totals(&first);
    for round in 0..5 {
        trial.append_all(log, &["a", "b", "c"]).await;
        let counters = trial.engine().counters();
        assert_eq!(names(&counters), names(&first));
        let after = totals(&counters);
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            assert!(after >= before, "{name} fell in round {round}");
            if *name == "entries" {
                assert_eq!(*after, before + 3);
            }
        }
        before = after;
    }
}

/// Appends until there is no room and the status says so; how many entries there was room for. Room that was on its way
/// may come between a refusal and the look at the status: that says so then.
async fn fill(trial: &Trial, log: Place) -> usize {
    let status = trial.engine().status();
    let mut taken = 0;
    for _ in 0..MORE_THAN_ROOM_BYTES / ENTRY_BYTES {
        match trial.try_append(data(log, vec![1; ENTRY_BYTES])).await {
            Ok(_) => taken += 1,
            Err(refused) => {
                assert_eq!(refused, AppendError::NotWritten(NotWritten::NoRoom));
                if *status.borrow() == EngineStatus::NoRoom {
                    return taken;
                }
            }
        }
    }
    panic!("an engine with little room fills up, and says so");
}

/// Who is refused for want of room finds the status saying so; it says otherwise, without being asked to write, once
/// entries were deleted; and then there is room. Room comes back little by little: who is quick may use up what there is,
/// be refused again, and hear of the next while it is told of the refusal.
pub async fn want_of_room_is_told_and_passes(trial: &mut Trial) {
    let mut status = trial.engine().status();
    let mut log = trial.log().await;
    let taken = fill(trial, log).await;
    for taken in [taken, 1] {
        assert_eq!(trial.entries(log).await.len(), taken, "reads go on");
        assert_eq!(trial.engine().delete(log).await, Ok(()));
        log = append_once_there_is_room(trial, &mut status).await;
        // The room of both is used up again.
        let other = append_once_there_is_room(trial, &mut status).await;
        fill(trial, other).await;
        assert_eq!(trial.engine().delete(other).await, Ok(()));
    }
}

/// A new log with an entry, as soon as the engine says that there is room for it.
async fn append_once_there_is_room(
    trial: &mut Trial,
    status: &mut watch::Receiver<EngineStatus>,
) -> Place {
    let serving = status.wait_for(|status| *status == EngineStatus::Serving);
    drop(serving.await.expect("the engine is there"));
    let log = trial.log().await;
    loop {
        match trial.try_append(data(log, "a")).await {
            Ok(_) => return log,
            Err(refused) => assert_eq!(refused, AppendError::NotWritten(NotWritten::NoRoom)),
        }
        let serving = status.wait_for(|status| *status == EngineStatus::Serving);
        drop(serving.await.expect("the engine is there"));
    }
}

/// Who is told that an outcome is unknown because a write failed for good finds the status saying so and why; later
/// writes are refused, reads go on, and it stays so after a stop.
pub async fn a_failure_is_told_and_is_final(trial: &mut Trial) {
    let status = trial.engine().status();
    let log = trial.log().await;
    trial.append(data(log, "kept")).await;
    trial.fail_next_write();
    let answer = trial.try_append(data(log, "lost")).await;
    assert_eq!(answer, Err(AppendError::OutcomeUnknown));
    let failed = status.borrow().clone();
    assert!(
        matches!(&failed, EngineStatus::Failed(reason) if !reason.is_empty()),
        "{failed:?}"
    );
    let stopped = Err(AppendError::NotWritten(NotWritten::Stopped));
    assert_eq!(trial.try_append(data(log, "later")).await, stopped);
    assert_eq!(trial.payloads(log).await, ["kept"]);
    let read = ReadFrom {
        place: log,
        from: 0,
        bytes_max: 100,
    };
    let outcome = trial.engine().read_now(read);
    assert!(outcome.is_none_or(|outcome| matches!(outcome, ReadOutcome::Entries { .. })));
    assert!(trial.engine().stop().await.is_err(), "not a clean stop");
    assert_eq!(*status.borrow(), failed);
}
