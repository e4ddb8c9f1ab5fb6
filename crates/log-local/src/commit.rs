//! Commits: everything that was submitted is written with one write and one fdatasync, and published.
//!
//! The committing thread does that. It does nothing else, and blocks while there is nothing to do. Where no fsync has to
//! be waited for, those who append do it too; see [`at_hand`].

pub(crate) mod at_hand;
pub(crate) mod preparer;
mod publish;
pub(crate) mod realtime;
mod refuse;
mod seal;
pub(crate) mod sequencer;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

pub(crate) use seal::sealed_segment;

use crate::disk::DiskFile;
use crate::durability::Durability;
use crate::format::{SEGMENT_HEADER_BYTES, SEGMENTS};
use crate::pending::gathering::WaitsFor;
use crate::pending::group::{Ending, Group};
use crate::segments::frames::{Frames, FramesAt, GroupRun, count_fitting, plan_runs};
use crate::segments::index::{FooterSize, SegmentIndex};
use crate::segments::prepared::{Filling, PreparedSegment, SyncNames};
use crate::shared::Shared;
use crate::state::{OpenSegment, Phase, SegmentRow};
use crate::stats::count;

/// Where frames are written next. A group is taken by whoever holds this, and by nobody else: groups are written in the
/// order in which they were taken. Locked before the state.
#[derive(Debug)]
pub(crate) struct Committer {
    shared: Arc<Shared>,
    segment: Option<SegmentWriter>,
    /// Of the last frame written.
    lsn: u64,
    frames: Frames,
    /// The memory of the group before.
    group: Group,
}

/// The segment that frames are appended to.
#[derive(Debug)]
struct SegmentWriter {
    number: u32,
    file: Arc<dyn DiskFile>,
    file_bytes: u64,
    position: u64,
    footer: FooterSize,
    first_lsn: u64,
}

impl SegmentWriter {
    fn room_bytes(&self) -> u64 {
        (self.file_bytes - self.position).saturating_sub(self.footer.bytes())
    }

    fn is_empty(&self) -> bool {
        self.position == SEGMENT_HEADER_BYTES
    }
}

/// Why a group did not become durable.
#[derive(Debug)]
enum CommitError {
    /// There is no room for a segment. Nothing of what is left was given to the disk.
    NoRoom,
    /// A write or an fsync failed.
    Failed(String),
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let lsn = shared.state.lock().durable_lsn;
        Self {
            shared,
            segment: None,
            lsn,
            frames: Frames::default(),
            group: Group::default(),
        }
    }

    /// Commits what waits and seals the segment if that was asked for. False: the engine has failed.
    pub(crate) fn take_care(&mut self) -> bool {
        let mut group = self.take_group();
        let goes_on = if self.has_failed() {
            self.answer(&mut group, Ending::NotStarted);
            false
        } else {
            let is_asked = std::mem::take(&mut self.shared.state.lock().seal_asked);
            (!is_asked || self.seal_early(&mut group)) && self.commit(&mut group)
        };
        group.clear();
        self.group = group;
        goes_on
    }

    /// Whether another thread has found that nothing is to be written any more.
    fn has_failed(&self) -> bool {
        matches!(self.shared.state.lock().phase, Phase::Failed(_))
    }

    /// Takes everything that waits.
    fn take_group(&mut self) -> Group {
        let mut group = std::mem::take(&mut self.group);
        let mut state = self.shared.state.lock();
        std::mem::swap(&mut state.pending, &mut group);
        state.gathering.taken(&group);
        group
    }

    /// Makes a group durable, or answers why not. False: the engine has failed.
    fn commit(&mut self, group: &mut Group) -> bool {
        if group.is_empty() {
            return true;
        }
        while let Err(error) = self.write_group(group) {
            match error {
                CommitError::NoRoom => self.refuse_records(group),
                CommitError::Failed(reason) => return self.fail(group, reason),
            }
        }
        // Published before answered: who was answered finds what it wrote.
        self.answer(group, Ending::Durable);
        count(&self.shared.counters.commits, 1);
        true
    }

    /// Writes and publishes what is left of a group, segment by segment.
    fn write_group(&mut self, group: &mut Group) -> Result<(), CommitError> {
        // Control operations come first: an append that was given its place before the delete of its log is answered
        // as durable and gone with the log, which is one of the orders in which both may have come.
        let runs = plan_runs(group.control_ops.len(), &mut group.entries);
        let mut done = 0;
        let mut written = Written::default();
        let result = loop {
            let left = &runs[done..];
            let Some(first) = left.first() else {
                break Ok(());
            };
            let room = self.segment.as_ref().map_or(0, SegmentWriter::room_bytes);
            let fitting = count_fitting(left, room);
            let step = if fitting == 0 {
                self.next_segment(first.room_bytes_max())
            } else {
                let part = &left[..fitting];
                written.count(part);
                done += fitting;
                self.write_part(group, part)
            };
            if let Err(error) = step {
                break Err(error);
            }
        };
        group.control_ops.drain(..written.control_ops);
        group.entries.drain(..written.entries);
        result
    }

    /// Writes runs that fit into the segment, makes them durable and publishes them.
    fn write_part(&mut self, group: &mut Group, runs: &[GroupRun]) -> Result<(), CommitError> {
        let segment = self
            .segment
            .as_mut()
            .expect("a part fits into a segment that is there");
        let at = FramesAt {
            generation: u64::from(segment.number),
            position: segment.position,
            next_lsn: self.lsn + 1,
            // Recovery ends at the first frame that is not whole, unless a later one says that it had been durable:
            // then it was damaged, and nothing behind it may be given up in silence.
            durable_lsn: match self.shared.settings.durability {
                Durability::Fsync => self.lsn,
                Durability::Os => 0,
            },
        };
        let frames = self
            .frames
            .encode(runs, &group.control_ops, &group.entries, at);
        let written = segment
            .file
            .write_at(&self.frames.parts(), segment.position);
        let synced = written.and_then(|()| match self.shared.settings.durability {
            Durability::Fsync => {
                let began = Instant::now();
                let synced = segment.file.sync_data();
                count(&self.shared.counters.fsyncs, 1);
                self.shared.counters.fsync_times.add(began.elapsed());
                synced
            }
            Durability::Os => Ok(()),
        });
        synced.map_err(|error| {
            let path = crate::format::segment_path(segment.number);
            CommitError::Failed(format!("{path} at byte {}: {error}", segment.position))
        })?;
        // Nothing of a group that failed moves these: the engine writes no more then, and a stop seals no segment.
        count(&self.shared.counters.written_bytes, self.frames.bytes());
        segment.position += self.frames.bytes();
        self.lsn += frames;
        for run in &self.frames.runs {
            segment.footer.add_run(run.key, run.ids.len());
        }
        self.publish(group, runs);
        Ok(())
    }

    /// Seals the segment and opens one with so much room.
    fn next_segment(&mut self, room_bytes: u64) -> Result<(), CommitError> {
        self.seal().map_err(CommitError::Failed)?;
        let prepared = match self.shared.prepared.take(room_bytes, &self.shared.settings) {
            Some(prepared) => prepared,
            None => self.make_segment(room_bytes)?,
        };
        self.open(prepared);
        Ok(())
    }

    /// None is ready: reserves one without writing it, which is quick. The room that deletes need on a full disk is set
    /// aside first, or records that come faster than segments are prepared would take it.
    fn make_segment(&self, room_bytes: u64) -> Result<PreparedSegment, CommitError> {
        let shared = &self.shared;
        if !shared.prepared.has_reserve() {
            self.keep_reserve(self.make(shared.settings.reserve_bytes)?);
        }
        let least = room_bytes + SEGMENT_HEADER_BYTES + crate::format::TRAILER_BYTES;
        let due = shared.prepared.size_due(&shared.settings);
        let made = self.make(due.max(least.next_multiple_of(4096)))?;
        shared.prepared.count_unprepared(&shared.settings);
        count(&shared.counters.unprepared_segments, 1);
        Ok(made)
    }

    fn make(&self, bytes: u64) -> Result<PreparedSegment, CommitError> {
        let shared = &self.shared;
        let number = shared.state.lock().take_unsealed_number();
        let prepared = &shared.prepared;
        let sync_names = || shared.sync_names(SEGMENTS);
        let folder = (&*shared.disk, &sync_names as SyncNames<'_>);
        let made = prepared.make(folder, number, bytes, Filling::Reserved);
        made.map_err(|error| {
            shared.state.lock().unsealed.remove(&number);
            if self.has_failed() {
                return CommitError::Failed(error.to_string());
            }
            tracing::error!(%error, "no segment can be made");
            CommitError::NoRoom
        })
    }

    fn keep_reserve(&self, reserve: PreparedSegment) {
        if let Some(surplus) = self.shared.prepared.put_reserve(reserve) {
            preparer::discard(&self.shared, surplus);
        }
    }

    fn open(&mut self, prepared: PreparedSegment) {
        let mut state = self.shared.state.lock();
        state
            .segments
            .insert(prepared.number, SegmentRow::new(None));
        // An older wish was about another segment.
        state.seal_asked = false;
        state.open = Some(OpenSegment {
            number: prepared.number,
            file: Arc::clone(&prepared.file),
            file_bytes: prepared.file_bytes,
            index: SegmentIndex::default(),
        });
        self.segment = Some(SegmentWriter {
            number: prepared.number,
            file: prepared.file,
            file_bytes: prepared.file_bytes,
            position: SEGMENT_HEADER_BYTES,
            footer: FooterSize::default(),
            first_lsn: self.lsn + 1,
        });
    }

    /// The engine stops: leave the segment sealed.
    fn finish(&mut self) {
        let phase = self.shared.state.lock().phase.clone();
        if phase == Phase::Stopping
            && let Err(reason) = self.seal()
        {
            self.shared.fail(reason);
        }
    }
}

/// Runs the committing thread until the engine is stopped or fails.
pub(crate) fn run(shared: &Shared, committer: &Mutex<Committer>) {
    let _guard = FailsByPanic(shared);
    while wait(shared) {
        if !committer.lock().take_care() {
            return;
        }
    }
    committer.lock().finish();
}

/// Whether the thread would be woken now, were it waiting.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn is_due(shared: &Shared) -> bool {
    let state = shared.state.lock();
    let seals = state.seal_asked && state.phase == Phase::Running;
    seals || !state.pending.is_empty()
}

/// Waits for something to commit or to seal; false: the engine stops and nothing is left.
fn wait(shared: &Shared) -> bool {
    let mut state = shared.state.lock();
    let bell = &shared.committer_bell;
    let gathering_max = shared.settings.gathering_max;
    // Where many came together the next ones are on their way, and the idle bell tells when: they need not wake this
    // thread for the first of them.
    let mut is_more_expected = shared.settings.idle_bell.is_some() && state.gathering.were_many();
    let mut deadline = None;
    while !state.gathering.is_due() {
        let is_running = state.phase == Phase::Running;
        match (state.pending.is_empty(), is_running) {
            (true, false) => return false,
            (true, true) if state.seal_asked => break,
            // Nobody is to wait for a stop, and nothing more comes.
            (false, false) => break,
            (true, true) if is_more_expected => {
                state.gathering.committer = WaitsFor::More;
                let until = Instant::now() + gathering_max;
                if bell.wait_until(&mut state, until).timed_out() {
                    if !state.pending.is_empty() {
                        break;
                    }
                    is_more_expected = false;
                }
            }
            (true, true) => {
                state.gathering.committer = WaitsFor::First;
                bell.wait(&mut state);
            }
            (false, true) => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + gathering_max);
                state.gathering.committer = WaitsFor::More;
                if bell.wait_until(&mut state, deadline).timed_out() {
                    break;
                }
            }
        }
    }
    state.gathering.committer = WaitsFor::Nothing;
    true
}

/// Nobody waits for a thread that has panicked.
struct FailsByPanic<'a>(&'a Shared);

impl Drop for FailsByPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a commit panicked".to_owned());
            let mut pending = std::mem::take(&mut self.0.state.lock().pending);
            publish::answer(self.0, &mut pending, Ending::NotStarted);
        }
    }
}

/// How much of a group was written: always a beginning, of its control operations and of its sorted entries.
#[derive(Debug, Default)]
struct Written {
    control_ops: usize,
    entries: usize,
}

impl Written {
    fn count(&mut self, runs: &[GroupRun]) {
        for run in runs {
            match run {
                GroupRun::Control(ops) => self.control_ops = ops.end,
                GroupRun::Data { entries, .. } => self.entries = entries.end,
            }
        }
    }
}
