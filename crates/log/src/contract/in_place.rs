//! Where [`Caps::closes_in_place`](crate::Caps::closes_in_place) says so, nothing stands behind a CLOSE.

use super::{Trial, close, data};
use crate::{AppendError, NotWritten};

const CLOSED: AppendError = AppendError::NotWritten(NotWritten::Closed);

/// What is refused because of a CLOSE takes no offset and stands nowhere.
pub async fn nothing_stands_behind_a_close(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append(data(log, "a")).await;
    let call = vec![close(log, "end"), data(log, "b")];
    let answers = trial.engine().append_many(call).await;
    assert!(answers[0].is_ok());
    let next = trial.bounds(log).await.next;
    for append in [data(log, "d"), close(log, "e")] {
        assert_eq!(trial.try_append(append).await, Err(CLOSED));
    }
    assert_eq!(trial.bounds(log).await.next, next);
    assert_eq!(trial.entries(log).await.len(), 2);
}
