//! The cuts of one shard for sinks that deliver by whole cuts, without I/O.
//!
//! As with pieces of windows: a cut begins at the checkpoint, its end is prepared in the lease before anything is
//! delivered, and whoever takes the shard over makes the very same cut.

use millstream_connectors::Cut;
use millstream_consumer::ExtendedSequenceNumber;

/// Digits of a sequence number in a name, so that names sort.
const DIGITS: usize = 56;

/// Where the cut in hand begins and where it must end.
#[derive(Debug)]
pub(super) struct Cuts {
    shard_id: String,
    /// The first record of the cut in hand.
    first: Option<ExtendedSequenceNumber>,
    /// The last record in hand.
    last: Option<ExtendedSequenceNumber>,
    /// Where the cut in hand must end.
    prepared: Option<ExtendedSequenceNumber>,
}

impl Cuts {
    pub(super) fn new(
        shard_id: &str,
        after: Option<ExtendedSequenceNumber>,
        prepared: Option<ExtendedSequenceNumber>,
    ) -> Self {
        let prepared = prepared.filter(|place| after.as_ref() < Some(place));
        Self {
            shard_id: shard_id.to_owned(),
            first: None,
            last: after,
            prepared,
        }
    }

    /// Whether the record was taken before.
    pub(super) fn has(&self, place: &ExtendedSequenceNumber) -> bool {
        self.last.as_ref() >= Some(place)
    }

    /// Whether the cut in hand must end before this record.
    pub(super) fn must_cut_before(&self, place: &ExtendedSequenceNumber) -> bool {
        self.prepared
            .as_ref()
            .is_some_and(|prepared| prepared < place)
    }

    pub(super) fn take(&mut self, place: &ExtendedSequenceNumber) {
        self.first.get_or_insert_with(|| place.clone());
        self.last = Some(place.clone());
    }

    /// Whether a cut may end here: something is in hand, and no predecessor's end lies ahead.
    pub(super) fn may_cut(&self) -> bool {
        self.first.is_some() && (self.prepared.is_none() || self.prepared == self.last)
    }

    /// Whether the cut must end here.
    pub(super) fn must_cut(&self) -> bool {
        self.first.is_some() && self.prepared.is_some() && self.prepared == self.last
    }

    pub(super) fn last(&self) -> Option<&ExtendedSequenceNumber> {
        self.last.as_ref()
    }

    /// The cut in hand, and its end if that has to be prepared first.
    pub(super) fn cut(&self) -> Option<(Cut, Option<&ExtendedSequenceNumber>)> {
        let cut = Cut {
            shard_id: self.shard_id.clone(),
            first: name(self.first.as_ref()?),
        };
        Some((cut, self.last.as_ref().filter(|_| self.prepared.is_none())))
    }

    /// The end of the cut in hand is prepared.
    pub(super) fn prepared(&mut self) {
        self.prepared = self.last.clone();
    }

    /// The cut in hand is delivered and checkpointed.
    pub(super) fn done(&mut self) {
        self.first = None;
        self.prepared = None;
    }
}

/// A place in a name.
pub(super) fn name(place: &ExtendedSequenceNumber) -> String {
    let number = format!("{:0>DIGITS$}", place.sequence_number());
    match place.sub_sequence_number() {
        0 => number,
        index => format!("{number}.{index:06}"),
    }
}
