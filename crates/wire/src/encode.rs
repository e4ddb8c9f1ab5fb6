//! Answers: from a shape or an error to a body.

mod error;
mod get_records;
mod json_text;
mod put;
mod sequence_digits;
#[cfg(test)]
mod tests;

pub use error::encode_error;
pub(crate) use get_records::write_subscribe_to_shard_event;
pub use get_records::{encode_get_records, encode_subscribe_to_shard_event};
pub use put::{encode_put_record, encode_put_records};
use serde::Serialize;

use crate::cbor::{CborSerializer, CborWriter};
use crate::encoding::Encoding;

/// The body of an answer. Operations without an output answer an empty body instead.
///
/// # Panics
/// If `T` is not the shape of an answer: holds maps whose keys are not text, or enums with content.
pub fn encode<T: Serialize>(encoding: Encoding, answer: &T) -> Vec<u8> {
    match encoding {
        Encoding::Json => {
            serde_json::to_vec(answer).expect("answers have text keys and hold no failing parts")
        }
        Encoding::Cbor => {
            let mut writer = CborWriter::default();
            let serializer = CborSerializer {
                writer: &mut writer,
            };
            answer
                .serialize(serializer)
                .expect("answers are structures of plain values");
            writer.out
        }
    }
}
