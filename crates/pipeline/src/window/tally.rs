//! The first stage of one shard, without I/O: counts records and cuts them into pieces.
//!
//! The cuts of a shard form a chain: each piece begins where the last one ended, which is the shard's checkpoint. Before
//! a piece is put, its end is prepared in the lease; whoever takes the shard over after a crash makes the very same cut.
//! So a range of records is put with one content, however often.

use std::collections::BTreeMap;

use millstream_consumer::ExtendedSequenceNumber;
use serde_json::Value;

use super::partial::{Moment, Partial};
use super::piece::{Group, Piece};
use super::plan::Plan;

/// A piece is cut before it is larger than this, counted about: it has to fit into a record of 1 MiB.
pub const PIECE_BYTES_MAX: usize = 256 * 1024;
/// What a group takes beside its partials and its key.
const GROUP_BYTES: usize = 64;

/// One record's part in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Start of the window, in milliseconds since 1970.
    pub window_ms: i64,
    /// The key's JSON.
    pub by: String,
    /// When and where it was.
    pub moment: Moment,
    /// One for each value of the window; all checked.
    pub values: Vec<Value>,
}

/// Counts the records of one shard.
#[derive(Debug)]
pub struct Tally {
    shard_id: String,
    /// Where the piece in hand begins, exclusive: the checkpoint.
    after: Option<ExtendedSequenceNumber>,
    /// The last record counted.
    up_to: Option<ExtendedSequenceNumber>,
    /// Where a predecessor prepared to cut.
    prepared: Option<ExtendedSequenceNumber>,
    /// By their starts and keys.
    windows: BTreeMap<i64, BTreeMap<String, Vec<Partial>>>,
    /// As last measured.
    bytes: usize,
    /// Most bytes that came on top since.
    growth: usize,
    passed_ms: i64,
    /// The last moment that was told.
    told_ms: i64,
}

impl Tally {
    /// Begins at the shard's checkpoint, with the cut that a predecessor prepared.
    pub fn new(
        shard_id: &str,
        after: Option<ExtendedSequenceNumber>,
        prepared: Option<ExtendedSequenceNumber>,
    ) -> Self {
        Self {
            shard_id: shard_id.to_owned(),
            up_to: after.clone(),
            prepared: prepared.filter(|place| after.as_ref() < Some(place)),
            after,
            windows: BTreeMap::new(),
            bytes: 0,
            growth: 0,
            passed_ms: i64::MIN,
            told_ms: i64::MIN,
        }
    }

    /// Whether the record was counted before.
    pub fn has_counted(&self, place: &ExtendedSequenceNumber) -> bool {
        self.up_to.as_ref() >= Some(place)
    }

    /// Whether a cut is due before the record at `place`: the predecessor's, or because the piece is large.
    pub fn must_cut_before(&self, place: &ExtendedSequenceNumber) -> bool {
        match &self.prepared {
            Some(prepared) => prepared < place,
            // Measured often enough that what grows in between fits.
            None => self.bytes >= PIECE_BYTES_MAX / 4 * 3,
        }
    }

    /// Counts a record with all its samples, of which there may be none.
    pub fn count(
        &mut self,
        plan: &Plan,
        place: &ExtendedSequenceNumber,
        arrived_ms: i64,
        samples: &[Sample],
    ) {
        for sample in samples {
            let groups = self.windows.entry(sample.window_ms).or_default();
            // Most times the key is there already.
            let partials = match groups.get_mut(&sample.by) {
                Some(partials) => partials,
                None => groups
                    .entry(sample.by.clone())
                    .or_insert_with(|| plan.start()),
            };
            for (partial, value) in partials.iter_mut().zip(&sample.values) {
                partial.add(value, &sample.moment);
            }
            self.growth +=
                GROUP_BYTES + sample.by.len() + sample.values.iter().map(growth).sum::<usize>();
        }
        if self.bytes + self.growth >= PIECE_BYTES_MAX {
            self.measure();
        }
        self.up_to = Some(place.clone());
        self.passed_ms = self.passed_ms.max(arrived_ms);
    }

    fn measure(&mut self) {
        let group = |(by, partials): (&String, &Vec<Partial>)| {
            GROUP_BYTES + by.len() + partials.iter().map(Partial::bytes).sum::<usize>()
        };
        self.bytes = self.windows.values().flatten().map(group).sum();
        self.growth = 0;
    }

    /// Everything that arrived before `moment_ms` is counted.
    pub fn pass(&mut self, moment_ms: i64) {
        self.passed_ms = self.passed_ms.max(moment_ms);
    }

    /// Whether something is counted that is in no piece yet.
    pub fn has_records(&self) -> bool {
        self.after != self.up_to
    }

    /// Whether a cut may be made here: no predecessor's is outstanding, or this is it.
    pub fn may_cut(&self) -> bool {
        self.prepared.is_none() || self.prepared == self.up_to
    }

    /// Whether the next cut's end is prepared, by this worker or a predecessor.
    pub fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// The end of what is counted is prepared in the lease: the next cut is there.
    pub fn prepared(&mut self) {
        self.prepared = self.up_to.clone();
    }

    /// A piece without records has told how far the shard has passed.
    pub fn told(&mut self) {
        self.told_ms = self.passed_ms;
    }

    /// Whether the shard has passed the end of a window since it was last told.
    pub fn has_news(&self, plan: &Plan) -> bool {
        self.passed_ms > i64::MIN && plan.window_of(self.passed_ms) > plan.window_of(self.told_ms)
    }

    /// The piece of what is counted.
    pub fn piece(&self, plan: &Plan) -> Piece {
        let group = |(by, partials): (&String, &Vec<Partial>)| Group {
            by: by.clone(),
            partials: partials.clone(),
        };
        let windows = self.windows.iter();
        let windows = windows.map(|(window, groups)| (*window, groups.iter().map(group).collect()));
        Piece {
            after: self.after.clone(),
            up_to: self.up_to.clone(),
            passed_ms: self.passed_ms,
            windows: windows.collect(),
            ..Piece::empty(&plan.fingerprint(), &self.shard_id)
        }
    }

    /// The last record counted.
    pub fn up_to(&self) -> Option<&ExtendedSequenceNumber> {
        self.up_to.as_ref()
    }

    /// The piece is on the intermediate stream, and its end is the checkpoint.
    pub fn cut(&mut self) {
        self.told_ms = self.passed_ms;
        self.after = self.up_to.clone();
        self.prepared = None;
        self.windows.clear();
        self.bytes = 0;
        self.growth = 0;
    }
}

/// Most bytes by which a value makes a partial larger.
fn growth(value: &Value) -> usize {
    const SKETCHED: usize = 64;
    match value {
        Value::String(text) => text.len() + SKETCHED,
        Value::Array(_) | Value::Object(_) => value.to_string().len() + SKETCHED,
        Value::Null | Value::Bool(_) | Value::Number(_) => SKETCHED,
    }
}
