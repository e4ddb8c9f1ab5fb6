//! The thread that prepares segments, and looks whether there is room for them.

use std::io;
use std::time::Duration;

use crate::format::SEGMENTS;
use crate::segments::prepared::{
    Filling, KeptRoom, Prepared, PreparedSegment, SyncNames, recycle, remove_file,
};
use crate::settings::LocalSettings;
use crate::shared::Shared;
use crate::state::Phase;
use crate::stats::set;

/// How often room on the disk and the folder's lock are looked at, whether or not there is anything to prepare.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The thread that prepares segments, until it is stopped.
pub(crate) fn run(shared: &Shared) {
    loop {
        {
            let mut state = shared.prepared.state.lock();
            if !state.is_wanting() && !state.no_room && !state.stopping {
                shared.prepared.bell.wait_for(&mut state, LOOK_INTERVAL);
            }
        }
        if !look(shared) {
            return;
        }
        let mut state = shared.prepared.state.lock();
        if state.no_room && !state.stopping {
            shared.prepared.bell.wait_for(&mut state, LOOK_INTERVAL);
        }
    }
}

/// Whether the thread would be woken now, were it waiting.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn is_due(shared: &Shared) -> bool {
    let state = shared.prepared.state.lock();
    state.is_wanting() && !state.no_room
}

/// Makes the next thing that is missing, and looks at the lock and the room. False: the engine stops or has failed.
pub(crate) fn look(shared: &Shared) -> bool {
    let job = {
        let mut state = shared.prepared.state.lock();
        if state.stopping {
            return false;
        }
        Job::choose(&mut state, &shared.settings)
    };
    check_lock(shared);
    if matches!(shared.state.lock().phase, Phase::Failed(_)) {
        return false;
    }
    let found = prepare(shared, &job);
    let has_room = found.is_ok() && has_room(shared);
    if let Err(error) = &found {
        tracing::warn!(%error, "no segment could be prepared");
    }
    settle_room(shared, has_room);
    let mut state = shared.prepared.state.lock();
    state.no_room = !has_room;
    if !has_room {
        let dead = std::mem::take(&mut state.dead);
        drop(state);
        for (number, _) in dead {
            remove_file(&*shared.disk, number);
        }
    }
    true
}

/// What is to be made.
#[derive(Debug)]
struct Job {
    size: u64,
    dead: Option<u32>,
    filling: Filling,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Next,
    Reserve,
    /// Only look whether there is room again.
    Nothing,
}

impl Job {
    /// The first segment comes before the reserve, so that the first append need not wait; later the reserve does.
    fn choose(state: &mut Prepared, settings: &LocalSettings) -> Self {
        let what = if !state.is_wanting() {
            What::Nothing
        } else if state.next.is_none()
            && state.kept_room == KeptRoom::Kept
            && (state.taken == 0 || state.reserve.is_some())
        {
            What::Next
        } else if state.reserve.is_none() {
            What::Reserve
        } else {
            What::Nothing
        };
        let size = match what {
            What::Next => settings.segment_size(state.taken),
            What::Reserve | What::Nothing => settings.reserve_bytes,
        };
        let place = state.dead.iter().position(|(_, bytes)| *bytes == size);
        let dead = place
            .filter(|_| what == What::Next)
            .and_then(|place| state.dead.remove(place))
            .map(|(number, _)| number);
        let filling = if what == What::Next && state.hurried {
            Filling::Reserved
        } else {
            Filling::Zeros
        };
        Self {
            size,
            dead,
            filling,
            what,
        }
    }
}

fn prepare(shared: &Shared, job: &Job) -> io::Result<()> {
    if job.what == What::Nothing {
        return Ok(());
    }
    let prepared = &shared.prepared;
    let number = shared.state.lock().take_unsealed_number();
    let sync_names = || shared.sync_names(SEGMENTS);
    let folder = (&*shared.disk, &sync_names as SyncNames<'_>);
    let made = match job.dead {
        Some(dead) => recycle(folder, dead, number, job.size),
        None => prepared.make(folder, number, job.size, job.filling),
    };
    let segment = made.inspect_err(|_| {
        shared.state.lock().unsealed.remove(&number);
    })?;
    if job.what == What::Reserve {
        if let Some(surplus) = shared.prepared.put_reserve(segment) {
            discard(shared, surplus);
        }
    } else {
        shared.prepared.state.lock().next = Some(segment);
    }
    Ok(())
}

/// Removes a segment that somebody else has made, too.
pub(super) fn discard(shared: &Shared, surplus: PreparedSegment) {
    let number = surplus.number;
    drop(surplus);
    remove_file(&*shared.disk, number);
    shared.state.lock().unsealed.remove(&number);
}

/// Closes the way for records if there is no room for them, or none for housekeeping, before the first is taken.
pub(crate) fn look_at_room(shared: &Shared) {
    if !has_room(shared) || shared.prepared.kept_room() != KeptRoom::Kept {
        shared.set_room(&mut shared.state.lock(), false);
    }
}

fn has_room(shared: &Shared) -> bool {
    match shared.disk.free_bytes() {
        Ok(free) => {
            set(&shared.counters.disk_free_bytes, free);
            free >= shared.settings.free_space_floor_bytes
        }
        Err(error) => {
            tracing::warn!(%error, "the free space is not known");
            true
        }
    }
}

/// Opens or closes the way for records.
fn settle_room(shared: &Shared, has_room: bool) {
    // Locked until the end: the reserve that is there now is not to be taken and used before this says that it is there.
    let prepared = shared.prepared.state.lock();
    let ready = prepared.is_ready();
    let mut state = shared.state.lock();
    if ready {
        state.room.reserve_left = None;
    }
    if has_room && ready && !state.room.records {
        shared.set_room(&mut state, true);
    } else if !has_room && state.room.records {
        shared.set_room(&mut state, false);
    }
}

/// Ends writes once another process may have locked the folder.
fn check_lock(shared: &Shared) {
    let lock = shared.lock.lock().clone();
    // Without an answer nothing is known, and writes tell.
    if let Some(Ok(false)) = lock.as_ref().map(|lock| lock.held.is_held()) {
        shared.fail(
            "the lock of the data folder is lost: its file was removed or replaced, so another server may run there"
                .to_owned(),
        );
    }
}
