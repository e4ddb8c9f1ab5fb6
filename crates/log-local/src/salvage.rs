//! Reads a whole data folder, sound or not: what is in it, what is wrong, what that costs, and what can be made of the
//! rest.
//!
//! All segments describe themselves, so without a manifest they say nearly as much: only deletes and trims in segments
//! that are gone by now are unknown, and whether the newest segment is missing. Nothing here changes a file of the
//! folder; [`Salvage::repair`] moves what it replaces aside.

mod cover;
mod repair;
mod rewrite;
mod rows;
mod segment;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millstream_log::{Entry, GroupId, LogId, Snapshot};
use millstream_types::TimestampMs;

use crate::disk::{Disk, DiskFile, OsDisk, Waiting};
use crate::format::{
    LogKey, Manifest, ManifestError, RunRef, SNAPSHOT_HEADER_BYTES, SnapshotHeader, Tombstones,
};
use crate::format::{SEGMENTS, segment_path};
use crate::recovery::{MANIFEST, OFFSETS_SKIPPED, OpenError};
use crate::shared::FolderLock;
use crate::snapshots::SNAPSHOTS;

use cover::{Source, holes};
use rows::Row;
use segment::Contents;

pub use repair::{Repair, Repaired};

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Relative to the data folder.
    pub file: String,
    /// The byte where it is or begins.
    pub position: u64,
    /// What it is.
    pub what: String,
}

/// Entries that are in no file any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// The log's group.
    pub group: GroupId,
    /// The log.
    pub log: LogId,
    /// Offset of the first one.
    pub first: u64,
    /// Offset behind the last one.
    pub next: u64,
    /// None of them is older than this.
    pub from: Option<TimestampMs>,
    /// None of them is younger than this.
    pub to: Option<TimestampMs>,
}

/// A data folder that was read whole. Holds its lock.
#[derive(Debug)]
pub struct Salvage {
    disk: Arc<dyn Disk>,
    lock: Arc<FolderLock>,
    manifest: Option<Manifest>,
    segments: BTreeMap<u32, Contents>,
    rows: BTreeMap<LogKey, Row>,
    tombstones: Tombstones,
    /// Newest first.
    snapshots: Vec<Snapshot>,
    damaged_snapshots: Vec<String>,
    /// The newest entries of any log may be lost without a trace.
    is_end_unknown: bool,
    findings: Vec<Finding>,
    losses: Vec<Loss>,
    bytes: u64,
}

impl Salvage {
    /// Reads everything in a folder. `progress` is told how many bytes of how many were read.
    ///
    /// # Errors
    /// If the folder is in use or not there, or its manifest is of a version that this program does not know.
    pub fn read(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Self, OpenError> {
        let opening = || OpenError::io(format!("opening {}", folder.display()));
        if !folder.is_dir() {
            return Err(opening()(io::ErrorKind::NotFound.into()));
        }
        let disk = OsDisk::open(folder).map_err(opening())?;
        Self::read_on(Arc::new(disk), progress)
    }

    /// As [`read`](Self::read), on a given disk.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_on(
        disk: Arc<dyn Disk>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, OpenError> {
        let lock = disk.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::InUse,
            _ => OpenError::io("locking the data folder")(error),
        })?;
        let mut salvage = Self {
            lock: Arc::new(FolderLock::new(lock)),
            manifest: None,
            segments: BTreeMap::new(),
            rows: BTreeMap::new(),
            tombstones: Tombstones::default(),
            snapshots: Vec::new(),
            damaged_snapshots: Vec::new(),
            is_end_unknown: false,
            findings: Vec::new(),
            losses: Vec::new(),
            bytes: 0,
            disk,
        };
        let numbers = salvage.segment_numbers();
        salvage.read_manifest(!numbers.is_empty())?;
        salvage.read_segments(&numbers, progress);
        salvage.read_snapshots();
        salvage.read_rows();
        Ok(salvage)
    }

    /// What is wrong, file by file; empty if the folder is sound.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The entries that are lost, as far as can be told, in order of log and offset.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Whether entries at the end of logs may be lost without a trace, because nothing says where the end was.
    pub fn is_end_unknown(&self) -> bool {
        self.is_end_unknown
    }

    /// Segments in the folder.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Bytes of the segments and snapshots.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The logs, in order of group and id.
    pub fn logs(&self) -> Vec<(GroupId, LogId)> {
        let ids = |key: &LogKey| (GroupId(key.group), LogId(key.log));
        self.rows.keys().map(ids).collect()
    }

    /// The snapshots that are whole, newest first.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// Where a log ends; 0 if there is none.
    pub fn next_offset(&self, group: GroupId, log: LogId) -> u64 {
        let row = self.rows.get(&LogKey::new(group, log));
        row.map_or(0, |row| row.next)
    }

    /// Those of the offsets from `first` up to `next`, of which no entry is there, that entries once had, as far as can be
    /// told: an engine that was killed in `os` mode leaves offsets out.
    pub fn given(&self, group: GroupId, log: LogId, first: u64, next: u64) -> Vec<(u64, u64)> {
        if self.manifest.is_none() && (next - first).is_multiple_of(OFFSETS_SKIPPED) {
            return Vec::new();
        }
        let row = self.rows.get(&LogKey::new(group, log));
        let skipped = row.map_or(&[][..], |row| &row.skipped);
        let nowhere = Source {
            first,
            segment: None,
        };
        holes(&[nowhere], next, skipped)
    }

    /// All entries of a log of group 0 that are in any file, trimmed ones included, in order; there may be gaps.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn commands(&self, log: LogId) -> io::Result<Vec<Entry>> {
        let key = LogKey::new(GroupId::COMMANDS, log);
        let mut entries = BTreeMap::new();
        for contents in self.segments.values() {
            let Some(file) = &contents.file else {
                continue;
            };
            for run in contents.runs.iter().filter(|run| run.key == key) {
                show_run(&**file, contents.number, &run.run, &mut |entry| {
                    entries.insert(entry.offset, entry);
                })?;
            }
        }
        Ok(entries.into_values().collect())
    }

    /// Shows every whole entry that a log still has; one that stands in two files may come twice. Reads everything once
    /// more, a segment at a time.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn each_entry(&self, show: &mut dyn FnMut(GroupId, LogId, Entry)) -> io::Result<()> {
        let listed = self.manifest.iter().flat_map(|manifest| &manifest.segments);
        let listed: BTreeMap<u32, _> = listed.map(|segment| (segment.number, segment)).collect();
        for number in self.segments.keys() {
            let listed = listed.get(number).copied();
            let contents = segment::read_with_runs(&*self.disk, *number, listed);
            let Some(file) = &contents.file else {
                continue;
            };
            for run in &contents.runs {
                let Some(row) = self.rows.get(&run.key) else {
                    continue;
                };
                let (group, log) = (GroupId(run.key.group), LogId(run.key.log));
                show_run(&**file, *number, &run.run, &mut |entry| {
                    if (row.first..row.next).contains(&entry.offset) {
                        show(group, log, entry);
                    }
                })?;
            }
        }
        Ok(())
    }

    fn find(&mut self, file: impl Into<String>, position: u64, what: impl Into<String>) {
        self.findings.push(Finding {
            file: file.into(),
            position,
            what: what.into(),
        });
    }

    fn list(&mut self, directory: &str) -> Vec<String> {
        match self.disk.list(directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.find(directory, 0, format!("the folder cannot be read: {error}"));
                Vec::new()
            }
        }
    }

    fn segment_numbers(&mut self) -> Vec<u32> {
        let names = self.list(SEGMENTS);
        let number = |name: &String| name.strip_suffix(".seg")?.parse().ok();
        let mut numbers: Vec<u32> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    fn read_whole(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(path)?;
        let mut bytes = vec![0; file.len_bytes()? as usize];
        file.read_at(&mut bytes, 0, Waiting::Allowed)?;
        Ok(bytes)
    }

    fn read_manifest(&mut self, has_segments: bool) -> Result<(), OpenError> {
        match self.read_whole(MANIFEST) {
            Ok(bytes) => match Manifest::decode(&bytes) {
                Ok(manifest) => self.manifest = Some(manifest),
                Err(error @ ManifestError::Version(_)) => {
                    return Err(OpenError::damaged(MANIFEST, 0, error.to_string()));
                }
                Err(error @ ManifestError::Damaged) => self.find(MANIFEST, 0, error.to_string()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if has_segments {
                    self.find(MANIFEST, 0, "the file is missing");
                }
            }
            Err(error) => self.find(MANIFEST, 0, format!("the file cannot be read: {error}")),
        }
        self.is_end_unknown = self.manifest.is_none() && has_segments;
        Ok(())
    }

    fn read_segments(&mut self, numbers: &[u32], progress: &mut dyn FnMut(u64, u64)) {
        let disk = Arc::clone(&self.disk);
        let length = |number: &u32| {
            let file = disk.open(&segment_path(*number));
            file.and_then(|file| file.len_bytes()).unwrap_or(0)
        };
        let total: u64 = numbers.iter().map(length).sum();
        let listed: BTreeMap<u32, _> = self
            .manifest
            .iter()
            .flat_map(|manifest| &manifest.segments)
            .map(|segment| (segment.number, *segment))
            .collect();
        for number in numbers {
            let contents = segment::read(&*disk, *number, listed.get(number));
            self.bytes += contents.file_bytes;
            progress(self.bytes, total);
            self.segments.insert(*number, contents);
        }
        for number in listed
            .keys()
            .filter(|number| !self.segments.contains_key(*number))
        {
            self.findings.push(Finding {
                file: segment_path(*number),
                position: 0,
                what: "the file is missing".to_owned(),
            });
        }
        for contents in self.segments.values() {
            // What no log needs may be as it is: a start removes it.
            if !counts(self.manifest.as_ref(), contents) {
                continue;
            }
            let is_listed = listed.contains_key(&contents.number);
            self.is_end_unknown |= !is_listed && !contents.faults.is_empty();
            for fault in &contents.faults {
                self.findings.push(Finding {
                    file: segment_path(contents.number),
                    position: fault.position,
                    what: fault.what.clone(),
                });
            }
        }
    }

    fn read_snapshots(&mut self) {
        for name in self.list(SNAPSHOTS) {
            let Some(offset) = name
                .strip_suffix(".snap")
                .and_then(|offset| offset.parse::<u64>().ok())
            else {
                continue;
            };
            let path = format!("{SNAPSHOTS}/{name}");
            let read = self.read_whole(&path);
            self.bytes += read.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let what = match read {
                Ok(bytes) => match SnapshotHeader::decode(&bytes) {
                    Some(header) if header.offset == offset => {
                        let state = Bytes::from(bytes).slice(SNAPSHOT_HEADER_BYTES..);
                        self.snapshots.push(Snapshot { offset, state });
                        continue;
                    }
                    _ => "the snapshot is damaged".to_owned(),
                },
                Err(error) => format!("the snapshot cannot be read: {error}"),
            };
            self.find(&path, 0, what);
            self.damaged_snapshots.push(name);
        }
        self.snapshots
            .sort_by_key(|snapshot| std::cmp::Reverse(snapshot.offset));
    }
}

/// Shows the entries of a run; none if it is damaged.
fn show_run(
    file: &dyn DiskFile,
    number: u32,
    run: &RunRef,
    show: &mut dyn FnMut(Entry),
) -> io::Result<()> {
    let Some((header, bytes)) = segment::read_run(file, number, run)? else {
        return Ok(());
    };
    let bytes = Bytes::from(bytes);
    for stored in header.entries(&bytes).into_iter().flatten().flatten() {
        show(Entry {
            offset: stored.offset,
            time: TimestampMs(stored.time),
            kind: stored.kind,
            payload: bytes.slice(stored.payload),
        });
    }
    Ok(())
}

/// Whether a segment has entries that are nowhere else, as far as a manifest tells.
fn counts(manifest: Option<&Manifest>, contents: &Contents) -> bool {
    manifest.is_none_or(|manifest| {
        let mut listed = manifest.segments.iter();
        let is_listed = listed.any(|segment| segment.number == contents.number);
        rows::is_candidate(manifest, contents) || is_listed
    })
}
