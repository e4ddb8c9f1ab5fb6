//! The second stage without I/O: merges the pieces of all shards, counts each record once, says which results are due.
//!
//! Pieces of one shard are disjoint ranges that follow each other. One that was merged before is passed over; one that
//! comes before its turn waits; one that overlaps what was merged in part cannot be counted and is an error.

use std::collections::{BTreeMap, BTreeSet};

use millstream_consumer::ExtendedSequenceNumber;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::partial::{NotAggregated, Partial};
use super::piece::{Group, Piece, place};
use super::plan::Plan;

/// What a shard, a window or a group takes beside its contents.
const ENTRY_BYTES: usize = 128;

/// Everything that the second stage knows. It is stored whole, and starting from it is as if nothing had happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Merger {
    shards: BTreeMap<String, Shard>,
    windows: BTreeMap<i64, Window>,
    /// Results that were decided with this state and go out before anything else is decided.
    outbox: Vec<Due>,
    /// Every window that starts before this is complete and gone.
    #[serde(default = "never")]
    gone_before_ms: i64,
}

fn never() -> i64 {
    i64::MIN
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Shard {
    /// Everything up to here is merged.
    #[serde(with = "place")]
    merged: Option<ExtendedSequenceNumber>,
    #[serde(default = "unknown")]
    passed_ms: Option<i64>,
    /// Pieces behind a gap.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    waiting: Vec<Piece>,
}

fn unknown() -> Option<i64> {
    None
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Window {
    groups: BTreeMap<String, Vec<Partial>>,
    /// How often its results went out.
    revision: u32,
    /// Whether the last results were complete.
    complete: bool,
    /// Groups that changed since.
    changed: BTreeSet<String>,
    /// On the second stage's own clock: when the first shard was seen to have passed its end, or when incomplete
    /// results last went out.
    waiting_since_ms: Option<i64>,
}

/// A window whose results go out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Due {
    window_ms: i64,
    revision: u32,
    complete: bool,
    /// Keys of the groups.
    groups: Vec<String>,
}

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowResult {
    /// Start of the window, in milliseconds since 1970.
    pub window_ms: i64,
    /// The key's JSON.
    pub by: String,
    /// From 1.
    pub revision: u32,
    /// `window`, `by`, the values, `complete` and `revision`.
    pub value: Value,
}

/// A shard of the source that takes records, and those that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenShard {
    /// Its id.
    pub shard_id: String,
    /// Parents that are listed, by shard: of this one and of all those that it came from.
    pub parents: BTreeMap<String, Vec<String>>,
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It is counted.
    Counted,
    /// It was counted before.
    Repeated,
    /// It waits for the pieces before it.
    Waiting,
}

/// Why a piece cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMerged {
    /// It was made of other windows.
    #[error(
        "a piece was made by windows that were defined otherwise ({theirs}; now {ours}): let the pipeline finish with \
         the old file first, or give the new one another name"
    )]
    OtherPlan {
        /// What it was made by.
        theirs: String,
        /// What is merged here.
        ours: String,
    },
    /// It overlaps what was merged, which never happens among pieces of one lease table.
    #[error(
        "a piece of shard {shard} after {after} up to {up_to} overlaps what is merged up to {merged}: was the lease \
         table deleted while the intermediate stream was kept? Delete both and start again"
    )]
    Overlap {
        /// Its shard.
        shard: String,
        /// Where it begins, exclusive.
        after: String,
        /// Where it ends.
        up_to: String,
        /// How far the shard is merged.
        merged: String,
    },
    /// A partial result does not fit.
    #[error(transparent)]
    Partial(#[from] NotAggregated),
}

impl Merger {
    /// Nothing merged yet.
    pub fn new() -> Self {
        Self {
            gone_before_ms: never(),
            ..Self::default()
        }
    }

    /// Merges a piece.
    ///
    /// # Errors
    /// See [`NotMerged`]; the piece is not merged.
    pub fn add(&mut self, plan: &Plan, piece: Piece) -> Result<Merged, NotMerged> {
        if piece.plan != plan.fingerprint() {
            return Err(NotMerged::OtherPlan {
                theirs: piece.plan,
                ours: plan.fingerprint(),
            });
        }
        let shard = self.shards.entry(piece.shard.clone()).or_default();
        if piece.after > shard.merged {
            shard.waiting.push(piece);
            return Ok(Merged::Waiting);
        }
        if piece.up_to <= shard.merged {
            // Where it says how far the shard had passed it is still right.
            shard.passed_ms = shard.passed_ms.max(Some(piece.passed_ms));
            let counted = if piece.has_records() {
                Merged::Repeated
            } else {
                Merged::Counted
            };
            return Ok(counted);
        }
        if piece.after < shard.merged {
            let text = |place: &Option<ExtendedSequenceNumber>| {
                place
                    .as_ref()
                    .map_or_else(|| "its start".to_owned(), ToString::to_string)
            };
            return Err(NotMerged::Overlap {
                after: text(&piece.after),
                up_to: text(&piece.up_to),
                merged: text(&shard.merged),
                shard: piece.shard,
            });
        }
        self.merge(plan, piece)?;
        Ok(Merged::Counted)
    }

    /// Merges a piece whose turn it is, and those that waited for it.
    fn merge(&mut self, plan: &Plan, piece: Piece) -> Result<(), NotMerged> {
        let mut next = Some(piece);
        while let Some(piece) = next.take() {
            for (window_ms, groups) in piece.windows {
                self.merge_window(plan, window_ms, groups)?;
            }
            let shard = self.shards.entry(piece.shard).or_default();
            shard.merged = piece.up_to;
            shard.passed_ms = shard.passed_ms.max(Some(piece.passed_ms));
            let merged = shard.merged.clone();
            let (behind, waiting) = std::mem::take(&mut shard.waiting)
                .into_iter()
                .partition::<Vec<Piece>, _>(|waiting| waiting.up_to <= merged);
            shard.waiting = waiting;
            // What they cover is merged; how far the shard had passed is still right.
            let passed = behind.iter().map(|piece| piece.passed_ms).max();
            shard.passed_ms = shard.passed_ms.max(passed);
            let found = shard
                .waiting
                .iter()
                .position(|waiting| waiting.after <= merged);
            next = found.map(|at| shard.waiting.swap_remove(at));
        }
        Ok(())
    }

    fn merge_window(
        &mut self,
        plan: &Plan,
        window_ms: i64,
        groups: Vec<Group>,
    ) -> Result<(), NotMerged> {
        if window_ms < self.gone_before_ms {
            // Never of our own first stage, which rejects records this late before it counts them.
            tracing::error!(
                window_ms,
                "a piece has records of a window that is gone; they are not counted"
            );
            return Ok(());
        }
        let window = self.windows.entry(window_ms).or_default();
        for Group { by, partials } in groups {
            let kept = window
                .groups
                .entry(by.clone())
                .or_insert_with(|| plan.start());
            if kept.len() != partials.len() {
                return Err(NotAggregated::Different.into());
            }
            for (kept, partial) in kept.iter_mut().zip(&partials) {
                kept.merge(partial)?;
            }
            window.changed.insert(by);
        }
        Ok(())
    }

    /// The moment that all shards have passed; none while one is silent.
    pub fn passed_ms(&self, open: &[OpenShard]) -> Option<i64> {
        let passed = open
            .iter()
            .map(|shard| self.passed_by(&shard.shard_id, &shard.parents, 0));
        passed.collect::<Option<Vec<i64>>>()?.into_iter().min()
    }

    /// What a shard has passed: what it said, or what all shards that it came from have passed, because its records
    /// arrived after theirs.
    fn passed_by(
        &self,
        shard_id: &str,
        parents: &BTreeMap<String, Vec<String>>,
        depth: usize,
    ) -> Option<i64> {
        const GENERATIONS_MAX: usize = 64;
        let own = self.shards.get(shard_id).and_then(|shard| shard.passed_ms);
        let parents_of = parents.get(shard_id).filter(|parents| !parents.is_empty());
        let inherited = parents_of
            .filter(|_| depth < GENERATIONS_MAX)
            .and_then(|of| {
                let passed = of
                    .iter()
                    .map(|parent| self.passed_by(parent, parents, depth + 1));
                passed.collect::<Option<Vec<i64>>>()?.into_iter().min()
            });
        own.max(inherited)
    }

    /// Whether [`decide`](Self::decide) would decide something.
    pub fn is_due(&mut self, plan: &Plan, open: &[OpenShard], now_ms: i64) -> bool {
        let passed = self.passed_ms(open);
        let some_passed = self
            .shards
            .values()
            .filter_map(|shard| shard.passed_ms)
            .max();
        let mut windows = self.windows.iter_mut();
        windows.any(|(window_ms, window)| {
            window.is_due(plan.due_ms(*window_ms), passed, some_passed, plan, now_ms)
        })
    }

    /// Decides which windows are due: all shards have passed their end, or somebody waited longer than patience. What
    /// is decided stays in the [outbox](Self::outbox) until it is [sent](Self::sent).
    pub fn decide(&mut self, plan: &Plan, open: &[OpenShard], now_ms: i64) {
        let passed = self.passed_ms(open);
        let some_passed = self
            .shards
            .values()
            .filter_map(|shard| shard.passed_ms)
            .max();
        for (window_ms, window) in &mut self.windows {
            let due_ms = plan.due_ms(*window_ms);
            if !window.is_due(due_ms, passed, some_passed, plan, now_ms) {
                continue;
            }
            let is_complete = passed >= Some(due_ms);
            let becomes_complete = is_complete && !window.complete;
            let groups = if window.revision == 0 || becomes_complete {
                window.groups.keys().cloned().collect()
            } else {
                window.changed.iter().cloned().collect()
            };
            window.revision += 1;
            window.complete = is_complete;
            window.changed.clear();
            window.waiting_since_ms = Some(now_ms);
            let (revision, complete) = (window.revision, window.complete);
            self.outbox.push(Due {
                window_ms: *window_ms,
                revision,
                complete,
                groups,
            });
        }
    }

    /// Results that go out now.
    pub fn outbox(&self, plan: &Plan) -> Vec<WindowResult> {
        let mut results = Vec::new();
        for due in &self.outbox {
            let Some(window) = self.windows.get(&due.window_ms) else {
                continue;
            };
            for by in &due.groups {
                let Some(partials) = window.groups.get(by) else {
                    continue;
                };
                results.push(result(plan, due, by, partials));
            }
        }
        results
    }

    /// Whether results wait to go out.
    pub fn has_results(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The results of the outbox have arrived. Windows of which nothing is taken any more go.
    pub fn sent(&mut self, plan: &Plan, open: &[OpenShard]) {
        self.outbox.clear();
        let Some(passed) = self.passed_ms(open) else {
            return;
        };
        while let Some(entry) = self.windows.first_entry() {
            let window_ms = *entry.key();
            if plan.gone_ms(window_ms) > passed
                || !entry.get().complete
                || !entry.get().changed.is_empty()
            {
                break;
            }
            entry.remove();
            self.gone_before_ms = self.gone_before_ms.max(window_ms + plan.every_ms);
        }
    }

    /// Windows that are open or may still be revised.
    pub fn windows_open(&self) -> usize {
        self.windows.len()
    }

    /// About how many bytes the state takes.
    pub fn bytes(&self) -> usize {
        let group = |(by, partials): (&String, &Vec<Partial>)| {
            ENTRY_BYTES + by.len() + partials.iter().map(Partial::bytes).sum::<usize>()
        };
        let window = |window: &Window| ENTRY_BYTES + window.groups.iter().map(group).sum::<usize>();
        let waiting = |shard: &Shard| {
            shard
                .waiting
                .iter()
                .map(|piece| piece.to_bytes().len())
                .sum::<usize>()
        };
        let shards: usize = self
            .shards
            .values()
            .map(|shard| ENTRY_BYTES + waiting(shard))
            .sum();
        shards + self.windows.values().map(window).sum::<usize>()
    }
}

impl Window {
    /// Whether results are due; begins to wait once some shard has passed the end.
    fn is_due(
        &mut self,
        due_ms: i64,
        passed: Option<i64>,
        some_passed: Option<i64>,
        plan: &Plan,
        now_ms: i64,
    ) -> bool {
        let is_complete = passed >= Some(due_ms);
        if self.changed.is_empty() && (self.complete || !is_complete) {
            return false;
        }
        if some_passed >= Some(due_ms) && self.waiting_since_ms.is_none() {
            self.waiting_since_ms = Some(now_ms);
        }
        let waited = self
            .waiting_since_ms
            .map(|since| now_ms.saturating_sub(since));
        is_complete || waited.is_some_and(|waited| waited >= plan.patience_ms)
    }
}

fn result(plan: &Plan, due: &Due, by: &str, partials: &[Partial]) -> WindowResult {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(due.window_ms.max(0) as u64);
    let mut value = Map::new();
    value.insert(
        "window".to_owned(),
        humantime::format_rfc3339_millis(at).to_string().into(),
    );
    value.insert(
        "by".to_owned(),
        serde_json::from_str(by).unwrap_or(Value::Null),
    );
    value.extend(plan.results(partials));
    value.insert("complete".to_owned(), due.complete.into());
    value.insert("revision".to_owned(), due.revision.into());
    WindowResult {
        window_ms: due.window_ms,
        by: by.to_owned(),
        revision: due.revision,
        value: Value::Object(value),
    }
}

#[cfg(test)]
mod tests;
