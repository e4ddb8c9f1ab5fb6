//! Ordinary JSON bodies of the hot operations, read in one pass that borrows everything.
//!
//! The readers here answer only for bodies that are right in every respect and hold nothing unusual. For any other body
//! (an escape in a name, an unknown member, a member twice, a broken constraint, a wrong type) they answer `None`, and
//! the way through [`Value`](crate::Value), which alone knows the service's errors, decides.

mod scanner;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use millstream_types::limits::{PUT_RECORDS_COUNT_MAX, RECORD_DATA_BYTES_MAX};
use scanner::Scanner;

use crate::generated::shapes;
use crate::model::Shape;
use crate::shapes::{
    GetRecordsRequest, PutRecordRequest, PutRecordsRequest, RecordData, RecordToPut,
};

/// A record takes at least about this many bytes of a body.
const RECORD_TEXT_BYTES_GUESS: usize = 64;

/// The input of PutRecords.
pub(super) fn put_records(body: &[u8]) -> Option<PutRecordsRequest<'_>> {
    let mut scanner = Scanner::new(body)?;
    let (mut stream_name, mut stream_arn, mut records) = (None, None, None);
    scanner.begin(b'{')?;
    loop {
        scanner.begin(b'"')?;
        match scanner.first()? {
            b'R' => {
                scanner.name(b"Records\"")?;
                set(&mut records, put_records_entries(&mut scanner, body.len())?)?;
            }
            _ => stream(&mut scanner, &mut stream_name, &mut stream_arn)?,
        }
        if scanner.is_at_end(b'}')? {
            break;
        }
    }
    scanner.finish()?;
    Some(PutRecordsRequest {
        stream_name,
        stream_arn,
        records: records?,
    })
}

fn put_records_entries<'a>(
    scanner: &mut Scanner<'a>,
    body_bytes: usize,
) -> Option<Vec<RecordToPut<'a>>> {
    let guess = (body_bytes / RECORD_TEXT_BYTES_GUESS + 1).min(PUT_RECORDS_COUNT_MAX);
    let mut records = Vec::with_capacity(guess);
    scanner.begin(b'[')?;
    loop {
        if records.len() == PUT_RECORDS_COUNT_MAX {
            return None;
        }
        scanner.begin(b'{')?;
        let mut parts = RecordParts::default();
        loop {
            scanner.begin(b'"')?;
            let first = scanner.first()?;
            parts.member(scanner, first)?;
            if scanner.is_at_end(b'}')? {
                break;
            }
        }
        records.push(parts.into_record()?);
        if scanner.is_at_end(b']')? {
            return Some(records);
        }
    }
}

/// The input of PutRecord.
pub(super) fn put_record(body: &[u8]) -> Option<PutRecordRequest<'_>> {
    let mut scanner = Scanner::new(body)?;
    let (mut stream_name, mut stream_arn, mut ordering) = (None, None, None);
    let mut parts = RecordParts::default();
    scanner.begin(b'{')?;
    loop {
        scanner.begin(b'"')?;
        match scanner.first()? {
            first @ (b'D' | b'P' | b'E') => parts.member(&mut scanner, first)?,
            b'S' if scanner.is_before(b"SequenceNumberForOrdering\"") => {
                scanner.name(b"SequenceNumberForOrdering\"")?;
                set(&mut ordering, text(&mut scanner, &shapes::SEQUENCE_NUMBER)?)?;
            }
            _ => stream(&mut scanner, &mut stream_name, &mut stream_arn)?,
        }
        if scanner.is_at_end(b'}')? {
            break;
        }
    }
    scanner.finish()?;
    Some(PutRecordRequest {
        stream_name,
        stream_arn,
        record: parts.into_record()?,
        sequence_number_for_ordering: ordering,
    })
}

/// The input of GetRecords.
pub(super) fn get_records(body: &[u8]) -> Option<GetRecordsRequest> {
    let mut scanner = Scanner::new(body)?;
    let (mut iterator, mut limit, mut stream_arn) = (None, None, None);
    scanner.begin(b'{')?;
    loop {
        scanner.begin(b'"')?;
        match scanner.first()? {
            b'L' => {
                scanner.name(b"Limit\"")?;
                let number = scanner.digits()?;
                let limits = &shapes::GET_RECORDS_INPUT_LIMIT;
                let is_allowed = limits.min? <= number.into() && i64::from(number) <= limits.max?;
                set(&mut limit, is_allowed.then_some(number)?)?;
            }
            _ if scanner.is_before(b"ShardIterator\"") => {
                scanner.name(b"ShardIterator\"")?;
                set(&mut iterator, text(&mut scanner, &shapes::SHARD_ITERATOR)?)?;
            }
            _ => {
                scanner.name(b"StreamARN\"")?;
                set(&mut stream_arn, text(&mut scanner, &shapes::STREAM_ARN)?)?;
            }
        }
        if scanner.is_at_end(b'}')? {
            break;
        }
    }
    scanner.finish()?;
    Some(GetRecordsRequest {
        shard_iterator: iterator?.into_owned(),
        limit,
        stream_arn: stream_arn.map(Cow::into_owned),
    })
}

/// The members of a record so far.
#[derive(Default)]
struct RecordParts<'a> {
    partition_key: Option<Cow<'a, str>>,
    explicit_hash_key: Option<Cow<'a, str>>,
    data: Option<&'a [u8]>,
}

impl<'a> RecordParts<'a> {
    /// Reads the member whose name, with its quote open, begins with `first`.
    fn member(&mut self, scanner: &mut Scanner<'a>, first: u8) -> Option<()> {
        match first {
            b'D' => {
                scanner.name(b"Data\"")?;
                set(&mut self.data, scanner.base64()?)
            }
            b'P' => {
                scanner.name(b"PartitionKey\"")?;
                set(
                    &mut self.partition_key,
                    text(scanner, &shapes::PARTITION_KEY)?,
                )
            }
            _ => {
                scanner.name(b"ExplicitHashKey\"")?;
                set(
                    &mut self.explicit_hash_key,
                    text(scanner, &shapes::HASH_KEY)?,
                )
            }
        }
    }

    fn into_record(self) -> Option<RecordToPut<'a>> {
        let data = RecordData::Base64(self.data?);
        (data.decoded_len() <= RECORD_DATA_BYTES_MAX).then_some(RecordToPut {
            partition_key: self.partition_key,
            explicit_hash_key: self.explicit_hash_key,
            data,
        })
    }
}

/// Reads StreamName or StreamARN.
fn stream<'a>(
    scanner: &mut Scanner<'a>,
    stream_name: &mut Option<Cow<'a, str>>,
    stream_arn: &mut Option<Cow<'a, str>>,
) -> Option<()> {
    if scanner.is_before(b"StreamName\"") {
        scanner.name(b"StreamName\"")?;
        set(stream_name, text(scanner, &shapes::STREAM_NAME)?)
    } else {
        scanner.name(b"StreamARN\"")?;
        set(stream_arn, text(scanner, &shapes::STREAM_ARN)?)
    }
}

/// Text that keeps every constraint of its shape.
fn text<'a>(scanner: &mut Scanner<'a>, shape: &Shape) -> Option<Cow<'a, str>> {
    let text = scanner.text()?;
    // No text has more characters than bytes.
    let fits = |max: i64| text.len() as i64 <= max || text.chars().count() as i64 <= max;
    let is_allowed = shape
        .min
        .is_none_or(|min| min <= 1 && min <= text.len() as i64)
        && shape.max.is_none_or(fits)
        && shape.pattern.is_none_or(|pattern| pattern.matches(text));
    is_allowed.then_some(Cow::Borrowed(text))
}

/// Fills a member that must not stand there twice.
fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.is_none().then(|| *slot = Some(value))
}
