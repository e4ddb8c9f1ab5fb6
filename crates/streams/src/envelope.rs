//! Record envelopes: the payload of a shard's entries.
//!
//! ```text
//! version u8 = 1 | compression u8 = 0 | flags u16 | data key's id u32 | record count u32
//! per record: key length u16 | data length u32 | key | data
//! ```
//! Flag 1: put while the stream's encryption was on, which the API shows with each record.
//! Data key's id: 0, or what stands behind the header is `nonce | records, sealed | tag` (`millstream-sealing`), sealed for
//! this header and for the log's place. Records are sealed where an envelope is finished and opened where it is read, and
//! nowhere else.
//! A key of length 0 is that of a record without a partition key.
//! Little-endian. Arrival time and number are not inside: they follow from the entry.

use std::ops::Range;

use bytes::{Buf, Bytes};
use millstream_catalog::ENVELOPE_RECORDS_MAX;
use millstream_log::Place;
use millstream_sealing::{DataKey, KeyRing, NotOpened, SEALED_EXTRA_BYTES};
use millstream_wire::shapes::{EncryptionType, InvalidRecordData, RecordData};

const VERSION: u8 = 1;
/// Flag: put while the stream's encryption was on.
const ENCRYPTED: u16 = 1;
/// What an envelope may have more than twice its contents.
const ROOM_TO_SPARE_BYTES_MAX: usize = 128;
const HEADER_BYTES: usize = 12;
/// Where the data key's id stands.
const KEY_ID: Range<usize> = 4..8;
const RECORD_HEADER_BYTES: usize = 6;

/// Most bytes of an envelope with these records, sealed or not.
pub(crate) const fn size_bytes_max(records: usize, keys_and_data_bytes: usize) -> usize {
    size_bytes(records, keys_and_data_bytes) + SEALED_EXTRA_BYTES
}

/// Bytes of an envelope with these records, not sealed.
const fn size_bytes(records: usize, keys_and_data_bytes: usize) -> usize {
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
            EncryptionType::Kms => {
                // Sealing moves what is there, and copies it only if there is no room.
                self.bytes
                    .reserve_exact(self.bytes.capacity() - HEADER_BYTES + SEALED_EXTRA_BYTES);
                ENCRYPTED
            }
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

    /// The envelope, sealed for a log if there is a key.
    pub(crate) fn finish(mut self, sealing: Option<(&DataKey, Place)>) -> Bytes {
        self.bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
        if let Some((key, place)) = sealing {
            self.bytes[KEY_ID].copy_from_slice(&key.id().to_le_bytes());
            key.seal(&mut self.bytes, HEADER_BYTES, &place.to_bytes());
        }
        // Room without contents is in nobody's budget, and an envelope may be kept for long.
        debug_assert!(
            self.bytes.capacity() <= 2 * self.bytes.len() + ROOM_TO_SPARE_BYTES_MAX,
            "{} bytes have room for {}",
            self.bytes.len(),
            self.bytes.capacity()
        );
        self.bytes.into()
    }
}

/// An entry that is not an envelope of a version that this one knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry is not a record envelope that this version knows")]
pub(crate) struct InvalidEnvelope;

/// Why the records of an entry cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unopened {
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    #[error(transparent)]
    NotOpened(#[from] NotOpened),
}

/// An envelope as it was before it was sealed; one that was not is the same bytes.
///
/// # Errors
/// If there is no such key, or it does not open.
pub(crate) fn opened(
    stored: &Bytes,
    keys: Option<&KeyRing>,
    place: Place,
) -> Result<Bytes, Unopened> {
    let id = stored.get(KEY_ID).ok_or(InvalidEnvelope)?;
    let id = id.try_into().map_or(0, u32::from_le_bytes);
    if id == 0 {
        return Ok(stored.clone());
    }
    let key = keys.and_then(|keys| keys.by_id(id));
    opened_with(stored, &*key.ok_or(NotOpened::NoKey(id))?, place)
}

/// Whether the records of a shard's entry can be read with these keys; those that were never sealed can.
///
/// # Errors
/// If they are sealed with a key that is not there, or do not open.
pub fn check_sealed(stored: &Bytes, keys: &KeyRing, place: Place) -> Result<(), NotOpened> {
    match opened(stored, Some(keys), place) {
        Err(Unopened::NotOpened(error)) => Err(error),
        // What is no envelope at all is not a matter of keys.
        Ok(_) | Err(Unopened::Envelope(_)) => Ok(()),
    }
}

/// As [`opened`], of one that was sealed with a key.
pub(crate) fn opened_with(sealed: &[u8], key: &DataKey, place: Place) -> Result<Bytes, Unopened> {
    let mut opened = key.open(sealed, HEADER_BYTES, &place.to_bytes())?;
    opened[KEY_ID].fill(0);
    Ok(opened.into())
}

/// How many records an envelope has, and the bytes of their keys and data, as its header and its size say: sealed or not.
pub(crate) fn totals(stored: &[u8]) -> Result<(u64, u64), InvalidEnvelope> {
    let mut header = stored.get(..HEADER_BYTES).ok_or(InvalidEnvelope)?;
    let (version, compression, _flags) = (header.get_u8(), header.get_u8(), header.get_u16_le());
    let (key_id, records) = (header.get_u32_le(), header.get_u32_le());
    if version != VERSION || compression != 0 || records as usize > ENVELOPE_RECORDS_MAX {
        return Err(InvalidEnvelope);
    }
    let sealed_bytes = if key_id == 0 { 0 } else { SEALED_EXTRA_BYTES };
    let without = size_bytes(records as usize, 0) + sealed_bytes;
    let bytes = stored.len().checked_sub(without).ok_or(InvalidEnvelope)?;
    Ok((u64::from(records), bytes as u64))
}

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
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use millstream_log::GroupId;
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
        let bytes = writer.finish(None);
        assert_eq!(bytes[..], expected.concat()[..]);
        assert_eq!(bytes.len(), size_bytes(2, 5));
        let writer = EnvelopeWriter::with_room(0, 0).encrypted(EncryptionType::Kms);
        assert_eq!(
            writer.finish(None)[..],
            [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn unknown_versions_and_torn_bytes_are_refused() {
        let mut writer = EnvelopeWriter::with_room(1, 2);
        writer.push(b"k", &raw(b"v")).unwrap();
        let good = writer.finish(None);
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

    fn ring() -> Arc<KeyRing> {
        let text = BASE64_STANDARD.encode([1; 32]);
        let master = millstream_sealing::MasterKey::from_base64(&text).unwrap();
        let ring = KeyRing::open(None, master, None).unwrap();
        ring.begin_epoch(GroupId(1)).unwrap();
        Arc::new(ring)
    }

    #[test]
    fn sealed_records_open_with_their_key_in_their_log_and_nowhere_else() {
        let ring = ring();
        let key = ring.of(GroupId(1)).unwrap();
        let [here, elsewhere] = [1, 2].map(|byte| Place::from_bytes([byte; Place::BYTES]));
        let write = || {
            let mut writer = EnvelopeWriter::with_room(1, 7).encrypted(EncryptionType::Kms);
            writer.push(b"k", &raw(b"secret")).unwrap();
            writer
        };
        let plain = write().finish(None);
        let sealed = write().finish(Some((&key, here)));
        assert_eq!(sealed.len(), size_bytes_max(1, 7));
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        // What only knows plain ones stops.
        assert!(EnvelopeReader::new(&sealed).is_err());
        assert_eq!((totals(&plain), totals(&sealed)), (Ok((1, 7)), Ok((1, 7))));
        assert_eq!(opened(&sealed, Some(&ring), here), Ok(plain.clone()));
        assert_eq!(opened_with(&sealed, &key, here), Ok(plain.clone()));
        assert_eq!(opened(&plain, None, here), Ok(plain));
        assert_eq!(
            opened(&sealed, Some(&ring), elsewhere),
            Err(NotOpened::Damaged.into())
        );
        let id = key.id();
        assert_eq!(
            opened(&sealed, None, here),
            Err(NotOpened::NoKey(id).into())
        );
        for at in (0..sealed.len()).filter(|at| !KEY_ID.contains(at)) {
            let mut flipped = sealed.to_vec();
            flipped[at] ^= 1;
            let found = opened(&flipped.into(), Some(&ring), here);
            assert_eq!(found, Err(NotOpened::Damaged.into()), "byte {at}");
        }
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
            let envelope = writer.finish(None);
            prop_assert_eq!(envelope.len(), size_bytes(records.len(), bytes));
            prop_assert_eq!(totals(&envelope), Ok((records.len() as u64, bytes as u64)));
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
