//! Places that no engine made.

use super::delete::check_gone;
use super::{Trial, data};
use crate::{EngineError, Place};

/// A place of arbitrary bytes names no log, in every operation, and harms nobody.
pub async fn arbitrary_bytes_name_no_log(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append(data(log, "a")).await;
    let mut counting = [0; Place::BYTES];
    for (byte, value) in counting.iter_mut().zip(1..) {
        *byte = value;
    }
    for bytes in [[0xff; Place::BYTES], [0xa5; Place::BYTES], counting] {
        let unknown = Place::from_bytes(bytes);
        check_gone(trial, unknown).await;
        let deleted = trial.engine().delete(unknown).await;
        assert!(matches!(deleted, Ok(()) | Err(EngineError::NoSuchLog)));
        check_gone(trial, unknown).await;
    }
    assert_eq!(trial.payloads(log).await, ["a"]);
}

/// An unknown place in a call with others concerns its own entry alone.
pub async fn an_unknown_place_concerns_its_entry_alone(trial: &mut Trial) {
    let log = trial.log().await;
    let unknown = Place::from_bytes([0xff; Place::BYTES]);
    let call = vec![data(log, "a"), data(unknown, "b"), data(log, "c")];
    let answers = trial.engine().append_many(call).await;
    let written: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(written, [true, false, true]);
    assert_eq!(trial.payloads(log).await, ["a", "c"]);
}
