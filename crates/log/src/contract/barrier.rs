//! A barrier covers every append that was answered before.

use futures::future::join_all;

use super::{Trial, data};

/// On a quiet log the barrier is the tail.
pub async fn a_barrier_covers_what_was_answered(trial: &mut Trial) {
    let log = trial.log().await;
    for next in 0..20 {
        assert_eq!(trial.engine().barrier(log).await, Ok(next));
        assert_eq!(trial.append(data(log, "x")).await.offset, next);
    }
    assert_eq!(trial.engine().trim(log, 20).await, Ok(()));
    assert_eq!(trial.engine().barrier(log).await, Ok(20));
}

/// With appends in flight the barrier lies between what was answered and what was submitted, and a reader that
/// waits for it is not kept waiting: it is readable once they are answered.
pub async fn a_barrier_among_appends_in_flight_can_be_reached(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append_all(log, &["a", "b"]).await;
    let submit = |_| trial.engine().append_many(vec![data(log, "x")]);
    let calls: Vec<_> = (0..50).map(submit).collect();
    let barrier = trial.engine().barrier(log).await;
    let barrier = barrier.expect("the log exists");
    assert!((2..=52).contains(&barrier), "{barrier}");
    join_all(calls).await;
    assert!(trial.bounds(log).await.next >= barrier);
    assert_eq!(trial.engine().barrier(log).await, Ok(52));
}
