//! Records on the way to their shards, before anything is written.

use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_log::LogEngine;
use millstream_types::HashKey;
use millstream_wire::shapes::{InvalidRecordData, RecordData, RecordToPut};

use super::submitted::{Routed, Submitted};
use crate::envelope::EnvelopeWriter;
use crate::view::View;

/// Slots of the table that finds a shard's envelope; a power of two, and twice the records of a request at least.
const TARGET_SLOTS: usize = 1024;

/// Key and data of a record as they are stored; a record without a key has an empty one.
pub(crate) fn stored<'a>(record: &'a RecordToPut<'_>) -> (&'a [u8], &'a RecordData<'a>) {
    let key = record.partition_key.as_deref().unwrap_or_default();
    (key.as_bytes(), &record.data)
}

/// Bytes of key and data together.
pub(crate) fn size_bytes(record: &RecordToPut<'_>) -> usize {
    let (key, data) = stored(record);
    key.len() + data.decoded_len()
}

/// Records on the way to their shards, before anything is written.
pub(crate) struct Routing {
    stream: Arc<Stream>,
    routed: Vec<Routed>,
    targets: Vec<Target>,
    /// For a slot, the number of a target plus one; 0 if it is free.
    slots: [u16; TARGET_SLOTS],
}

/// What goes to one shard.
struct Target {
    /// Position of the shard among the stream's open ones.
    position: usize,
    records: usize,
    bytes: usize,
}

impl Routing {
    /// `count` is the number of records to come; at most half of [`TARGET_SLOTS`].
    pub(crate) fn new(stream: Arc<Stream>, count: usize) -> Self {
        Self {
            stream,
            routed: Vec::with_capacity(count),
            targets: Vec::new(),
            slots: [0; TARGET_SLOTS],
        }
    }

    /// Routes the next record, whose key and data have `bytes`; false if no shard takes it.
    pub(crate) fn add(&mut self, hash: HashKey, bytes: usize) -> bool {
        let Some(position) = self.stream.route(hash) else {
            return false;
        };
        let envelope = self.target(position);
        let target = &mut self.targets[usize::from(envelope)];
        target.records += 1;
        target.bytes += bytes;
        self.routed.push(Routed {
            hash,
            envelope,
            index: 0,
        });
        true
    }

    fn target(&mut self, position: usize) -> u16 {
        let mut slot = position % TARGET_SLOTS;
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(target) if self.targets[usize::from(target)].position == position => {
                    return target;
                }
                Some(_) => slot = (slot + 1) % TARGET_SLOTS,
                None => break,
            }
        }
        let target = u16::try_from(self.targets.len()).expect("at most one for each record");
        assert!(
            self.targets.len() < TARGET_SLOTS / 2,
            "the table never fills up"
        );
        self.slots[slot] = target + 1;
        self.targets.push(Target {
            position,
            records: 0,
            bytes: 0,
        });
        target
    }

    /// Writes the envelopes and submits them. `records` yields the records in the order in which they were added.
    ///
    /// # Errors
    /// If data is not base64 although it should have been checked; nothing is submitted then.
    pub(crate) fn submit<'a>(
        mut self,
        records: impl Iterator<Item = (&'a [u8], &'a RecordData<'a>)>,
        view: &Arc<View>,
        engine: &Arc<dyn LogEngine>,
    ) -> Result<Submitted, InvalidRecordData> {
        let encryption_type = self.stream.encryption_type();
        let writer = |target: &Target| {
            EnvelopeWriter::with_room(target.records, target.bytes).encrypted(encryption_type)
        };
        let mut writers: Vec<EnvelopeWriter> = self.targets.iter().map(writer).collect();
        for (routed, (key, data)) in self.routed.iter_mut().zip(records) {
            routed.index = writers[usize::from(routed.envelope)].push(key, data)?;
        }
        let mut submitted = Submitted::new(self.stream, view, engine, self.routed);
        let positions = self.targets.iter().map(|target| target.position);
        submitted.append(positions.zip(writers));
        Ok(submitted)
    }
}
