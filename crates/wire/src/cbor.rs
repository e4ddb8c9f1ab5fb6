//! CBOR 1.1 of AWS: standard CBOR, except that tag 1 holds milliseconds.

mod reader;
mod serializer;
mod writer;

#[cfg(test)]
mod tests;

pub use reader::{parse, parse_in_seconds};
pub(crate) use serializer::CborSerializer;
pub(crate) use writer::CborWriter;

/// Major types of the format, as they stand in the upper three bits of an item's first byte.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// First bytes that stand for themselves.
mod byte {
    pub(super) const FALSE: u8 = 0xf4;
    pub(super) const TRUE: u8 = 0xf5;
    pub(super) const NULL: u8 = 0xf6;
    pub(super) const FLOAT_64: u8 = 0xfb;
    /// A list of which the end is marked.
    pub(super) const OPEN_LIST: u8 = 0x9f;
    /// A map of which the end is marked.
    pub(super) const OPEN_MAP: u8 = 0xbf;
    /// The mark at the end.
    pub(super) const BREAK: u8 = 0xff;
}

/// The tag of a moment.
const TAG_TIMESTAMP: u64 = 1;
