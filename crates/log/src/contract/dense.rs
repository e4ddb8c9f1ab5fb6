//! Where [`Caps::dense_offsets`](crate::Caps::dense_offsets) says so, a log's entries have every offset from 0 up.

use super::{Trial, data};

/// One after the other, each entry takes the next offset, from 0, in every log.
pub async fn offsets_are_dense_from_zero(trial: &mut Trial) {
    for _ in 0..3 {
        let log = trial.log().await;
        for offset in 0..20 {
            assert_eq!(trial.append(data(log, "x")).await.offset, offset);
            assert_eq!(trial.bounds(log).await.next, offset + 1);
        }
    }
}
