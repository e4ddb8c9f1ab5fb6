//! The protocol's primitive types, in the versions of its messages that have no tagged fields.

use thiserror::Error;

/// Most elements of an array that is read: none of ours has more.
const ELEMENTS_MAX: usize = 100_000;

/// What was read is not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("what answers is no Kafka, or of a version that is not spoken here")]
pub(super) struct Unreadable;

/// A message that is written.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn i8(&mut self, value: i8) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend(value.to_be_bytes());
    }

    /// The number of elements, bytes or whatever follows.
    pub(super) fn count(&mut self, count: usize) {
        self.i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    /// A text of at most 32,767 bytes; ours are names.
    pub(super) fn string(&mut self, text: &str) {
        self.i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
        self.0.extend(text.as_bytes());
    }

    pub(super) fn null_string(&mut self) {
        self.i16(-1);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend(bytes);
    }

    /// A number in as few bytes as it takes, small negative ones too.
    pub(super) fn varint(&mut self, value: i64) {
        let mut left = ((value << 1) ^ (value >> 63)) as u64;
        while left >= 0x80 {
            self.0.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.0.push(left as u8);
    }

    /// Bytes behind their number; -1 for none.
    pub(super) fn varint_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.varint(bytes.len() as i64);
                self.0.extend(bytes);
            }
            None => self.varint(-1),
        }
    }
}

/// A message that is read.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable)
    }

    pub(super) fn i8(&mut self) -> Result<i8, Unreadable> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub(super) fn i16(&mut self) -> Result<i16, Unreadable> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, Unreadable> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, Unreadable> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// How many elements follow; none of an array that is not there.
    pub(super) fn count(&mut self) -> Result<usize, Unreadable> {
        let count = usize::try_from(self.i32()?.max(0)).map_err(|_| Unreadable)?;
        // Each takes a byte at least.
        (count <= self.0.len().min(ELEMENTS_MAX))
            .then_some(count)
            .ok_or(Unreadable)
    }

    /// A text; empty if there is none.
    pub(super) fn string(&mut self) -> Result<String, Unreadable> {
        let length = usize::try_from(self.i16()?.max(0)).map_err(|_| Unreadable)?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| Unreadable)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(self.i32()?.max(0)).map_err(|_| Unreadable)?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_few_bytes_as_the_protocol_says() {
        for (value, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[126]),
            (64, &[128, 1]),
            (-65, &[129, 1]),
            (300, &[216, 4]),
        ] {
            let mut writer = Writer::default();
            writer.varint(value);
            assert_eq!(writer.0, bytes, "{value}");
        }
        let mut writer = Writer::default();
        writer.varint(i64::MIN);
        assert_eq!(writer.0.len(), 10);
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_unreadable() {
        assert_eq!(Reader(&[0, 0]).i32(), Err(Unreadable));
        assert_eq!(Reader(&[0, 3, b'a', b'b']).string(), Err(Unreadable));
        assert_eq!(Reader(&[0x7f, 0, 0, 0, 1]).count(), Err(Unreadable));
        assert_eq!(Reader(&[0xff, 0xff]).string(), Ok(String::new()));
        assert_eq!(Reader(&[0xff; 4]).count(), Ok(0));
        assert_eq!(Reader(&[0, 0, 0, 1, 7]).bytes(), Ok(&[7][..]));
    }
}
