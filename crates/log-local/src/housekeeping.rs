//! The thread that writes manifests, removes dead segments and compacts cold ones.

mod compact;
mod kept_room;
mod look;
mod manifest_writer;
mod select;

use std::io;
use std::time::{Duration, Instant};

use crate::format::ManifestSegment;
use crate::segments::prepared::{KeptRoom, remove_file};
use crate::shared::Shared;
use crate::state::{Phase, State};
use crate::stats::count;

pub(crate) use manifest_writer::{Of, manifest_image};
use manifest_writer::{WrittenManifest, write_manifest};

/// A manifest is due when so many times its own size was sealed since: it is then a small part of what is written.
const SEALED_PER_MANIFEST: u64 = 8;

/// How long to wait before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How often room is looked for that could not be kept.
const ROOM_INTERVAL: Duration = Duration::from_millis(500);

/// A segment that is written to is sealed early once this part of it is dead, and more than half of what is in it.
const DEAD_PART_TO_SEAL: u64 = 4;

/// What the thread remembers between its rounds.
#[derive(Debug, Default)]
pub(crate) struct Housekeeper {
    manifest_bytes: u64,
    /// Newest segment that the last manifest lists, by lsn.
    listed_lsn: u64,
    /// When the last round ended.
    round_ended: Option<Instant>,
    /// The last frame, and since when.
    last_lsn: Option<(u64, Instant)>,
    /// Somebody steps it, and the last round failed.
    #[cfg(any(test, feature = "testing"))]
    has_failed: bool,
}

/// Keeps the room that housekeeping may need, before anything else takes it.
pub(crate) fn keep_room(shared: &Shared) {
    kept_room::keep(shared);
}

/// What a start does once it has read the folder, before anything is served: writes the manifest, and removes the segments
/// in which nothing is alive. Without `is_due` a disk may have no room for it.
///
/// Nobody can tell whether the manifest that was read is durable under its name: the sync of the folder that failed may have
/// been another process's. An older one may come back, and with it what was dead for this one only.
pub(crate) fn begin(shared: &Shared, is_due: bool, dead: &[u32]) -> io::Result<Housekeeper> {
    let written = match is_due || !dead.is_empty() {
        true => write_manifest_alone(shared, Of::Running),
        false => write_manifest(shared, Of::Running),
    };
    match written {
        Ok(written) => {
            dead.iter()
                .for_each(|number| remove_file(&*shared.disk, *number));
            Ok(Housekeeper {
                manifest_bytes: written.bytes,
                listed_lsn: written.listed_lsn,
                ..Housekeeper::default()
            })
        }
        Err(error) if !is_due && kept_room::is_for_want_of_room(&error) => {
            tracing::warn!(%error, "the start has written no manifest; what is dead stays until the next one");
            Ok(Housekeeper::default())
        }
        Err(error) => Err(error),
    }
}

/// Writes a manifest while no other thread of the engine runs, on a full disk in the room that is kept.
pub(crate) fn write_manifest_alone(shared: &Shared, of: Of) -> io::Result<WrittenManifest> {
    let mut written = write_manifest(shared, of);
    if written.as_ref().is_err_and(kept_room::is_for_want_of_room) {
        kept_room::remove(shared);
        written = write_manifest(shared, of);
    }
    written
}

/// Runs until the engine stops; the last manifest is written by whoever stops it.
pub(crate) fn run(shared: &Shared, mut housekeeper: Housekeeper) {
    while housekeeper.wait(shared) {
        if housekeeper.keep_house(shared).is_err() {
            pause(shared, RETRY);
            shared.state.lock().housekeeping_due = true;
        }
    }
}

/// Waits, but not longer than the engine runs.
fn pause(shared: &Shared, time: Duration) {
    let deadline = Instant::now() + time;
    let mut state = shared.state.lock();
    while state.phase == Phase::Running {
        let timeout = shared
            .housekeeping_bell
            .wait_until(&mut state, deadline)
            .timed_out();
        if timeout {
            return;
        }
    }
}

impl Housekeeper {
    /// Waits until there is something to do: at once for segments that were sealed or are empty; for what else has
    /// died not sooner than some time after the last round; where room is not kept that should be, to look for some.
    /// False: the engine stops.
    fn wait(&self, shared: &Shared) -> bool {
        let interval = shared.settings.reclaim_interval;
        let next_round = self.round_ended.map(|ended| ended + interval);
        let is_room_kept = shared.prepared.kept_room() == KeptRoom::Kept;
        let next_look = (!is_room_kept).then(|| Instant::now() + ROOM_INTERVAL);
        let mut state = shared.state.lock();
        let bell = &shared.housekeeping_bell;
        while state.phase == Phase::Running && !state.housekeeping_due {
            let until = match next_round {
                _ if !state.died => next_look,
                None => break,
                next_round => next_round,
            };
            match until {
                None => bell.wait(&mut state),
                Some(until) if bell.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
            }
        }
        state.housekeeping_due = false;
        state.died = false;
        state.phase == Phase::Running
    }

    /// Whether the thread would be woken now, were it waiting; with `looks`, whether it would wake by itself: what has failed
    /// is tried again then.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn is_due(&self, shared: &Shared, looks: bool) -> bool {
        let is_room_kept = shared.prepared.kept_room() == KeptRoom::Kept;
        let state = shared.state.lock();
        let is_wanted = !self.has_failed && (state.housekeeping_due || state.died);
        let wakes = looks && (self.has_failed || !is_room_kept);
        state.phase == Phase::Running && (is_wanted || wakes)
    }

    /// A round, of one who is woken for it.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn step(&mut self, shared: &Shared) {
        {
            let mut state = shared.state.lock();
            state.housekeeping_due = false;
            state.died = false;
        }
        self.has_failed = self.keep_house(shared).is_err();
    }

    /// A round, and when it ended. What failed stands in the log.
    fn keep_house(&mut self, shared: &Shared) -> io::Result<()> {
        let result = self.round_on_any_disk(shared);
        self.round_ended = Some(Instant::now());
        result.inspect_err(|error| {
            tracing::error!(%error, "housekeeping failed; it is tried again");
        })
    }

    /// A round; where the disk has no room for it, in the room that is kept for that.
    fn round_on_any_disk(&mut self, shared: &Shared) -> io::Result<()> {
        kept_room::keep(shared);
        let mut result = self.round(shared);
        for take in [kept_room::take, kept_room::take_prepared] {
            if result.as_ref().is_err_and(kept_room::is_for_want_of_room) {
                take(shared);
                result = self.round(shared);
            }
        }
        kept_room::keep(shared);
        result
    }

    fn round(&mut self, shared: &Shared) -> io::Result<()> {
        if self.is_manifest_due(shared) {
            self.write_manifest(shared)?;
        }
        self.seal_early(shared);
        if shared.settings.compaction_bytes_per_s == 0 {
            return Ok(());
        }
        while let Some(inputs) = self.choose(shared)? {
            if shared.state.lock().phase != Phase::Running {
                return Ok(());
            }
            compact::compact(shared, &inputs)?;
            self.write_manifest(shared)?;
        }
        Ok(())
    }

    /// The next segments to compact. An error: some should be, and there is no room for any of them.
    fn choose(&self, shared: &Shared) -> io::Result<Option<Vec<ManifestSegment>>> {
        let candidates = look::look_around(shared);
        let settings = &shared.settings;
        let target_bytes = settings.segment_bytes_max();
        // The manifest that makes a compaction count needs room too.
        let free = shared.disk.free_bytes().unwrap_or(u64::MAX);
        let floor = settings.free_space_floor_bytes;
        let room = select::OutputRoom {
            target_bytes,
            free_bytes: free.saturating_sub(self.manifest_bytes * 2),
            is_ample: free >= floor.saturating_add(target_bytes)
                && shared.state.lock().room.records,
        };
        let chosen = select::choose(&candidates, room).map(|range| &candidates[range]);
        let lacks_room = chosen.is_none() && candidates.iter().any(|c| c.is_mostly_dead());
        if lacks_room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(chosen.map(|chosen| chosen.iter().map(|candidate| candidate.segment).collect()))
    }

    /// Has the open segment sealed if most of it is dead, so that its room can be freed.
    fn seal_early(&mut self, shared: &Shared) {
        let now = Instant::now();
        let mut state = shared.state.lock();
        let lsn = state.durable_lsn;
        let (last, since) = *self.last_lsn.get_or_insert((lsn, now));
        if last != lsn {
            self.last_lsn = Some((lsn, now));
        }
        let is_idle = last == lsn && now.duration_since(since) >= shared.settings.reclaim_interval;
        match early_seal(&state, is_idle) {
            EarlySeal::Now => {
                state.seal_asked = true;
                shared.committer_bell.notify_one();
            }
            EarlySeal::Later => state.died = true,
            EarlySeal::No => {}
        }
    }

    fn is_manifest_due(&self, shared: &Shared) -> bool {
        let state = shared.state.lock();
        let settled = state.segments.values().filter(|segment| segment.settled);
        let (mut sealed_bytes, mut any_dead) = (0, false);
        for segment in settled {
            any_dead |= segment.live_logs == 0;
            let newer = segment
                .sealed
                .filter(|sealed| sealed.last_lsn > self.listed_lsn);
            sealed_bytes += newer.map_or(0, |sealed| sealed.data_end);
        }
        any_dead || sealed_bytes > self.manifest_bytes * SEALED_PER_MANIFEST
    }

    /// Writes the manifest and then removes the segments that it no longer lists.
    fn write_manifest(&mut self, shared: &Shared) -> io::Result<()> {
        let written = write_manifest(shared, Of::Running)?;
        self.manifest_bytes = written.bytes;
        self.listed_lsn = written.listed_lsn;
        for number in written.dead {
            remove_segment(shared, number);
        }
        Ok(())
    }
}

/// Removes a segment that the manifest does not list. Reads that have it open finish. While somebody holds a moment of
/// the folder it stays; the first manifest after that names it again.
fn remove_segment(shared: &Shared, number: u32) {
    let removed = {
        let mut state = shared.state.lock();
        if state.pins > 0 {
            return;
        }
        state.segments.remove(&number)
    };
    let Some(sealed) = removed.and_then(|segment| segment.sealed) else {
        return;
    };
    shared.files.forget(number);
    count(&shared.counters.removed_segments, 1);
    count(&shared.counters.removed_bytes, sealed.file_bytes);
    let settings = &shared.settings;
    if !shared
        .prepared
        .offer_dead(number, sealed.file_bytes, settings)
    {
        remove_file(&*shared.disk, number);
    }
}

/// Whether the open segment is sealed before it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EarlySeal {
    No,
    /// Once nothing is written any more, or more of it is dead.
    Later,
    Now,
}

fn early_seal(state: &State, is_idle: bool) -> EarlySeal {
    let Some(open) = &state.open else {
        return EarlySeal::No;
    };
    let (all, dead) = open.index.all_and_dead_bytes();
    // The reserve is all that is left for what frees room: it is used up first.
    if dead * 2 <= all || state.room.reserve_left.is_some() {
        return EarlySeal::No;
    }
    let is_large = dead >= open.file_bytes / DEAD_PART_TO_SEAL;
    if is_large || is_idle || !state.room.records {
        EarlySeal::Now
    } else {
        EarlySeal::Later
    }
}
