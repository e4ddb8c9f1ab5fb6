//! Copies what is whole of a damaged segment into a new one.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;

use super::segment::{Contents, read_run};
use crate::commit::sealed_segment;
use crate::disk::{Disk, DiskFile};
use crate::format::segment_path;
use crate::format::{
    LogKey, ManifestSegment, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind, align,
};
use crate::pending::group::PendingEntry;
use crate::segments::frames::{Frames, FramesAt, plan_runs};
use crate::segments::index::{FooterSize, SegmentIndex};

/// Writes segment `number`, durable but for its name; like one of a compaction it counts once a manifest lists it.
/// Answers what the manifest says of it, and its logs in the order of its directory.
pub(super) fn rewrite(
    disk: &dyn Disk,
    contents: &Contents,
    number: u32,
) -> io::Result<(ManifestSegment, Vec<LogKey>)> {
    let source = contents.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
    let file = disk.create(&segment_path(number))?;
    let generation = u64::from(number);
    let mut copy = Copy {
        file,
        generation,
        position: SEGMENT_HEADER_BYTES,
        lsn: 0,
        frames: Frames::default(),
        index: SegmentIndex::default(),
        footer: FooterSize::default(),
    };
    // A log's runs have to stand in order of offset.
    let mut runs: Vec<_> = contents.runs.iter().collect();
    runs.sort_by_key(|run| (run.key, run.run.first_offset));
    for run in runs {
        let changed = || io::Error::other(format!("segment {} has changed", contents.number));
        let (header, bytes) =
            read_run(&**source, contents.number, &run.run)?.ok_or_else(changed)?;
        let bytes = Bytes::from(bytes);
        let entries = header.entries(&bytes).ok_or_else(changed)?;
        let mut batch = Vec::with_capacity(header.count as usize);
        for entry in entries {
            let entry = entry.ok_or_else(changed)?;
            batch.push(PendingEntry {
                key: header.key,
                row: 0,
                offset: entry.offset,
                time: entry.time,
                kind: entry.kind,
                id: entry.id,
                payload: bytes.slice(entry.payload),
            });
        }
        copy.write(&mut batch)?;
    }
    copy.finish(contents.lsns)
}

struct Copy {
    file: Arc<dyn DiskFile>,
    generation: u64,
    position: u64,
    lsn: u64,
    frames: Frames,
    index: SegmentIndex,
    footer: FooterSize,
}

impl Copy {
    fn write(&mut self, batch: &mut [PendingEntry]) -> io::Result<()> {
        let runs = plan_runs(0, batch);
        let at = FramesAt {
            generation: self.generation,
            position: self.position,
            next_lsn: self.lsn + 1,
            durable_lsn: 0,
        };
        self.lsn += self.frames.encode(&runs, &[], batch, at);
        self.file.write_at(&self.frames.parts(), self.position)?;
        self.position += self.frames.bytes();
        for run in &self.frames.runs {
            self.footer.add_run(run.key, run.ids.len());
            self.index.add(run);
        }
        Ok(())
    }

    fn finish(self, lsns: (u64, u64)) -> io::Result<(ManifestSegment, Vec<LogKey>)> {
        let file_bytes = align(self.position) + self.footer.bytes();
        let (footer, trailer) = self
            .index
            .footer(self.generation, file_bytes, self.position, lsns);
        let header = SegmentHeader {
            generation: self.generation,
            file_bytes,
            kind: SegmentKind::Compacted,
        };
        self.file.write_at(&[IoSlice::new(&header.encode())], 0)?;
        let start = file_bytes - footer.len() as u64;
        self.file.write_at(&[IoSlice::new(&footer)], start)?;
        self.file.sync_data()?;
        let number = u32::try_from(self.generation).map_err(io::Error::other)?;
        let mut sealed = sealed_segment(number, file_bytes, &trailer);
        sealed.kind = SegmentKind::Compacted;
        let keys = self.index.directory();
        Ok((sealed, keys.into_iter().map(|(key, _)| key).collect()))
    }
}
