//! How the store's entries are spelled: numbers of 7 bits a byte, little end first, and texts with their length before
//! them.

use bytes::Bytes;

/// The bytes are no entry of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub(crate) struct Malformed;

/// Magnitude below which a whole number is spelled as one.
const WHOLE_MAX: f64 = (1_u64 << 52) as f64;

/// Bytes that grow.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn finish(self) -> Bytes {
        self.bytes.into()
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Numbers near zero are short, whatever their sign.
    pub(crate) fn signed(&mut self, number: i64) {
        self.unsigned(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.unsigned(length as u64);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.raw(text.as_bytes());
    }

    /// A float: whole numbers are short, others have nine bytes.
    pub(crate) fn number(&mut self, number: f64) {
        let is_negative_zero = number == 0.0 && number.is_sign_negative();
        if number.fract() == 0.0 && number.abs() < WHOLE_MAX && !is_negative_zero {
            let whole = number as i64;
            self.unsigned(((whole << 1) ^ (whole >> 63)).cast_unsigned() << 1);
        } else {
            self.byte(1);
            self.raw(&number.to_bits().to_le_bytes());
        }
    }
}

/// Bytes that are read from the front.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn raw(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// A number of things of at least one byte each, at most `max`.
    pub(crate) fn length(&mut self, max: usize) -> Result<usize, Malformed> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Malformed)?;
        if length > max || length > self.rest.len() {
            return Err(Malformed);
        }
        Ok(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length(usize::MAX)?;
        std::str::from_utf8(self.raw(length)?).map_err(|_| Malformed)
    }

    pub(crate) fn number(&mut self) -> Result<f64, Malformed> {
        let first = self.unsigned()?;
        if first == 1 {
            return Ok(f64::from_bits(u64::from_le_bytes(self.array()?)));
        }
        if first & 1 == 1 {
            return Err(Malformed);
        }
        let zigzag = first >> 1;
        let whole = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        Ok(whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_are_frozen() {
        let mut out = Writer::default();
        out.unsigned(300);
        out.signed(-3);
        out.text("ab");
        out.number(5.0);
        out.number(0.5);
        let half = 0.5_f64.to_bits().to_le_bytes();
        let expected = [&[0xac, 0x02, 5, 2, b'a', b'b', 20, 1][..], &half].concat();
        assert_eq!(out.finish(), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(unsigned: u64, signed: i64, text in ".{0,20}", number: f64) {
            let mut out = Writer::default();
            out.unsigned(unsigned);
            out.signed(signed);
            out.text(&text);
            out.number(number);
            out.number(number.trunc());
            let bytes = out.finish();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.unsigned(), Ok(unsigned));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert_eq!(reader.number().unwrap().to_bits(), number.to_bits());
            prop_assert_eq!(reader.number().unwrap().to_bits(), number.trunc().to_bits());
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_at_end() {
                let read = (reader.unsigned(), reader.number(), reader.text().map(str::len));
                if read.0.is_err() {
                    break;
                }
            }
        }
    }
}
