//! The first CLOSE ends a log.

use super::trial::{accepted_offsets, rises};
use super::{Trial, close, data};
use crate::{AppendError, AppendId, EntryKind, NotWritten};

const CLOSED: AppendError = AppendError::NotWritten(NotWritten::Closed);

/// Whatever follows a CLOSE is refused, in later calls and in the same one; what stands before it is written.
pub async fn nothing_follows_a_close(trial: &mut Trial) {
    let log = trial.log().await;
    let call = vec![
        data(log, "a"),
        close(log, "end"),
        data(log, "b"),
        close(log, "other end"),
        data(log, "c").with_id(AppendId(1)),
    ];
    let answers = trial.engine().append_many(call).await;
    assert!(rises(&accepted_offsets(&answers[..2])));
    assert_eq!(answers[2..], [Err(CLOSED); 3]);
    for append in [
        data(log, "d"),
        close(log, "e"),
        data(log, "f").with_id(AppendId(2)),
    ] {
        assert_eq!(trial.try_append(append).await, Err(CLOSED));
    }
    assert_eq!(trial.payloads(log).await, ["a", "end"]);
    let end = trial.accepted(log).await.pop();
    assert!(end.is_some_and(|end| end.kind == EntryKind::Close));
}

/// Of several CLOSEs in flight the first one submitted ends the log; appends submitted before it are written.
pub async fn the_first_close_wins(trial: &mut Trial) {
    let log = trial.log().await;
    let submit = |append| trial.engine().append_many(vec![append]);
    let calls = [
        submit(data(log, "a")),
        submit(close(log, "first")),
        submit(close(log, "second")),
        submit(data(log, "b")),
    ];
    let [before, first, second, after] = calls;
    assert_eq!(after.await, [Err(CLOSED)]);
    assert_eq!(second.await, [Err(CLOSED)]);
    let (first, before) = (first.await, before.await);
    assert!(rises(&accepted_offsets(&[before[0], first[0]])));
    assert_eq!(trial.payloads(log).await, ["a", "first"]);
}

/// A log may be closed empty, without payload, and only itself.
pub async fn close_concerns_one_log(trial: &mut Trial) {
    let (closed, open) = (trial.log().await, trial.log().await);
    let call = vec![close(closed, ""), data(open, "a")];
    let answers = trial.engine().append_many(call).await;
    let written = accepted_offsets(&answers);
    assert_eq!(trial.try_append(data(closed, "b")).await, Err(CLOSED));
    assert!(trial.append(data(open, "c")).await.offset > written[1]);
}

/// A closed log stays closed when its CLOSE is trimmed, and can still be trimmed and deleted.
pub async fn a_closed_log_stays_closed(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append(data(log, "a")).await;
    let end = trial.append(close(log, "end")).await.offset;
    for _ in 0..2 {
        assert_eq!(trial.engine().trim(log, end + 1).await, Ok(()));
        assert_eq!(trial.try_append(data(log, "b")).await, Err(CLOSED));
    }
    assert_eq!(trial.engine().delete(log).await, Ok(()));
    let gone = Err(AppendError::NotWritten(NotWritten::NoSuchLog));
    assert_eq!(trial.try_append(data(log, "b")).await, gone);
}
