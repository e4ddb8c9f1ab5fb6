//! The table of logs, put together from a manifest, if there is one, and from what the segments say of themselves.

use std::collections::BTreeMap;

use millstream_log::{GroupId, LogId};
use millstream_types::TimestampMs;

use super::cover::{Part, Source, cover, holes};
use super::segment::{Contents, Extent};
use super::{Loss, Salvage};
use crate::format::{ControlOp, LogKey, Manifest, RecentId, SegmentKind, Tombstones};
use crate::recovery::{MANIFEST, OFFSETS_SKIPPED};
use crate::segments::index::APPEND_IDS_KEPT;
use crate::state::table::{OFFSET_LIMIT, SKIPPED};

/// A log.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) first: u64,
    pub(super) next: u64,
    pub(super) last_time: u64,
    pub(super) closed: bool,
    pub(super) ids: Vec<RecentId>,
    pub(super) sources: Vec<Source>,
    /// Offsets that a manifest knows to have been left out.
    pub(super) skipped: Vec<(u64, u64)>,
}

/// Whether a start would replay the segment.
pub(super) fn is_candidate(manifest: &Manifest, contents: &Contents) -> bool {
    let number = contents.number;
    let is_new = number >= manifest.next_number || manifest.unsealed.contains(&number);
    is_new && contents.kind == SegmentKind::Appended
}

impl Salvage {
    pub(super) fn read_rows(&mut self) {
        if let Some(manifest) = &self.manifest {
            self.tombstones = manifest.tombstones.clone();
            for log in &manifest.logs {
                if !self.tombstones.contain(log.key) {
                    self.rows.insert(log.key, row_of(log));
                }
            }
        }
        self.check_lsns();
        let manifest = self.manifest.as_ref();
        let mut replayed: Vec<&Contents> = self
            .segments
            .values()
            .filter(|contents| manifest.is_none_or(|manifest| is_candidate(manifest, contents)))
            .collect();
        replayed.sort_by_key(|contents| contents.lsns.0);
        for contents in &replayed {
            apply_control_ops(&mut self.rows, &mut self.tombstones, &contents.control_ops);
            let created_elsewhere = manifest.is_none();
            for (key, extents) in &contents.extents {
                if self.tombstones.contain(*key) {
                    continue;
                }
                // Its create may stand in a segment that is gone.
                let row = match self.rows.get_mut(key) {
                    None if created_elsewhere || self.is_end_unknown => {
                        self.rows.entry(*key).or_default()
                    }
                    None => continue,
                    Some(row) => row,
                };
                extents.iter().for_each(|extent| row.extend(extent));
                row.ids.extend(contents.ids.get(key).into_iter().flatten());
            }
        }
        self.place_rows();
    }

    /// Says which frames are missing between the manifest and the segments that are newer.
    fn check_lsns(&mut self) {
        let Some(manifest) = &self.manifest else {
            return;
        };
        let candidates = self.segments.values();
        let candidates = candidates.filter(|contents| is_candidate(manifest, contents));
        let mut ranges: Vec<(u64, u64)> = candidates.map(|contents| contents.lsns).collect();
        ranges.retain(|(first, _)| *first > 0);
        ranges.sort_unstable();
        let covered = manifest.covered_lsn;
        let mut known = covered;
        let mut missing = Vec::new();
        for (first, last) in ranges {
            if first > known + 1 {
                missing.push((known + 1, first - 1));
            }
            known = known.max(last);
        }
        for (first, last) in missing {
            self.is_end_unknown = true;
            self.find(
                MANIFEST,
                0,
                format!("frames {first} to {last} are in no segment"),
            );
        }
    }

    /// Finds the places of all entries, and what has none.
    fn place_rows(&mut self) {
        let mut parts: BTreeMap<LogKey, Vec<Part>> = BTreeMap::new();
        let mut times: BTreeMap<LogKey, Vec<Extent>> = BTreeMap::new();
        for contents in self.segments.values() {
            for (key, extents) in &contents.extents {
                parts
                    .entry(*key)
                    .or_default()
                    .extend(extents.iter().map(|extent| Part {
                        segment: contents.number,
                        first: extent.first,
                        next: extent.next,
                    }));
                times.entry(*key).or_default().extend(extents);
            }
        }
        for (key, row) in &mut self.rows {
            let parts = parts.entry(*key).or_default();
            if self.manifest.is_none() {
                // What is below may have been trimmed.
                let first = parts.iter().map(|part| part.first).min();
                row.first = row.first.max(first.unwrap_or(0));
            }
            if self.is_end_unknown && *key == LogKey::new(GroupId::COMMANDS, LogId(0)) {
                let newest = self.snapshots.first();
                row.next = row.next.max(newest.map_or(0, |snapshot| snapshot.offset));
            }
            row.first = row.first.min(row.next);
            row.sources = cover(parts, row.first, row.next);
            row.ids.sort_by_key(|id| id.offset);
            row.ids.dedup_by_key(|id| id.offset);
            row.ids.retain(|id| id.offset < row.next);
            let surplus = row.ids.len().saturating_sub(APPEND_IDS_KEPT);
            row.ids.drain(..surplus);
            let extents = times.remove(key).unwrap_or_default();
            for (first, next) in holes(&row.sources, row.next, &row.skipped) {
                if self.manifest.is_none() && (next - first).is_multiple_of(OFFSETS_SKIPPED) {
                    continue;
                }
                self.losses.push(loss(*key, first, next, row, &extents));
            }
        }
    }
}

fn loss(key: LogKey, first: u64, next: u64, row: &Row, extents: &[Extent]) -> Loss {
    let before = extents.iter().filter(|extent| extent.next <= first);
    let after = extents.iter().filter(|extent| extent.first >= next);
    let to = after.map(|extent| extent.first_time).min();
    let at_end = (next == row.next && row.last_time > 0).then_some(row.last_time);
    Loss {
        group: GroupId(key.group),
        log: LogId(key.log),
        first,
        next,
        from: before.map(|extent| extent.last_time).max().map(TimestampMs),
        to: to.or(at_end).map(TimestampMs),
    }
}

impl Row {
    fn extend(&mut self, extent: &Extent) {
        if extent.next > self.next && extent.next < OFFSET_LIMIT {
            self.next = extent.next;
            self.last_time = self.last_time.max(extent.last_time);
        }
        self.closed |= extent.closed;
    }
}

fn row_of(log: &crate::format::ManifestLog) -> Row {
    let ends = log.segments.iter().skip(1).map(|(_, _, first)| *first);
    let parts = log.segments.iter().zip(ends.chain([log.next]));
    Row {
        first: log.first,
        next: log.next,
        last_time: log.last_time,
        closed: log.closed,
        ids: log.ids.clone(),
        sources: Vec::new(),
        skipped: parts
            .filter(|((segment, _, _), _)| *segment == SKIPPED)
            .map(|((_, _, first), end)| (*first, end))
            .collect(),
    }
}

fn apply_control_ops(
    rows: &mut BTreeMap<LogKey, Row>,
    tombstones: &mut Tombstones,
    ops: &[ControlOp],
) {
    for op in ops {
        match *op {
            ControlOp::Create(key) => {
                if !tombstones.contain(key) {
                    rows.entry(key).or_default();
                }
            }
            ControlOp::Delete(key) => {
                rows.remove(&key);
                tombstones.add(key);
            }
            ControlOp::DeleteGroup(group) => {
                rows.retain(|key, _| key.group != group);
                tombstones.add_group(group);
            }
            ControlOp::Trim { key, before } => {
                if let Some(row) = rows.get_mut(&key) {
                    row.first = row.first.max(before);
                }
            }
        }
    }
}
