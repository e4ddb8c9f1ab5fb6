//! The first CLOSE ends a log.

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
    assert_eq!(answers[0].map(|appended| appended.offset), Ok(0));
    assert_eq!(answers[1].map(|appended| appended.offset), Ok(1));
    assert_eq!(answers[2..], [Err(CLOSED); 3]);
    for append in [
        data(log, "d"),
        close(log, "e"),
        data(log, "f").with_id(AppendId(2)),
    ] {
        assert_eq!(trial.try_append(append).await, Err(CLOSED));
    }
    let entries = trial.entries(log).await;
    assert_eq!(trial.payloads(log).await, ["a", "end"]);
    assert_eq!(entries[1].kind, EntryKind::Close);
    assert_eq!(trial.bounds(log).await.next, 2);
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
    assert!(first.await[0].is_ok_and(|appended| appended.offset == 1));
    assert!(before.await[0].is_ok_and(|appended| appended.offset == 0));
    assert_eq!(trial.payloads(log).await, ["a", "first"]);
}

/// A log may be closed empty, without payload, and only itself.
pub async fn close_concerns_one_log(trial: &mut Trial) {
    let (closed, open) = (trial.log().await, trial.log().await);
    let call = vec![close(closed, ""), data(open, "a")];
    let answers = trial.engine().append_many(call).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(trial.try_append(data(closed, "b")).await, Err(CLOSED));
    assert_eq!(trial.append(data(open, "c")).await.offset, 1);
}

/// A closed log stays closed when its CLOSE is trimmed, and can still be trimmed and deleted.
pub async fn a_closed_log_stays_closed(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append(data(log, "a")).await;
    trial.append(close(log, "end")).await;
    assert_eq!(trial.engine().trim(log, 2).await, Ok(()));
    assert_eq!(trial.try_append(data(log, "b")).await, Err(CLOSED));
    assert_eq!(trial.bounds(log).await.next, 2);
    assert_eq!(trial.engine().delete(log).await, Ok(()));
    let gone = Err(AppendError::NotWritten(NotWritten::NoSuchLog));
    assert_eq!(trial.try_append(data(log, "b")).await, gone);
}
