//! Records on the way to their shards, before anything is written.

use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_log::LogEngine;
use millstream_sealing::DataKey;
use millstream_types::{HashKey, StreamMode};
use millstream_wire::shapes::{InvalidRecordData, RecordData, RecordToPut};

use super::submitted::{Routed, Submitted};
use crate::envelope::EnvelopeWriter;
use crate::hot_keys::HotShards;
use crate::on_demand::Traffic;
use crate::view::View;
use crate::{Admission, AskingRecord};

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
    /// How many of the first targets are not written: their records were refused.
    refused: usize,
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
            refused: 0,
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
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
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

    /// Asks, for each shard once, which of its records it takes; the others are answered without being written. Once,
    /// after the last record.
    pub(crate) fn admit(&mut self, admission: &dyn Admission) {
        let mut asking: Vec<Vec<AskingRecord>> = Vec::new();
        asking.resize_with(self.targets.len(), Vec::new);
        for routed in &self.routed {
            asking[usize::from(routed.envelope)].push(AskingRecord {
                bytes: u64::from(routed.bytes),
                is_admitted: true,
            });
        }
        for (target, records) in self.targets.iter().zip(&mut asking) {
            let shard = self.stream.open_shards()[target.position].id;
            admission.admit_records(&self.stream, shard, records);
        }
        if asking.iter().flatten().any(|record| !record.is_admitted) {
            self.part(&asking);
        }
    }

    /// Parts the records that were refused from those that are written: each shard that has both has two targets, and
    /// those of refused ones come first.
    fn part(&mut self, asked: &[Vec<AskingRecord>]) {
        let mut parted = Vec::with_capacity(self.targets.len() * 2);
        // By the old target's number: those of its refused records, and of the others.
        let mut numbers = vec![[0u16; 2]; self.targets.len()];
        for is_admitted in [false, true] {
            for (number, (target, records)) in self.targets.iter().zip(asked).enumerate() {
                let own = records.iter().filter(|one| one.is_admitted == is_admitted);
                let records = own.clone().count();
                if records > 0 {
                    let place = u16::try_from(parted.len()).expect("at most one for each record");
                    numbers[number][usize::from(is_admitted)] = place;
                    parted.push(Target {
                        position: target.position,
                        records,
                        bytes: own.map(|one| one.bytes as usize).sum(),
                    });
                }
            }
            if !is_admitted {
                self.refused = parted.len();
            }
        }
        let mut asked: Vec<_> = asked.iter().map(|records| records.iter()).collect();
        for routed in &mut self.routed {
            let number = usize::from(routed.envelope);
            let record = asked[number].next().expect("one for each record");
            routed.envelope = numbers[number][usize::from(record.is_admitted)];
        }
        self.targets = parted;
    }

    /// Counts, for an on-demand stream, what each shard is about to take.
    fn count(&self, traffic: &Traffic) {
        let shards = self.stream.open_shards();
        let shard = |target: &Target| (self.stream.id, shards[target.position].id);
        let written = &self.targets[self.refused..];
        let mut watched: Vec<Option<Vec<(HashKey, u32)>>> = Vec::new();
        for target in written {
            let is_watched = traffic.add(shard(target), target.records, target.bytes);
            watched.push(is_watched.then(|| Vec::with_capacity(target.records)));
        }
        if watched.iter().all(Option::is_none) {
            return;
        }
        for routed in &self.routed {
            let place = usize::from(routed.envelope).checked_sub(self.refused);
            if let Some(Some(keys)) = place.and_then(|place| watched.get_mut(place)) {
                keys.push((routed.hash, routed.bytes));
            }
        }
        for (target, keys) in written.iter().zip(watched) {
            if let Some(keys) = keys {
                traffic.sample(shard(target), &keys);
            }
        }
    }

    /// Counts the keys of what is written, of which `key` says each record's by its place. Once, after [`admit`](Self::admit).
    pub(crate) fn count_keys<'a>(&self, hot: &HotShards, key: impl Fn(usize) -> &'a str) {
        let sample = hot.sample(self.routed.len());
        let written = |place: usize| {
            let target = usize::from(self.routed[place].envelope);
            (target >= self.refused).then_some((target, place))
        };
        let mut counted: Vec<(usize, usize)> = sample.places().filter_map(written).collect();
        counted.sort_unstable();
        for of_shard in counted.chunk_by(|one, next| one.0 == next.0) {
            let position = self.targets[of_shard[0].0].position;
            let shard = self.stream.open_shards()[position].id;
            let records = of_shard.iter();
            let records = records.map(|(_, place)| (key(*place), self.routed[*place].bytes));
            hot.add((self.stream.id, shard), sample, records);
        }
    }

    /// Writes the envelopes, seals them if there is a key, and submits them. `records` yields the records in the order in
    /// which they were added.
    ///
    /// # Errors
    /// If data is not base64 although it should have been checked; nothing is submitted then.
    pub(crate) fn submit<'a>(
        mut self,
        records: impl Iterator<Item = (&'a [u8], &'a RecordData<'a>)>,
        view: &Arc<View>,
        engine: &Arc<dyn LogEngine>,
        traffic: &Traffic,
        key: Option<Arc<DataKey>>,
    ) -> Result<Submitted, InvalidRecordData> {
        let encryption_type = self.stream.encryption_type();
        let writer = |target: &Target| {
            EnvelopeWriter::with_room(target.records, target.bytes).encrypted(encryption_type)
        };
        let written = &self.targets[self.refused..];
        let mut writers: Vec<EnvelopeWriter> = written.iter().map(writer).collect();
        for (routed, (key, data)) in self.routed.iter_mut().zip(records) {
            if let Some(place) = usize::from(routed.envelope).checked_sub(self.refused) {
                routed.index = writers[place].push(key, data)?;
            }
        }
        if self.stream.mode == StreamMode::OnDemand {
            self.count(traffic);
        }
        let (refused, written) = self.targets.split_at(self.refused);
        let mut submitted = Submitted::new(self.stream, view, engine, key, self.routed);
        for target in refused {
            submitted.refuse(target.position, target.records);
        }
        let positions = written.iter().map(|target| target.position);
        submitted.append(positions.zip(writers));
        Ok(submitted)
    }
}
