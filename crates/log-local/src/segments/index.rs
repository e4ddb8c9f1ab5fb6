//! The index of a segment that is not sealed yet, in memory; it becomes the segment's footer.

use hashbrown::HashMap;

use crate::format::{
    ControlOp, DIRECTORY_ENTRY_BYTES, LogKey, RUN_REF_BYTES, RecentId, RunRef, Stretch,
    TRAILER_BYTES, Trailer, align, encode_footer, ids_bytes,
};

/// Most append ids that are remembered for a log.
pub(crate) const APPEND_IDS_KEPT: usize = 64;

/// Runs and control operations that are durable in the segment.
#[derive(Debug, Default)]
pub(crate) struct SegmentIndex {
    logs: HashMap<LogKey, IndexedLog>,
    control_ops: Vec<ControlOp>,
    /// Bytes of all logs' parts, as [`run_weight_bytes`] counts them.
    all_bytes: u64,
    /// Those of them that no reader can reach any more.
    dead_bytes: u64,
}

/// One log's part, and how much of it is dead.
#[derive(Debug)]
struct IndexedLog {
    stretch: Stretch,
    bytes: u64,
    dead_bytes: u64,
    /// The first so many runs are dead.
    dead_runs: usize,
}

/// What a run takes in a segment, its place in the footer included.
pub(crate) fn run_weight_bytes(run: &RunRef) -> u64 {
    align(u64::from(run.bytes)) + RUN_REF_BYTES
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
        let bytes = run_weight_bytes(&run.run);
        self.all_bytes += bytes;
        let indexed = self.logs.entry(run.key).or_insert_with(|| IndexedLog {
            stretch: Stretch {
                first_offset: run.run.first_offset,
                next_offset,
                first_time: run.run.first_time,
                last_time: run.last_time,
                closed: false,
                runs: Vec::new(),
                ids: Vec::new(),
            },
            bytes: 0,
            dead_bytes: 0,
            dead_runs: 0,
        });
        indexed.bytes += bytes;
        let log = &mut indexed.stretch;
        log.next_offset = next_offset;
        log.last_time = run.last_time;
        log.closed |= run.closed;
        log.runs.push(run.run);
        log.ids.extend_from_slice(&run.ids);
        let surplus = log.ids.len().saturating_sub(APPEND_IDS_KEPT);
        log.ids.drain(..surplus);
    }

    /// Entries of a log below `first` are dead. Costs what newly died, not what is there.
    pub(crate) fn trim(&mut self, key: LogKey, first: u64) {
        let Some(log) = self.logs.get_mut(&key) else {
            return;
        };
        let before = log.dead_bytes;
        if first >= log.stretch.next_offset {
            log.dead_runs = log.stretch.runs.len();
            log.dead_bytes = log.bytes;
        }
        while let Some(next) = log.stretch.runs.get(log.dead_runs + 1)
            && next.first_offset <= first
        {
            log.dead_bytes += run_weight_bytes(&log.stretch.runs[log.dead_runs]);
            log.dead_runs += 1;
        }
        self.dead_bytes += log.dead_bytes - before;
    }

    /// A log is deleted.
    pub(crate) fn remove(&mut self, key: LogKey) {
        self.trim(key, u64::MAX);
    }

    /// Bytes of all logs' parts, and those of them that are dead.
    pub(crate) fn all_and_dead_bytes(&self) -> (u64, u64) {
        (self.all_bytes, self.dead_bytes)
    }

    pub(crate) fn runs(&self, key: LogKey) -> &[RunRef] {
        self.logs.get(&key).map_or(&[], |log| &log.stretch.runs)
    }

    /// Logs in the order of the footer's directory.
    pub(crate) fn directory(&self) -> Vec<(LogKey, &Stretch)> {
        let mut logs: Vec<_> = self
            .logs
            .iter()
            .map(|(key, log)| (*key, &log.stretch))
            .collect();
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
