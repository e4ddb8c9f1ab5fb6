//! Turns a group into runs and runs into frames.

use std::io::IoSlice;
use std::ops::Range;

use bytes::Bytes;
use millstream_log::EntryKind;

use crate::format::{
    Checksum, ControlOp, FRAME_HEADER_BYTES, FrameHeader, LogKey, RUN_HEADER_BYTES, RecentId,
    RunHeader, RunKind, RunRef, align, entry_bytes, put_entry_header,
};
use crate::pending::group::PendingEntry;
use crate::segments::index::{FooterSize, IndexedRun};

/// A run is not made longer than this, but for a single larger entry: it is the least that a cold read reads.
pub(crate) const RUN_BYTES_TARGET: usize = 256 << 10;

/// A frame gets no further run once it is this long.
const FRAME_BYTES_TARGET: u64 = 1 << 20;

/// Payloads from this size on are not copied into the frame's buffer.
const PAYLOAD_NOT_COPIED: usize = 16 << 10;

/// Consecutive entries of one log, or control operations, of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupRun {
    /// A range of the group's control operations.
    Control(Range<usize>),
    /// A range of the group's entries, in the order of logs; stored bytes; how many have an append id.
    Data {
        entries: Range<usize>,
        bytes: usize,
        ids: usize,
    },
}

impl GroupRun {
    fn bytes(&self) -> usize {
        match self {
            Self::Control(ops) => RUN_HEADER_BYTES + ops.len() * ControlOp::BYTES,
            Self::Data { bytes, .. } => *bytes,
        }
    }

    fn footer_bytes_max(&self) -> u64 {
        match self {
            Self::Control(ops) => FooterSize::control_bytes(ops.len()),
            Self::Data { ids, .. } => FooterSize::run_bytes_max(*ids),
        }
    }

    /// What a segment needs besides its header to hold this run alone.
    pub(crate) fn room_bytes_max(&self) -> u64 {
        align(self.bytes() as u64) + FRAME_HEADER_BYTES as u64 + self.footer_bytes_max()
    }
}

/// Splits a group into runs, control operations first. Sorts the entries by log; their order within a log stays.
pub(crate) fn plan_runs(control_ops: usize, entries: &mut [PendingEntry]) -> Vec<GroupRun> {
    let ops_max = RUN_BYTES_TARGET / ControlOp::BYTES;
    let mut runs: Vec<GroupRun> = (0..control_ops)
        .step_by(ops_max)
        .map(|start| GroupRun::Control(start..control_ops.min(start + ops_max)))
        .collect();
    entries.sort_by_key(|entry| entry.key);
    let mut start = 0;
    while start < entries.len() {
        let first = &entries[start];
        let (mut bytes, mut ids, mut end) = (RUN_HEADER_BYTES, 0, start);
        for (entry, offset) in entries[start..].iter().zip(first.offset..) {
            let more = entry_bytes(&entry.payload, entry.id);
            let fits = end == start || bytes + more <= RUN_BYTES_TARGET;
            let follows = entry.key == first.key && entry.offset == offset;
            if !fits || !follows || u32::try_from(entry.time - first.time).is_err() {
                break;
            }
            bytes += more;
            ids += usize::from(entry.id.is_some());
            end += 1;
        }
        runs.push(GroupRun::Data {
            entries: start..end,
            bytes,
            ids,
        });
        start = end;
    }
    runs
}

/// How many of the runs fit into so many bytes, footer included.
pub(crate) fn count_fitting(runs: &[GroupRun], room: u64) -> usize {
    let (mut used, mut frame) = (0, 0);
    for (index, run) in runs.iter().enumerate() {
        if frame == 0 {
            used += FRAME_HEADER_BYTES as u64;
        }
        let bytes = align(run.bytes() as u64);
        used += bytes + run.footer_bytes_max();
        if used > room {
            return index;
        }
        frame = next_frame_bytes(frame, bytes);
    }
    runs.len()
}

/// Bytes in the frame after one more run; 0 if the next run begins another frame.
fn next_frame_bytes(frame: u64, run: u64) -> u64 {
    if frame + run >= FRAME_BYTES_TARGET {
        0
    } else {
        frame + run
    }
}

/// Frames ready to be written in one go.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    pieces: Vec<Piece>,
    /// Where the piece of `buffer` that is not yet in `pieces` begins.
    open_piece: usize,
    /// Bytes of all pieces.
    bytes: u64,
    /// Index entries of the data runs, in order.
    pub(crate) runs: Vec<IndexedRun>,
}

#[derive(Debug)]
enum Piece {
    Buffer(Range<usize>),
    Payload(Bytes),
}

/// Where frames go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FramesAt {
    pub(crate) generation: u64,
    pub(crate) position: u64,
    pub(crate) next_lsn: u64,
    pub(crate) durable_lsn: u64,
}

impl Frames {
    /// Encodes runs of a group. Returns how many frames they are.
    pub(crate) fn encode(
        &mut self,
        runs: &[GroupRun],
        control_ops: &[ControlOp],
        entries: &[PendingEntry],
        at: FramesAt,
    ) -> u64 {
        self.clear();
        let (mut start, mut frames) = (0, 0);
        while start < runs.len() {
            let mut frame = 0;
            let mut end = start;
            while end < runs.len() {
                frame = next_frame_bytes(frame, align(runs[end].bytes() as u64));
                end += 1;
                if frame == 0 {
                    break;
                }
            }
            self.frame(
                &runs[start..end],
                control_ops,
                entries,
                FramesAt {
                    next_lsn: at.next_lsn + frames,
                    ..at
                },
            );
            start = end;
            frames += 1;
        }
        self.close_piece();
        frames
    }

    fn clear(&mut self) {
        const KEPT: usize = 1 << 20;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT);
        self.pieces.clear();
        self.runs.clear();
        self.open_piece = 0;
        self.bytes = 0;
    }

    fn frame(
        &mut self,
        runs: &[GroupRun],
        control_ops: &[ControlOp],
        entries: &[PendingEntry],
        at: FramesAt,
    ) {
        let (header_at, frame_at) = (self.buffer.len(), self.bytes);
        self.put(&[0; FRAME_HEADER_BYTES]);
        for run in runs {
            let position = at.position + self.bytes;
            match run {
                GroupRun::Control(ops) => {
                    self.control_run(&control_ops[ops.clone()], at.generation, position);
                }
                GroupRun::Data {
                    entries: range,
                    bytes,
                    ..
                } => self.data_run(&entries[range.clone()], *bytes, at.generation, position),
            }
        }
        let header = FrameHeader {
            bytes: u32::try_from(self.bytes - frame_at).expect("a frame is at most 300 MiB"),
            runs: runs.len() as u32,
            lsn: at.next_lsn,
            durable_lsn: at.durable_lsn,
        };
        let header = header.encode(at.generation, at.position + frame_at);
        self.buffer[header_at..header_at + FRAME_HEADER_BYTES].copy_from_slice(&header);
    }

    fn control_run(&mut self, ops: &[ControlOp], generation: u64, position: u64) {
        let header = RunHeader {
            bytes: (RUN_HEADER_BYTES + ops.len() * ControlOp::BYTES) as u32,
            key: LogKey::default(),
            first_offset: 0,
            first_time: 0,
            count: ops.len() as u32,
            kind: RunKind::Control,
        };
        let start = self.buffer.len();
        self.put(&header.encode());
        ops.iter().for_each(|op| op.encode(&mut self.buffer));
        self.bytes += (ops.len() * ControlOp::BYTES) as u64;
        let crc = Checksum::seeded(generation, position).with(&self.buffer[start + 4..]);
        self.set_crc(start, &crc);
        self.pad();
    }

    fn data_run(&mut self, entries: &[PendingEntry], bytes: usize, generation: u64, position: u64) {
        let first = &entries[0];
        let header = RunHeader {
            bytes: u32::try_from(bytes).expect("a run is at most 300 MiB"),
            key: first.key,
            first_offset: first.offset,
            first_time: first.time,
            count: entries.len() as u32,
            kind: RunKind::Data,
        };
        let start = self.buffer.len();
        self.put(&header.encode());
        let mut crc = Checksum::seeded(generation, position);
        let mut hashed = start + 4;
        let mut ids = Vec::new();
        for entry in entries {
            let delta_ms = (entry.time - first.time) as u32;
            let before = self.buffer.len();
            let length = entry.payload.len();
            put_entry_header(&mut self.buffer, entry.kind, entry.id, delta_ms, length);
            self.bytes += (self.buffer.len() - before) as u64;
            if let Some(id) = entry.id {
                ids.push(RecentId {
                    id,
                    offset: entry.offset,
                    time: entry.time,
                });
            }
            if length >= PAYLOAD_NOT_COPIED {
                crc.update(&self.buffer[hashed..]);
                crc.update(&entry.payload);
                hashed = self.buffer.len();
                self.close_piece();
                self.pieces.push(Piece::Payload(entry.payload.clone()));
                self.bytes += length as u64;
            } else {
                self.put(&entry.payload);
            }
        }
        crc.update(&self.buffer[hashed..]);
        self.set_crc(start, &crc);
        self.pad();
        let last = &entries[entries.len() - 1];
        self.runs.push(IndexedRun {
            key: first.key,
            run: RunRef {
                first_offset: first.offset,
                first_time: first.time,
                position_eighths: u32::try_from(position / 8).expect("a segment is at most 1 GiB"),
                bytes: header.bytes,
            },
            count: header.count,
            last_time: last.time,
            closed: entries.iter().any(|entry| entry.kind == EntryKind::Close),
            ids,
        });
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn pad(&mut self) {
        let padding = align(self.bytes) - self.bytes;
        self.put(&[0; 8][..padding as usize]);
    }

    fn set_crc(&mut self, start: usize, crc: &Checksum) {
        self.buffer[start..start + 4].copy_from_slice(&crc.finish().to_le_bytes());
    }

    fn close_piece(&mut self) {
        let end = self.buffer.len();
        if self.open_piece < end {
            self.pieces.push(Piece::Buffer(self.open_piece..end));
        }
        self.open_piece = end;
    }

    /// Bytes to be written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn parts(&self) -> Vec<IoSlice<'_>> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Buffer(range) => IoSlice::new(&self.buffer[range.clone()]),
                Piece::Payload(payload) => IoSlice::new(payload),
            })
            .collect()
    }
}
