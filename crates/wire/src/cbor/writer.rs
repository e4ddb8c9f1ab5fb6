//! Items of CBOR, one after the other.

use super::{TAG_TIMESTAMP, byte, major};

/// Appends items to a buffer. Lists and maps are written with their ends marked, as AWS does.
#[derive(Debug, Default)]
pub(crate) struct CborWriter {
    pub(crate) out: Vec<u8>,
}

impl CborWriter {
    fn head(&mut self, major: u8, number: u64) {
        let major = major << 5;
        let bytes = number.to_be_bytes();
        match number {
            0..24 => self.out.push(major | bytes[7]),
            24..0x100 => self.out.extend_from_slice(&[major | 24, bytes[7]]),
            0x100..0x1_0000 => self
                .out
                .extend_from_slice(&[major | 25, bytes[6], bytes[7]]),
            0x1_0000..0x1_0000_0000 => {
                self.out.push(major | 26);
                self.out.extend_from_slice(&bytes[4..]);
            }
            _ => {
                self.out.push(major | 27);
                self.out.extend_from_slice(&bytes);
            }
        }
    }

    pub(crate) fn null(&mut self) {
        self.out.push(byte::NULL);
    }

    pub(crate) fn bool(&mut self, truth: bool) {
        self.out.push(if truth { byte::TRUE } else { byte::FALSE });
    }

    pub(crate) fn unsigned(&mut self, number: u64) {
        self.head(major::UNSIGNED, number);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        match u64::try_from(number) {
            Ok(number) => self.head(major::UNSIGNED, number),
            // The format stores -1 - number, which is the complement.
            Err(_) => self.head(major::NEGATIVE, !number as u64),
        }
    }

    pub(crate) fn float(&mut self, number: f64) {
        self.out.push(byte::FLOAT_64);
        self.out.extend_from_slice(&number.to_bits().to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.head(major::BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.text_bytes(text.as_bytes());
    }

    /// Text that the caller knows to be UTF-8.
    pub(crate) fn text_bytes(&mut self, text: &[u8]) {
        self.head(major::TEXT, text.len() as u64);
        self.out.extend_from_slice(text);
    }

    /// Makes a moment of the milliseconds that follow.
    pub(crate) fn timestamp_tag(&mut self) {
        self.head(major::TAG, TAG_TIMESTAMP);
    }

    pub(crate) fn begin_list(&mut self) {
        self.out.push(byte::OPEN_LIST);
    }

    pub(crate) fn begin_map(&mut self) {
        self.out.push(byte::OPEN_MAP);
    }

    /// Ends what was begun last.
    pub(crate) fn end(&mut self) {
        self.out.push(byte::BREAK);
    }
}
