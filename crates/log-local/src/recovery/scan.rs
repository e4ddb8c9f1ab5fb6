//! Walking through the frames of a segment.

use std::io;
use std::sync::Arc;

use crate::disk::{DiskFile, Waiting};
use crate::format::{
    ControlOp, FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, RUN_HEADER_BYTES, RecentId, RunHeader,
    RunKind, RunRef, SEGMENT_HEADER_BYTES, align,
};
use crate::segments::index::IndexedRun;
use millstream_log::EntryKind;

/// Bytes read at once.
const WINDOW_BYTES: u64 = 1 << 20;

/// Reads a file from front to back.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn DiskFile>,
    generation: u64,
    file_bytes: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// A frame that is whole.
#[derive(Debug)]
pub(crate) struct ScannedFrame {
    pub(crate) header: FrameHeader,
    pub(crate) control_ops: Vec<ControlOp>,
    pub(crate) runs: Vec<IndexedRun>,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn DiskFile>, generation: u64, file_bytes: u64) -> Self {
        Self {
            file,
            generation,
            file_bytes,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// The frame at a position; `None` if there is no whole one.
    pub(crate) fn frame(&mut self, position: u64) -> io::Result<Option<ScannedFrame>> {
        let Some(header) = self.header(position)? else {
            return Ok(None);
        };
        let generation = self.generation;
        let Some(bytes) = self.bytes(position, u64::from(header.bytes))? else {
            return Ok(None);
        };
        Ok(decode_frame(bytes, header, generation, position))
    }

    /// The runs of a frame up to the first that is damaged.
    pub(crate) fn runs_before_damage(
        &mut self,
        position: u64,
        header: FrameHeader,
    ) -> io::Result<ScannedFrame> {
        let generation = self.generation;
        let bytes = u64::from(header.bytes).min(self.file_bytes.saturating_sub(position));
        let bytes = self.bytes(position, bytes)?.unwrap_or_default();
        let mut frame = ScannedFrame::new(header);
        let mut at = FRAME_HEADER_BYTES;
        for _ in 0..header.runs {
            match take_run(&mut frame, bytes, at, generation, position) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(frame)
    }

    /// The frame header at a position, whether or not the rest is whole.
    pub(crate) fn header(&mut self, position: u64) -> io::Result<Option<FrameHeader>> {
        let generation = self.generation;
        let bytes = self.bytes(position, FRAME_HEADER_BYTES as u64)?;
        Ok(bytes.and_then(|bytes| FrameHeader::decode(bytes, generation, position)))
    }

    /// Looks from `position` up to `limit` for a frame that says that frames above `lsn` were durable.
    pub(crate) fn find_proof(
        &mut self,
        position: u64,
        limit: u64,
        lsn: u64,
    ) -> io::Result<Option<u64>> {
        self.find_header(position, limit, |header| header.durable_lsn > lsn)
    }

    /// Looks from `position` up to `limit` for a frame header that is wanted.
    pub(crate) fn find_header(
        &mut self,
        position: u64,
        limit: u64,
        is_wanted: impl Fn(&FrameHeader) -> bool,
    ) -> io::Result<Option<u64>> {
        let magic = FRAME_MAGIC.to_le_bytes();
        let limit = limit.min(self.file_bytes);
        let mut at = position;
        while at < limit {
            let length = (limit - at).min(WINDOW_BYTES);
            let Some(bytes) = self.bytes(at, length)? else {
                return Ok(None);
            };
            let places: Vec<u64> = bytes
                .chunks_exact(8)
                .enumerate()
                .filter(|(_, word)| word.starts_with(&magic))
                .map(|(index, _)| at + index as u64 * 8)
                .collect();
            for place in places {
                let header = self.header(place)?;
                if header.as_ref().is_some_and(&is_wanted) {
                    return Ok(Some(place));
                }
            }
            at += WINDOW_BYTES;
        }
        Ok(None)
    }

    fn bytes(&mut self, position: u64, length: u64) -> io::Result<Option<&[u8]>> {
        let Some(end) = position
            .checked_add(length)
            .filter(|end| *end <= self.file_bytes)
        else {
            return Ok(None);
        };
        let window_end = self.window_at + self.window.len() as u64;
        if position < self.window_at || end > window_end {
            let wanted = length.max(WINDOW_BYTES).min(self.file_bytes - position);
            self.window.resize(wanted as usize, 0);
            self.window_at = position;
            let read = self
                .file
                .read_at(&mut self.window, position, Waiting::Allowed);
            if let Err(error) = read {
                self.window.clear();
                return Err(error);
            }
        }
        let start = (position - self.window_at) as usize;
        Ok(Some(&self.window[start..start + length as usize]))
    }

    /// Where the first frame is.
    pub(crate) const FIRST: u64 = SEGMENT_HEADER_BYTES;
}

impl ScannedFrame {
    fn new(header: FrameHeader) -> Self {
        Self {
            header,
            control_ops: Vec::new(),
            runs: Vec::new(),
        }
    }
}

fn decode_frame(
    bytes: &[u8],
    header: FrameHeader,
    generation: u64,
    position: u64,
) -> Option<ScannedFrame> {
    let mut frame = ScannedFrame::new(header);
    let mut at = FRAME_HEADER_BYTES;
    for _ in 0..header.runs {
        at = take_run(&mut frame, bytes, at, generation, position)?;
    }
    (at == bytes.len()).then_some(frame)
}

/// Adds the run at `at` to the frame; where the next one is.
fn take_run(
    frame: &mut ScannedFrame,
    bytes: &[u8],
    at: usize,
    generation: u64,
    position: u64,
) -> Option<usize> {
    let run = bytes.get(at..)?;
    if run.len() < RUN_HEADER_BYTES {
        return None;
    }
    let run_at = position + at as u64;
    let header = RunHeader::decode(run, generation, run_at)?;
    let run = &run[..header.bytes as usize];
    match header.kind {
        RunKind::Control => frame.control_ops.extend(header.control_ops(run)?),
        RunKind::Data => frame.runs.push(indexed(&header, run, run_at)?),
    }
    Some(at + align(u64::from(header.bytes)) as usize)
}

pub(crate) fn indexed(header: &RunHeader, run: &[u8], position: u64) -> Option<IndexedRun> {
    let mut found = IndexedRun {
        key: header.key,
        run: RunRef {
            first_offset: header.first_offset,
            first_time: header.first_time,
            position_eighths: u32::try_from(position / 8).ok()?,
            bytes: header.bytes,
        },
        count: header.count,
        last_time: header.first_time,
        closed: false,
        ids: Vec::new(),
    };
    for entry in header.entries(run)? {
        let entry = entry?;
        found.last_time = entry.time;
        found.closed |= entry.kind == EntryKind::Close;
        found.ids.extend(entry.id.map(|id| RecentId {
            id,
            offset: entry.offset,
            time: entry.time,
        }));
    }
    (header.count > 0).then_some(found)
}
