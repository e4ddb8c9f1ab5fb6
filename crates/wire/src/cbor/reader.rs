//! CBOR bodies as values.

use std::borrow::Cow;

use super::{TAG_TIMESTAMP, byte, major};
use crate::value::{DEPTH_MAX, MapBuilder, ParseError, VALUES_MAX, Value};

/// The one value that `body` holds. Of equal keys the last counts; tag 1 is a moment in milliseconds, as an integer or
/// a float; other tags are passed over.
///
/// Lengths in the body never decide how much is allocated.
///
/// # Errors
/// If the body is not one value, or is beyond the limits.
pub fn parse(body: &[u8]) -> Result<Value<'_>, ParseError> {
    parse_moments(body, 1)
}

/// The same where tag 1 is a moment in seconds, as in Smithy's RPC v2.
///
/// # Errors
/// As [`parse`].
pub fn parse_in_seconds(body: &[u8]) -> Result<Value<'_>, ParseError> {
    parse_moments(body, 1000)
}

fn parse_moments(body: &[u8], tick_ms: u16) -> Result<Value<'_>, ParseError> {
    let mut reader = Reader {
        rest: body,
        values_left: VALUES_MAX,
        tick_ms,
    };
    let value = reader.value(0)?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(ParseError)
    }
}

/// What an item's head says.
#[derive(Clone, Copy)]
enum Length {
    /// A number, a length, a tag or the bits of a float.
    Known(u64),
    /// Up to the mark.
    Open,
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
    /// What moments count, in milliseconds.
    tick_ms: u16,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], ParseError> {
        let length = usize::try_from(length).map_err(|_| ParseError)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ParseError)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ParseError)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Whether the mark is next; takes it if so.
    fn at_break(&mut self) -> bool {
        match self.rest.strip_prefix(&[byte::BREAK]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The major type, the lower five bits, and the number that they or the bytes behind them make.
    fn head(&mut self) -> Result<(u8, u8, Length), ParseError> {
        let [first] = self.array()?;
        let (major, low) = (first >> 5, first & 0x1f);
        let length = match low {
            0..24 => Length::Known(low.into()),
            24 => Length::Known(u8::from_be_bytes(self.array()?).into()),
            25 => Length::Known(u16::from_be_bytes(self.array()?).into()),
            26 => Length::Known(u32::from_be_bytes(self.array()?).into()),
            27 => Length::Known(u64::from_be_bytes(self.array()?)),
            31 => Length::Open,
            _ => return Err(ParseError),
        };
        Ok((major, low, length))
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, ParseError> {
        self.values_left = self.values_left.checked_sub(1).ok_or(ParseError)?;
        let (major, low, length) = self.head()?;
        match (major, length) {
            (major::UNSIGNED, Length::Known(number)) => Ok(unsigned(number)),
            (major::NEGATIVE, Length::Known(number)) => Ok(negative(number)),
            (major::BYTES, length) => Ok(Value::Bytes(self.chunks(major, length)?)),
            (major::TEXT, length) => Ok(Value::Text(self.text(length)?)),
            (major::LIST, length) => self.list(length, inner(depth)?),
            (major::MAP, length) => self.map(length, inner(depth)?),
            (major::TAG, Length::Known(tag)) => {
                let value = self.value(inner(depth)?)?;
                match value {
                    Value::Integer(ticks) if tag == TAG_TIMESTAMP => {
                        let ms = ticks.saturating_mul(self.tick_ms.into());
                        Ok(Value::TimestampMs(ms))
                    }
                    // A cast from float saturates.
                    Value::Float(ticks) if tag == TAG_TIMESTAMP => {
                        let ms = (ticks * f64::from(self.tick_ms)).round();
                        Ok(Value::TimestampMs(ms as i64))
                    }
                    value => Ok(value),
                }
            }
            (major::SIMPLE, Length::Known(bits)) => simple(low, bits),
            _ => Err(ParseError),
        }
    }

    /// Bytes, in one piece or in several.
    fn chunks(&mut self, major: u8, length: Length) -> Result<Cow<'a, [u8]>, ParseError> {
        match length {
            Length::Known(length) => Ok(Cow::Borrowed(self.take(length)?)),
            Length::Open => {
                let mut whole = Cow::Borrowed(&[][..]);
                while !self.at_break() {
                    let (chunk_major, _, Length::Known(length)) = self.head()? else {
                        return Err(ParseError);
                    };
                    if chunk_major != major {
                        return Err(ParseError);
                    }
                    let chunk = self.take(length)?;
                    if major == major::TEXT && std::str::from_utf8(chunk).is_err() {
                        return Err(ParseError);
                    }
                    if whole.is_empty() {
                        whole = Cow::Borrowed(chunk);
                    } else {
                        whole.to_mut().extend_from_slice(chunk);
                    }
                }
                Ok(whole)
            }
        }
    }

    fn text(&mut self, length: Length) -> Result<Cow<'a, str>, ParseError> {
        Ok(match self.chunks(major::TEXT, length)? {
            Cow::Borrowed(bytes) => {
                Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| ParseError)?)
            }
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| ParseError)?),
        })
    }

    /// Whether a list or map goes on, given how many of its items were read.
    fn goes_on(&mut self, read: u64, length: Length) -> bool {
        match length {
            Length::Known(length) => read < length,
            Length::Open => !self.at_break(),
        }
    }

    fn list(&mut self, length: Length, depth: usize) -> Result<Value<'a>, ParseError> {
        let mut values = Vec::new();
        let mut read = 0;
        while self.goes_on(read, length) {
            values.push(self.value(depth)?);
            read += 1;
        }
        Ok(Value::List(values))
    }

    fn map(&mut self, length: Length, depth: usize) -> Result<Value<'a>, ParseError> {
        let mut members = MapBuilder::default();
        let mut read = 0;
        while self.goes_on(read, length) {
            let (major::TEXT, _, key_length) = self.head()? else {
                return Err(ParseError);
            };
            let key = self.text(key_length)?;
            members.insert(key, self.value(depth)?);
            read += 1;
        }
        Ok(members.finish())
    }
}

fn inner(depth: usize) -> Result<usize, ParseError> {
    if depth < DEPTH_MAX {
        Ok(depth + 1)
    } else {
        Err(ParseError)
    }
}

fn unsigned(number: u64) -> Value<'static> {
    i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer)
}

/// The format stores `-1 - number`.
fn negative(number: u64) -> Value<'static> {
    i64::try_from(number).map_or(Value::Float(-1.0 - number as f64), |number| {
        Value::Integer(-1 - number)
    })
}

fn simple(low: u8, bits: u64) -> Result<Value<'static>, ParseError> {
    match low {
        20 => Ok(Value::Bool(false)),
        21 => Ok(Value::Bool(true)),
        22 | 23 => Ok(Value::Null),
        25 => Ok(Value::Float(half((bits & 0xffff) as u16))),
        26 => Ok(Value::Float(
            f32::from_bits((bits & 0xffff_ffff) as u32).into(),
        )),
        27 => Ok(Value::Float(f64::from_bits(bits))),
        _ => Err(ParseError),
    }
}

/// A number of 16 bits: sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = ((bits >> 10) & 0x1f, f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}
