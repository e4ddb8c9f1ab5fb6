//! What every actuator does, as tests that its own tests call.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Running, Workers};
use crate::{Reason, WorkerChange};

/// A change as a decision would name it.
pub fn change(from: u32, to: u32, hand_over: &[Arc<str>]) -> WorkerChange {
    WorkerChange {
        from,
        to,
        hand_over: hand_over.to_vec(),
        reason: Reason::TooFewLooks,
    }
}

async fn running(workers: &mut dyn Workers) -> Running {
    workers.running().await.expect("they are counted")
}

async fn scale(workers: &mut dyn Workers, to: u32, hand_over: &[Arc<str>]) -> Running {
    let from = running(workers).await.count();
    let change = change(from, to, hand_over);
    workers.scale(&change).await.expect("they are scaled");
    let after = running(workers).await;
    assert_eq!(after.count(), to, "as many as were asked for");
    after
}

/// The ids are of different workers, as far as they are known.
fn ids(running: &Running) -> BTreeSet<Arc<str>> {
    let ids: BTreeSet<_> = running.ids().iter().cloned().collect();
    assert_eq!(ids.len(), running.ids().len(), "no two have one id");
    ids
}

/// Grows and shrinks, keeps whom it is not told to stop, and does the same again without harm. Where workers have ids, none
/// is given twice, and who is named goes.
///
/// # Panics
/// If the actuator does otherwise.
pub async fn grows_and_shrinks(workers: &mut dyn Workers) {
    assert_eq!(running(workers).await.count(), 0, "it begins with none");
    let three = scale(workers, 3, &[]).await;
    assert_eq!(
        scale(workers, 3, &[]).await,
        three,
        "nothing was to be done"
    );
    workers.keep(three.ids()).await.expect("it is told");
    assert_eq!(running(workers).await, three, "who holds leases stays");
    let goes: Vec<Arc<str>> = three.ids().get(1).cloned().into_iter().collect();
    let two = ids(&scale(workers, 2, &goes).await);
    let three = ids(&three);
    assert!(two.is_subset(&three), "who was not named stays");
    assert!(
        goes.iter().all(|id| !two.contains(id)),
        "who was named went"
    );
    let four = scale(workers, 4, &[]).await;
    let ids_of_four = ids(&four);
    assert!(two.is_subset(&ids_of_four), "who was there stays");
    let mut new = ids_of_four.difference(&two);
    assert!(new.all(|id| !three.contains(id)), "no id comes again");
    // Who is named twice, or is not there, counts once or not at all.
    let mut named: Vec<Arc<str>> = vec!["somebody else".into()];
    named.extend(four.ids().first().cloned());
    named.extend(four.ids().first().cloned());
    let three = ids(&scale(workers, 3, &named).await);
    let named_first = four.ids().first();
    assert!(named_first.is_none_or(|id| !three.contains(id)));
    // All go, named or not.
    scale(workers, 0, &[]).await;
}
