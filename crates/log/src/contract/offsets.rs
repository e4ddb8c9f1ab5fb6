//! What is refused takes no offset.

use super::trial::{accepted_offsets, rises};
use super::{Trial, close, data};
use crate::{AppendError, NotWritten};

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
    let written = accepted_offsets(&[answers[0], answers[3]]);
    assert!(rises(&written));
    if trial.engine().caps().dense_offsets {
        assert_eq!(written, [0, 1], "what is refused takes none");
    }
    assert_eq!(answers[1], refused);
    assert_eq!(
        answers[2], refused,
        "a CLOSE that is refused closes nothing"
    );
    assert_eq!(trial.payloads(log).await, ["before", "after"]);

    let appended = trial.append(data(log, payload[..largest].to_vec())).await;
    assert!(appended.offset > written[1]);
    let entries = trial.read_pages(log, appended.offset, 1).await;
    assert!(entries.len() == 1 && entries[0].payload[..] == payload[..largest]);
}
