//! Makes a folder that a server can run on of what is whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, IoSlice};
use std::sync::Arc;

use millstream_log::{GroupId, LogId, Snapshot};
use millstream_types::TimestampMs;

use super::Salvage;
use super::rewrite::rewrite;
use super::rows::Row;
use super::segment::{Contents, read_with_runs};
use crate::durability::Durability;
use crate::format::{LogKey, Manifest, ManifestLog, ManifestSegment, SegmentKind};
use crate::format::{SEGMENTS, segment_path};
use crate::recovery::{MANIFEST, MANIFEST_NEW, OpenError, never_given, write_again};
use crate::snapshots::{LocalSnapshots, SNAPSHOTS};
use crate::state::table::{OFFSET_LIMIT, SKIPPED};

/// What a repair needs besides the folder.
#[derive(Debug, Clone)]
pub struct Repair {
    /// A folder inside the data folder, to be made: what is replaced moves there.
    pub kept_in: String,
    /// Logs that must be there; those that are not become empty ones.
    pub logs: Vec<(GroupId, LogId)>,
    /// A snapshot of the state machine above group 0, to be stored.
    pub snapshot: Option<Snapshot>,
    /// The time now. Logs whose end is unknown go on at an offset that they cannot have reached by then.
    pub now: TimestampMs,
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Files that were moved aside.
    pub moved: Vec<String>,
    /// Segments that were written with what is whole of others.
    pub written: u64,
}

/// A segment of the new manifest, and the places of its logs in its directory.
type Listed = (ManifestSegment, HashMap<LogKey, u32>);

impl Salvage {
    /// Writes segments with what is whole of damaged ones, the snapshot, and a manifest that lists what is whole; then
    /// moves aside what that replaces. The snapshot is stored as one of the end of log 0/0. Until the manifest is
    /// written every old file stands where it was, so that a repair that is cut short can be done again.
    ///
    /// # Errors
    /// If the disk fails; nothing is lost then.
    pub fn repair(mut self, repair: Repair) -> Result<Repaired, OpenError> {
        self.require(&repair);
        if self.is_end_unknown {
            self.skip_ends(repair.now);
        }
        let written = self.write(&repair);
        let (listed, written) = written.map_err(OpenError::io("writing segments"))?;
        if let Some(snapshot) = &repair.snapshot {
            self.save(snapshot)?;
        }
        let kept = self.keep_manifest(&repair.kept_in);
        kept.map_err(OpenError::io("keeping the old manifest"))?;
        self.write_manifest(&listed, written)
            .map_err(OpenError::io("writing the manifest"))?;
        let moved = self.move_aside(&repair.kept_in, &listed);
        let moved = moved.map_err(OpenError::io("moving files aside"))?;
        Ok(Repaired {
            moved,
            written: written.into(),
        })
    }

    fn require(&mut self, repair: &Repair) {
        for (group, log) in &repair.logs {
            let key = LogKey::new(*group, *log);
            if !self.tombstones.contain(key) && !self.rows.contains_key(&key) {
                // Nothing says what offsets it has given.
                self.is_end_unknown = true;
                self.rows.insert(key, Row::default());
            }
        }
    }

    /// Nothing behind the commands that are there is ever to be applied to it.
    fn save(&self, snapshot: &Snapshot) -> Result<(), OpenError> {
        let end = self.next_offset(GroupId::COMMANDS, LogId(0));
        let snapshot = Snapshot {
            offset: snapshot.offset.max(end),
            state: snapshot.state.clone(),
        };
        LocalSnapshots::save_now(Arc::clone(&self.disk), Arc::clone(&self.lock), &snapshot)
            .map_err(|error| OpenError::io("writing a snapshot")(io::Error::other(error)))
    }

    /// By the whole steps that are left out the next repair knows that nothing was there.
    fn skip_ends(&mut self, now: TimestampMs) {
        for row in self.rows.values_mut().filter(|row| !row.closed) {
            let next = never_given(row.next, now);
            if next >= OFFSET_LIMIT {
                continue;
            }
            if row.first == row.next {
                row.first = next;
                row.sources.clear();
            } else if row
                .sources
                .last()
                .is_some_and(|last| last.segment.is_some())
            {
                row.sources.push(super::cover::Source {
                    first: row.next,
                    segment: None,
                });
            }
            row.next = next;
        }
    }

    fn first_number(&self) -> u32 {
        let newest = self
            .segments
            .keys()
            .next_back()
            .map_or(1, |number| number + 1);
        let next = self.manifest.as_ref().map(|manifest| manifest.next_number);
        newest.max(next.unwrap_or(1))
    }

    /// By the number of the segment that it replaces: what the new manifest lists. And how many were written.
    fn write(&self, repair: &Repair) -> io::Result<(BTreeMap<u32, Listed>, u32)> {
        let mut written = 0;
        let listed = self.write_segments(repair, &mut written);
        let listed = listed.and_then(|listed| {
            self.disk.sync_directory(SEGMENTS)?;
            Ok(listed)
        });
        if listed.is_err() {
            // Best effort: the next repair is not to take them for whole.
            for number in self.first_number()..=self.first_number() + written {
                drop(self.disk.unlink(&segment_path(number)));
            }
        }
        Ok((listed?, written))
    }

    fn write_segments(
        &self,
        repair: &Repair,
        written: &mut u32,
    ) -> io::Result<BTreeMap<u32, Listed>> {
        for folder in ["", "/segments", "/snapshots"] {
            let folder = format!("{}{folder}", repair.kept_in);
            self.disk.create_directory(&folder)?;
        }
        let sources = self.rows.values().flat_map(|row| &row.sources);
        let used: BTreeSet<u32> = sources.filter_map(|source| source.segment).collect();
        let mut listed = BTreeMap::new();
        for number in used {
            let contents = &self.segments[&number];
            let (segment, keys) = match self.stays(contents)? {
                Some((segment, keys)) => (*segment, keys.clone()),
                None => {
                    // Of one that is whole not all runs were kept.
                    let reread = contents.whole.as_ref();
                    let reread = reread.map(|_| read_with_runs(&*self.disk, number, None));
                    let source = reread.as_ref().unwrap_or(contents);
                    let copy = rewrite(&*self.disk, source, self.first_number() + *written)?;
                    *written += 1;
                    copy
                }
            };
            let places = keys.into_iter().zip(0..).collect();
            listed.insert(number, (segment, places));
        }
        Ok(listed)
    }

    /// What the manifest will say of a segment that stays as it is. Of one that no manifest lists so far the footer is made
    /// durable: whoever wrote it may have been killed then, or told that it failed.
    fn stays<'a>(
        &self,
        contents: &'a Contents,
    ) -> io::Result<Option<&'a (ManifestSegment, Vec<LogKey>)>> {
        let Some(whole) = &contents.whole else {
            return Ok(None);
        };
        let listed = self.manifest.iter().flat_map(|manifest| &manifest.segments);
        let mut listed = listed.map(|segment| segment.number);
        if listed.any(|number| number == contents.number) {
            return Ok(Some(whole));
        }
        // Left by a compaction or by a repair that did not get further: its name need not be durable, and there is no way to
        // make it so. Without a manifest it may be one that counted.
        if self.manifest.is_some() && contents.kind == SegmentKind::Compacted {
            return Ok(None);
        }
        if let Some(file) = &contents.file {
            write_again(&**file, whole.0.runs_start..contents.file_bytes)?;
            file.sync_data()?;
        }
        Ok(Some(whole))
    }

    /// Copies the manifest aside; one that cannot be read moves.
    fn keep_manifest(&self, kept_in: &str) -> io::Result<()> {
        let bytes = match self.read_whole(MANIFEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => return self.disk.rename(MANIFEST, &format!("{kept_in}/{MANIFEST}")),
            Ok(bytes) => bytes,
        };
        let copy = self.disk.create(&format!("{kept_in}/{MANIFEST}"))?;
        copy.write_at(&[IoSlice::new(&bytes)], 0)?;
        copy.sync_data()?;
        self.disk.sync_directory(kept_in)
    }

    fn move_aside(&self, kept_in: &str, listed: &BTreeMap<u32, Listed>) -> io::Result<Vec<String>> {
        let mut moved = Vec::new();
        for number in self.segments.keys() {
            let stays = listed
                .get(number)
                .is_some_and(|(segment, _)| segment.number == *number);
            if !stays {
                moved.push(segment_path(*number));
            }
        }
        let snapshots = self.damaged_snapshots.iter();
        moved.extend(snapshots.map(|name| format!("{SNAPSHOTS}/{name}")));
        for path in &moved {
            self.disk.rename(path, &format!("{kept_in}/{path}"))?;
        }
        for folder in [
            format!("{kept_in}/{SEGMENTS}"),
            format!("{kept_in}/{SNAPSHOTS}"),
            kept_in.to_owned(),
            SEGMENTS.to_owned(),
            SNAPSHOTS.to_owned(),
            String::new(),
        ] {
            match self.disk.sync_directory(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(moved)
    }

    fn write_manifest(&self, listed: &BTreeMap<u32, Listed>, written: u32) -> io::Result<()> {
        let old = self.manifest.as_ref();
        let frames = self.segments.values().map(|contents| contents.lsns.1);
        let covered = frames.max().unwrap_or(0);
        let mut segments: Vec<ManifestSegment> =
            listed.values().map(|(segment, _)| *segment).collect();
        segments.sort_by_key(|segment| (segment.first_lsn, segment.number));
        let manifest = Manifest {
            next_number: self.first_number() + written,
            unsealed: Vec::new(),
            covered_lsn: old.map_or(0, |old| old.covered_lsn).max(covered),
            // An unclean end in `os` mode stays one, so that the next start leaves offsets out.
            clean: old.is_none_or(|old| old.clean),
            durability: old.map_or(Durability::Fsync, |old| old.durability),
            epoch: old.map_or(0, |old| old.epoch),
            is_copy: old.is_some_and(|old| old.is_copy),
            segments,
            tombstones: self.tombstones.clone(),
            logs: Vec::new(),
        };
        let mut logs = Vec::new();
        for (key, row) in &self.rows {
            manifest_log(*key, row, listed).encode(&mut logs);
        }
        let bytes = manifest.encode_with(&logs);
        match self.disk.unlink(MANIFEST_NEW) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.create(MANIFEST_NEW)?;
        file.write_at(&[IoSlice::new(&bytes)], 0)?;
        file.sync_data()?;
        self.disk.rename(MANIFEST_NEW, MANIFEST)?;
        self.disk.sync_directory("")
    }
}

fn manifest_log(key: LogKey, row: &Row, listed: &BTreeMap<u32, Listed>) -> ManifestLog {
    let place = |number: u32| {
        let (segment, places) = listed.get(&number)?;
        Some((segment.number, *places.get(&key)?))
    };
    let segments = row.sources.iter().map(|source| {
        let (number, index) = source.segment.and_then(place).unwrap_or((SKIPPED, 0));
        (number, index, source.first)
    });
    ManifestLog {
        key,
        first: row.first,
        next: row.next,
        last_time: row.last_time,
        closed: row.closed,
        segments: segments.collect(),
        ids: row.ids.clone(),
    }
}
