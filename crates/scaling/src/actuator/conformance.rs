//! What every actuator does, as tests that its own tests call.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Workers;
use crate::{Reason, WorkerChange};

fn change(from: usize, to: u32, hand_over: &[Arc<str>]) -> WorkerChange {
    WorkerChange {
        from: from as u32,
        to,
        hand_over: hand_over.to_vec(),
        reason: Reason::TooFewLooks,
    }
}

async fn running<W: Workers>(workers: &mut W) -> Vec<Arc<str>> {
    workers.running().await.expect("they are counted")
}

/// Grows and shrinks, keeps whom it is not told to stop, gives no id twice, and stops whom it is told to stop.
///
/// # Panics
/// If the actuator does otherwise.
pub async fn grows_and_shrinks<W: Workers>(workers: &mut W) {
    assert!(running(workers).await.is_empty(), "it begins with none");
    workers
        .scale(&change(0, 3, &[]))
        .await
        .expect("three are started");
    let three = running(workers).await;
    let ids: BTreeSet<_> = three.iter().cloned().collect();
    assert_eq!((three.len(), ids.len()), (3, 3), "three different ones");
    workers
        .scale(&change(3, 3, &[]))
        .await
        .expect("nothing is to be done");
    assert_eq!(running(workers).await, three, "nothing was done");
    let goes = Arc::clone(&three[1]);
    workers
        .scale(&change(3, 2, std::slice::from_ref(&goes)))
        .await
        .expect("one goes");
    let two = running(workers).await;
    assert_eq!(two.len(), 2);
    assert!(
        !two.contains(&goes) && two.iter().all(|id| three.contains(id)),
        "who was named went"
    );
    workers
        .scale(&change(2, 4, &[]))
        .await
        .expect("two are started");
    let four = running(workers).await;
    assert!(
        two.iter().all(|id| four.contains(id)),
        "who was there stays"
    );
    assert!(
        four.iter()
            .all(|id| two.contains(id) || !three.contains(id)),
        "no id comes again"
    );
    // Who is named twice, or is not there, counts once or not at all.
    let stranger: Arc<str> = "somebody else".into();
    let named = [stranger, Arc::clone(&four[0]), Arc::clone(&four[0])];
    workers
        .scale(&change(4, 3, &named))
        .await
        .expect("one goes");
    let three = running(workers).await;
    assert!(three.len() == 3 && !three.contains(&four[0]));
    workers
        .scale(&change(3, 0, &[]))
        .await
        .expect("all go, named or not");
    assert!(running(workers).await.is_empty());
}
