//! Frames of `application/vnd.amazon.eventstream`, the answer of SubscribeToShard.
//!
//! ```text
//! frame bytes u32 | header bytes u32 | CRC-32 of these 8 bytes | headers | payload | CRC-32 of all before
//! header: name bytes u8 | name | type u8 = 7 | value bytes u16 | value
//! ```
//! Big-endian. The service writes headers of type 7 (text) only: the SDK for Java reads every header as text.
//!
//! A stream begins with [`initial_response_frame`]: Python's client fails without it, Go's waits for it, the others pass
//! it over. Then come [`event_frame`]s; [`exception_frame`] may be the last one.

mod decode;
mod frame;
#[cfg(test)]
mod tests;

use frame::write_frame;

pub use decode::{Frame, InvalidFrame, decode_frame};

use crate::encode::{encode, write_subscribe_to_shard_event};
use crate::shapes::SubscribeToShardEvent;
use crate::{ApiError, Encoding, ErrorCode};

/// The `Content-Type` of a stream of events.
pub const EVENT_STREAM_CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Room for a frame's headers and checksums.
const FRAME_BYTES: usize = 256;

/// The first frame: the operation's output without its events, which is empty.
pub fn initial_response_frame(encoding: Encoding) -> Vec<u8> {
    // An empty payload would not do: it is parsed as the output.
    let payload = match encoding {
        Encoding::Json => &b"{}"[..],
        Encoding::Cbor => &b"\xbf\xff"[..],
    };
    let mut out = Vec::with_capacity(FRAME_BYTES);
    write_event(&mut out, "initial-response", encoding, |out| {
        out.extend_from_slice(payload);
    });
    out
}

/// One event. Its payload is encoded as the request was.
///
/// # Panics
/// If the frame would have 4 GiB or more: an event of the service has far less.
pub fn event_frame(encoding: Encoding, event: &SubscribeToShardEvent) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES);
    write_event(&mut out, "SubscribeToShardEvent", encoding, |out| {
        write_subscribe_to_shard_event(encoding, event, out);
    });
    out
}

/// The frame that ends a stream with an error.
pub fn exception_frame(encoding: Encoding, error: &ApiError) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES + error.message.len());
    let headers = [
        (":message-type", "exception"),
        (":exception-type", exception_type(error.code)),
        (":content-type", encoding.content_type()),
    ];
    let message = std::collections::BTreeMap::from([("message", &error.message)]);
    write_frame(&mut out, &headers, |out| {
        out.extend_from_slice(&encode(encoding, &message));
    });
    out
}

/// The name of the event union's member; only there a failure is called an exception.
fn exception_type(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InternalFailure => "InternalFailureException",
        other => other.name(),
    }
}

fn write_event(
    out: &mut Vec<u8>,
    event_type: &str,
    encoding: Encoding,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    let headers = [
        (":message-type", "event"),
        (":event-type", event_type),
        (":content-type", encoding.content_type()),
    ];
    write_frame(out, &headers, payload);
}
