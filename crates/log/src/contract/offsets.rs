//! Offsets are dense, from 0 in a new log; what is refused takes none.

use super::{Trial, close, data};
use crate::{AppendError, NotWritten};

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

/// An entry of the largest size is accepted and comes back whole; one byte more is refused, takes no offset, and
/// its neighbours of the same call are written.
pub async fn too_large_entries_are_refused_alone(trial: &mut Trial) {
    let log = trial.log().await;
    let largest = trial.engine().caps().entry_bytes_max;
    let payload: Vec<u8> = (0..=largest).map(|index| (index % 251) as u8).collect();
    let call = vec![
        data(log, "before"),
        data(log, payload.clone()),
        close(log, payload.clone()),
        data(log, "after"),
    ];
    let answers = trial.engine().append_many(call).await;
    let refused = Err(AppendError::NotWritten(NotWritten::TooLarge));
    assert_eq!(answers[0].map(|appended| appended.offset), Ok(0));
    assert_eq!(answers[1], refused);
    assert_eq!(
        answers[2], refused,
        "a CLOSE that is refused closes nothing"
    );
    assert_eq!(answers[3].map(|appended| appended.offset), Ok(1));
    assert_eq!(trial.payloads(log).await, ["before", "after"]);

    let appended = trial.append(data(log, payload[..largest].to_vec())).await;
    assert_eq!(appended.offset, 2);
    let entries = trial.read_pages(log, 2, 1).await;
    assert!(entries.len() == 1 && entries[0].payload[..] == payload[..largest]);
}
