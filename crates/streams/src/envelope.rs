//! Record envelopes: the payload of a shard's entries.
//!
//! ```text
//! version u8 = 1 | compression u8 = 0 | flags u16 | encryption key id u32 = 0 | record count u32
//! per record: key length u16 | data length u32 | key | data
//! ```
//! Flag 1: put while the stream's encryption was on, which the API shows with each record; the bytes are the same.
//! A key of length 0 is that of a record without a partition key.
//! Little-endian. Arrival time and number are not inside: they follow from the entry.

use std::ops::Range;

use bytes::{Buf, Bytes};
use millstream_catalog::ENVELOPE_RECORDS_MAX;
use millstream_wire::shapes::{EncryptionType, InvalidRecordData, RecordData};

const VERSION: u8 = 1;
/// Flag: put while the stream's encryption was on.
const ENCRYPTED: u16 = 1;
const HEADER_BYTES: usize = 12;
const RECORD_HEADER_BYTES: usize = 6;

/// Bytes of an envelope with these records.
pub(crate) const fn size_bytes(records: usize, keys_and_data_bytes: usize) -> usize {
    HEADER_BYTES + records * RECORD_HEADER_BYTES + keys_and_data_bytes
}

/// Writes one envelope into one buffer.
#[derive(Debug)]
pub(crate) struct EnvelopeWriter {
    bytes: Vec<u8>,
    count: u32,
}

impl EnvelopeWriter {
    /// A writer whose buffer holds these records without growing.
    pub(crate) fn with_room(records: usize, keys_and_data_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(size_bytes(records, keys_and_data_bytes));
        bytes.push(VERSION);
        bytes.resize(HEADER_BYTES, 0);
        Self { bytes, count: 0 }
    }

    /// Marks the records as put while the stream's encryption was on, or not.
    pub(crate) fn encrypted(mut self, encryption_type: EncryptionType) -> Self {
        let flags = match encryption_type {
            EncryptionType::None => 0,
            EncryptionType::Kms => ENCRYPTED,
        };
        self.bytes[2..4].copy_from_slice(&flags.to_le_bytes());
        self
    }

    /// Adds a record; answers its index.
    ///
    /// # Errors
    /// If the data is not base64 although the request's decoding should have checked it; the envelope is spoilt then.
    ///
    /// # Panics
    /// If the envelope has 2^15 records, the key 2^16 bytes or the data 2^32: requests are smaller by far.
    pub(crate) fn push(
        &mut self,
        key: &[u8],
        data: &RecordData<'_>,
    ) -> Result<u16, InvalidRecordData> {
        assert!((self.count as usize) < ENVELOPE_RECORDS_MAX, "full");
        let index = u16::try_from(self.count).expect("15 bits fit");
        let key_bytes = u16::try_from(key.len()).expect("keys have at most 1,024 bytes");
        self.bytes.extend_from_slice(&key_bytes.to_le_bytes());
        let data_bytes_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(key);
        let data_at = self.bytes.len();
        data.append_to(&mut self.bytes)?;
        let data_bytes =
            u32::try_from(self.bytes.len() - data_at).expect("data has at most 10 MiB");
        self.bytes[data_bytes_at..data_bytes_at + 4].copy_from_slice(&data_bytes.to_le_bytes());
        self.count += 1;
        Ok(index)
    }

    /// How many records it has.
    pub(crate) fn records(&self) -> usize {
        self.count as usize
    }

    /// Bytes of their keys and data.
    pub(crate) fn record_bytes(&self) -> usize {
        self.bytes.len() - size_bytes(self.records(), 0)
    }

    /// The envelope.
    pub(crate) fn finish(mut self) -> Bytes {
        self.bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
        self.bytes.into()
    }
}

/// An entry that is not an envelope of a version that this one knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry is not a record envelope that this version knows")]
pub(crate) struct InvalidEnvelope;

/// Where key and data of one record lie in the envelope's bytes, the data right behind the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordRanges {
    pub(crate) key: Range<usize>,
    pub(crate) data: Range<usize>,
}

impl RecordRanges {
    /// Bytes of key and data.
    pub(crate) fn size_bytes(&self) -> usize {
        self.key.len() + self.data.len()
    }
}

/// Reads the records of one envelope in order.
#[derive(Debug, Clone)]
pub(crate) struct EnvelopeReader<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u32,
    /// Whether the records were put while the stream's encryption was on.
    pub(crate) encryption_type: EncryptionType,
}

impl<'a> EnvelopeReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, InvalidEnvelope> {
        let mut header = bytes.get(..HEADER_BYTES).ok_or(InvalidEnvelope)?;
        let (version, compression) = (header.get_u8(), header.get_u8());
        let (flags, encryption_key) = (header.get_u16_le(), header.get_u32_le());
        let encryption_type = match flags {
            0 => EncryptionType::None,
            ENCRYPTED => EncryptionType::Kms,
            _ => return Err(InvalidEnvelope),
        };
        let is_known = version == VERSION && compression == 0 && encryption_key == 0;
        let left = header.get_u32_le();
        if !is_known || left as usize > ENVELOPE_RECORDS_MAX {
            return Err(InvalidEnvelope);
        }
        Ok(Self {
            bytes,
            at: HEADER_BYTES,
            left,
            encryption_type,
        })
    }

    /// Records that have not been read yet.
    pub(crate) fn records_left(&self) -> u32 {
        self.left
    }

    /// Bytes of the keys and data of all records, as the envelope's size says before any of them is read.
    pub(crate) fn record_bytes(&self) -> u64 {
        let without = size_bytes(self.left as usize, 0);
        self.bytes.len().saturating_sub(without) as u64
    }

    /// The next record; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<RecordRanges>, InvalidEnvelope> {
        if self.left == 0 {
            return match self.at == self.bytes.len() {
                true => Ok(None),
                false => Err(InvalidEnvelope),
            };
        }
        let key_at = self.at + RECORD_HEADER_BYTES;
        let mut header = self.bytes.get(self.at..key_at).ok_or(InvalidEnvelope)?;
        let data_at = key_at + usize::from(header.get_u16_le());
        let end = data_at + header.get_u32_le() as usize;
        if end > self.bytes.len() {
            return Err(InvalidEnvelope);
        }
        self.at = end;
        self.left -= 1;
        Ok(Some(RecordRanges {
            key: key_at..data_at,
            data: data_at..end,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn raw(bytes: &[u8]) -> RecordData<'_> {
        RecordData::Raw(Cow::Borrowed(bytes))
    }

    #[test]
    fn layout_is_frozen() {
        let mut writer = EnvelopeWriter::with_room(2, 5);
        assert_eq!(writer.push(b"k", &raw(&[9, 8])), Ok(0));
        assert_eq!(writer.push(b"ab", &RecordData::Base64(b"")), Ok(1));
        let expected = [
            &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0][..],
            &[1, 0, 2, 0, 0, 0, b'k', 9, 8],
            &[2, 0, 0, 0, 0, 0, b'a', b'b'],
        ];
        let bytes = writer.finish();
        assert_eq!(bytes[..], expected.concat()[..]);
        assert_eq!(bytes.len(), size_bytes(2, 5));
        let writer = EnvelopeWriter::with_room(0, 0).encrypted(EncryptionType::Kms);
        assert_eq!(writer.finish()[..], [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn unknown_versions_and_torn_bytes_are_refused() {
        let mut writer = EnvelopeWriter::with_room(1, 2);
        writer.push(b"k", &raw(b"v")).unwrap();
        let good = writer.finish();
        for byte in 0..8 {
            let mut bad = good.to_vec();
            bad[byte] ^= 2;
            assert!(EnvelopeReader::new(&bad).is_err(), "byte {byte}");
        }
        let read_all = |bytes: &[u8]| {
            let mut reader = EnvelopeReader::new(bytes)?;
            while reader.next()?.is_some() {}
            Ok::<_, InvalidEnvelope>(())
        };
        assert_eq!(read_all(&good), Ok(()));
        for end in 0..good.len() {
            assert_eq!(read_all(&good[..end]), Err(InvalidEnvelope), "{end}");
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(read_all(&longer), Err(InvalidEnvelope));
    }

    proptest! {
        #[test]
        fn round_trips(records in vec((vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..200)), 0..50)) {
            let bytes = records.iter().map(|(key, data)| key.len() + data.len()).sum();
            let mut writer = EnvelopeWriter::with_room(records.len(), bytes);
            for (index, (key, data)) in records.iter().enumerate() {
                let text = BASE64_STANDARD.encode(data);
                let base64 = RecordData::Base64(text.as_bytes());
                prop_assert_eq!(base64.decoded_len(), data.len());
                let data = if index % 2 == 0 { base64 } else { raw(data) };
                prop_assert_eq!(writer.push(key, &data).map(usize::from), Ok(index));
            }
            let envelope = writer.finish();
            prop_assert_eq!(envelope.len(), size_bytes(records.len(), bytes));
            let mut reader = EnvelopeReader::new(&envelope).unwrap();
            for (key, data) in &records {
                let ranges = reader.next().unwrap().unwrap();
                prop_assert_eq!(&envelope[ranges.key.clone()], &key[..]);
                prop_assert_eq!(&envelope[ranges.data.clone()], &data[..]);
            }
            prop_assert_eq!(reader.next(), Ok(None));
        }

        #[test]
        fn never_panics(bytes in vec(any::<u8>(), 0..100)) {
            if let Ok(mut reader) = EnvelopeReader::new(&bytes) {
                while let Ok(Some(ranges)) = reader.next() {
                    prop_assert!(ranges.data.end <= bytes.len());
                }
            }
        }
    }
}
