//! Reading frames: for clients in tests, and for what throws bytes at a parser.

use super::frame::{CHECKSUM_BYTES, PRELUDE_BYTES, TEXT};

/// Most bytes of all headers of a frame, as clients bound them.
const HEADERS_BYTES_MAX: usize = 128 * 1024;
/// Most bytes of a payload, as clients bound them.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Names and values in their order; text only.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The value of the first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Bytes that are not a frame; the stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrame {
    /// The lengths do not fit each other, or exceed what a frame may have.
    #[error("a frame's lengths are out of bounds")]
    Lengths,
    /// A checksum is wrong.
    #[error("a frame's checksum is wrong")]
    Checksum,
    /// A header is cut off, is no text, or has a type that the service never writes.
    #[error("a frame's headers cannot be read")]
    Headers,
}

/// Reads the frame at the front of `bytes`; the frame and its length, or `None` if more bytes are needed.
///
/// What a frame claims to have is bounded before anything is allocated or waited for.
///
/// # Errors
/// See [`InvalidFrame`].
pub fn decode_frame(bytes: &[u8]) -> Result<Option<(Frame, usize)>, InvalidFrame> {
    let Some(prelude) = bytes.get(..PRELUDE_BYTES) else {
        return Ok(None);
    };
    let (lengths, checksum) = prelude.split_at(8);
    if checksum != crc32fast::hash(lengths).to_be_bytes() {
        return Err(InvalidFrame::Checksum);
    }
    let (frame_bytes, headers_bytes) = (number(&lengths[..4]), number(&lengths[4..]));
    let payload_bytes = frame_bytes
        .checked_sub(PRELUDE_BYTES + CHECKSUM_BYTES)
        .and_then(|rest| rest.checked_sub(headers_bytes))
        .ok_or(InvalidFrame::Lengths)?;
    if headers_bytes > HEADERS_BYTES_MAX || payload_bytes > PAYLOAD_BYTES_MAX {
        return Err(InvalidFrame::Lengths);
    }
    let Some(frame) = bytes.get(..frame_bytes) else {
        return Ok(None);
    };
    let (content, checksum) = frame.split_at(frame_bytes - CHECKSUM_BYTES);
    if checksum != crc32fast::hash(content).to_be_bytes() {
        return Err(InvalidFrame::Checksum);
    }
    let (headers, payload) = content[PRELUDE_BYTES..].split_at(headers_bytes);
    let frame = Frame {
        headers: read_headers(headers).ok_or(InvalidFrame::Headers)?,
        payload: payload.to_vec(),
    };
    Ok(Some((frame, frame_bytes)))
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

fn read_headers(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let name_bytes = usize::from(*take(&mut bytes, 1)?.first()?);
        let name = text(take(&mut bytes, name_bytes)?)?;
        if take(&mut bytes, 1)? != [TEXT] {
            return None;
        }
        let value_bytes = number(take(&mut bytes, 2)?);
        let value = text(take(&mut bytes, value_bytes)?)?;
        headers.push((name, value));
    }
    Some(headers)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}
