//! The index of a segment that is not sealed yet, in memory; it becomes the segment's footer.

use std::collections::HashMap;

use crate::format::{
    ControlOp, DIRECTORY_ENTRY_BYTES, LogKey, RUN_REF_BYTES, RecentId, RunRef, Stretch,
    TRAILER_BYTES, Trailer, encode_footer, ids_bytes,
};

/// Most append ids that are remembered for a log.
pub(crate) const APPEND_IDS_KEPT: usize = 64;

/// Runs and control operations that are durable in the segment.
#[derive(Debug, Default)]
pub(crate) struct SegmentIndex {
    logs: HashMap<LogKey, Stretch>,
    control_ops: Vec<ControlOp>,
}

/// What the index has to know of a run.
#[derive(Debug, Clone)]
pub(crate) struct IndexedRun {
    pub(crate) key: LogKey,
    pub(crate) run: RunRef,
    pub(crate) count: u32,
    pub(crate) last_time: u64,
    pub(crate) closed: bool,
    pub(crate) ids: Vec<RecentId>,
}

impl SegmentIndex {
    pub(crate) fn add_control_ops(&mut self, ops: &[ControlOp]) {
        self.control_ops.extend_from_slice(ops);
    }

    pub(crate) fn add(&mut self, run: &IndexedRun) {
        let next_offset = run.run.first_offset + u64::from(run.count);
        let log = self.logs.entry(run.key).or_insert_with(|| Stretch {
            first_offset: run.run.first_offset,
            next_offset,
            first_time: run.run.first_time,
            last_time: run.last_time,
            closed: false,
            runs: Vec::new(),
            ids: Vec::new(),
        });
        log.next_offset = next_offset;
        log.last_time = run.last_time;
        log.closed |= run.closed;
        log.runs.push(run.run);
        log.ids.extend_from_slice(&run.ids);
        let surplus = log.ids.len().saturating_sub(APPEND_IDS_KEPT);
        log.ids.drain(..surplus);
    }

    pub(crate) fn runs(&self, key: LogKey) -> &[RunRef] {
        self.logs.get(&key).map_or(&[], |log| &log.runs)
    }

    /// Logs in the order of the footer's directory.
    pub(crate) fn directory(&self) -> Vec<(LogKey, &Stretch)> {
        let mut logs: Vec<_> = self.logs.iter().map(|(key, log)| (*key, log)).collect();
        logs.sort_unstable_by_key(|(key, _)| *key);
        logs
    }

    /// Footer and trailer, to be written so that they end where the file ends.
    pub(crate) fn footer(
        &self,
        generation: u64,
        file_bytes: u64,
        data_end: u64,
        lsns: (u64, u64),
    ) -> (Vec<u8>, Trailer) {
        encode_footer(
            &self.directory(),
            &self.control_ops,
            generation,
            file_bytes,
            data_end,
            lsns,
        )
    }
}

/// How large the footer will be; kept by whoever writes the segment, so that it always fits.
#[derive(Debug, Default)]
pub(crate) struct FooterSize {
    ids: HashMap<LogKey, usize>,
    bytes: u64,
}

impl FooterSize {
    /// Size of footer and trailer, with what was added.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes + TRAILER_BYTES
    }

    /// How much at most a run adds.
    pub(crate) fn run_bytes_max(ids: usize) -> u64 {
        RUN_REF_BYTES + DIRECTORY_ENTRY_BYTES + ids_bytes(ids.min(APPEND_IDS_KEPT))
    }

    /// How much control operations add.
    pub(crate) fn control_bytes(ops: usize) -> u64 {
        (ops * ControlOp::BYTES) as u64
    }

    pub(crate) fn add_control_ops(&mut self, ops: usize) {
        self.bytes += Self::control_bytes(ops);
    }

    pub(crate) fn add_run(&mut self, key: LogKey, ids: usize) {
        self.bytes += RUN_REF_BYTES;
        let known = self.ids.entry(key).or_insert_with(|| {
            self.bytes += DIRECTORY_ENTRY_BYTES;
            0
        });
        self.bytes -= ids_bytes(*known);
        *known = (*known + ids).min(APPEND_IDS_KEPT);
        self.bytes += ids_bytes(*known);
    }
}
