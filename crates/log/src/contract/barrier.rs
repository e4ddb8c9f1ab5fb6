//! A barrier covers every append that was answered before.

use futures::future::join_all;

use super::{Trial, data};

/// On a quiet log the barrier lies above the last entry, and no higher than the tail.
pub async fn a_barrier_covers_what_was_answered(trial: &mut Trial) {
    let log = trial.log().await;
    assert_eq!(trial.engine().barrier(log).await, Ok(0));
    let mut next = 0;
    for _ in 0..20 {
        let last = trial.append(data(log, "x")).await.offset;
        assert!(last >= next);
        next = trial.bounds(log).await.next;
        let barrier = trial.engine().barrier(log).await;
        assert!(
            barrier
                .clone()
                .is_ok_and(|barrier| last < barrier && barrier <= next),
            "{barrier:?} lies from above {last} to {next}"
        );
    }
    let barrier = trial.engine().barrier(log).await;
    assert_eq!(trial.engine().trim(log, next).await, Ok(()));
    assert_eq!(trial.engine().barrier(log).await, barrier);
}

/// With appends in flight the barrier lies between what was answered and what was submitted, and a reader that
/// waits for it is not kept waiting: it is readable once they are answered.
pub async fn a_barrier_among_appends_in_flight_can_be_reached(trial: &mut Trial) {
    let log = trial.log().await;
    let answered = trial.offsets_of(log, &["a", "b"]).await;
    let submit = |_| trial.engine().append_many(vec![data(log, "x")]);
    let calls: Vec<_> = (0..50).map(submit).collect();
    let barrier = trial.engine().barrier(log).await;
    let barrier = barrier.expect("the log exists");
    assert!(barrier > answered[1], "{barrier}");
    let last = join_all(calls).await.pop().expect("there are some");
    let next = trial.bounds(log).await.next;
    assert!(next >= barrier);
    let barrier = trial.engine().barrier(log).await;
    let last = last[0].expect("the entry is accepted").offset;
    assert!(barrier.is_ok_and(|barrier| last < barrier && barrier <= next));
}
