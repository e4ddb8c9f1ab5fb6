//! Segments that are ready before they are needed.
//!
//! A ready segment is wholly written (zeros, or what a dead segment left) and synced, so that the committing thread
//! only overwrites: its fdatasync then changes no metadata and takes half the time.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::disk::{Disk, DiskFile};
use crate::format::segment_path;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind, TRAILER_BYTES};
use crate::settings::LocalSettings;

/// Makes the names of segments durable.
pub(crate) type SyncNames<'a> = &'a dyn Fn() -> io::Result<()>;

/// Dead segments kept for recycling, while there is room.
const RECYCLED_MAX: usize = 1;

/// A segment file without frames.
#[derive(Debug)]
pub(crate) struct PreparedSegment {
    pub(crate) number: u32,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) file_bytes: u64,
}

impl PreparedSegment {
    /// Room for frames, and for a footer without the trailer.
    pub(crate) fn room_bytes(&self) -> u64 {
        self.file_bytes - SEGMENT_HEADER_BYTES - TRAILER_BYTES
    }
}

#[derive(Debug, Default)]
pub(crate) struct PreparedSegments {
    pub(crate) state: Mutex<Prepared>,
    /// Rung for the thread that prepares.
    pub(crate) bell: Condvar,
    /// Rung for housekeeping when a file that was being made is done.
    made: Condvar,
}

/// The room that is kept for housekeeping on a full disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum KeptRoom {
    /// There was none for it since the start. One reserve is made all the same, for deletes.
    #[default]
    Never,
    Kept,
    /// Housekeeping has it, or there was none to keep it again: whatever were made now would be made of it.
    Owed,
}

#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) next: Option<PreparedSegment>,
    /// For control operations and group 0 when the disk is full.
    pub(crate) reserve: Option<PreparedSegment>,
    /// Numbers and sizes of dead segments that may be used again.
    pub(crate) dead: VecDeque<(u32, u64)>,
    /// Number of segments taken so far.
    pub(crate) taken: usize,
    pub(crate) last_taken: Option<Instant>,
    /// The last two segments were taken within the settings' `hurry`.
    pub(crate) hurried: bool,
    pub(crate) stopping: bool,
    /// The room was found wanting; look again soon.
    pub(crate) no_room: bool,
    pub(crate) kept_room: KeptRoom,
    /// Files that are being made.
    making: usize,
}

/// A file is being made, until this is dropped.
#[derive(Debug)]
struct Making<'a>(&'a PreparedSegments);

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.state.lock().making -= 1;
        self.0.made.notify_all();
    }
}

impl PreparedSegments {
    /// The ready segment, if it has the room.
    pub(crate) fn take(
        &self,
        room_bytes: u64,
        settings: &LocalSettings,
    ) -> Option<PreparedSegment> {
        let mut state = self.state.lock();
        if state.next.as_ref()?.room_bytes() < room_bytes {
            return None;
        }
        let taken = state.next.take();
        state.count_taken(settings);
        self.bell.notify_one();
        taken
    }

    /// The segment that is kept for a full disk.
    pub(crate) fn take_reserve(&self) -> Option<PreparedSegment> {
        let mut state = self.state.lock();
        let taken = state.reserve.take();
        if taken.is_some() && state.kept_room == KeptRoom::Never {
            state.kept_room = KeptRoom::Owed;
        }
        self.bell.notify_one();
        taken
    }

    pub(crate) fn has_reserve(&self) -> bool {
        self.state.lock().reserve.is_some()
    }

    /// Keeps a segment for a full disk. Returns it if there is one already: two threads may have made one.
    pub(crate) fn put_reserve(&self, reserve: PreparedSegment) -> Option<PreparedSegment> {
        let mut state = self.state.lock();
        if state.reserve.is_some() {
            return Some(reserve);
        }
        state.reserve = Some(reserve);
        None
    }

    /// Size of the segment to be opened now, had it been prepared.
    pub(crate) fn size_due(&self, settings: &LocalSettings) -> u64 {
        settings.segment_size(self.state.lock().taken)
    }

    /// The committing thread made a segment itself.
    pub(crate) fn count_unprepared(&self, settings: &LocalSettings) {
        self.state.lock().count_taken(settings);
        self.bell.notify_one();
    }

    /// Offers a dead segment whose removal the manifest already says. False: not wanted, unlink it.
    pub(crate) fn offer_dead(&self, number: u32, bytes: u64, settings: &LocalSettings) -> bool {
        let mut state = self.state.lock();
        let wanted = state.dead.len() < RECYCLED_MAX
            && !state.stopping
            && !state.no_room
            && state.kept_room == KeptRoom::Kept
            && bytes == settings.segment_size(state.taken + 1);
        if wanted {
            state.dead.push_back((number, bytes));
        }
        wanted
    }

    /// Makes a segment file, unless its room is housekeeping's.
    pub(crate) fn make(
        &self,
        (disk, sync_names): (&dyn Disk, SyncNames<'_>),
        number: u32,
        file_bytes: u64,
        filling: Filling,
    ) -> io::Result<PreparedSegment> {
        let _making = {
            let mut state = self.state.lock();
            if !state.may_make() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.making += 1;
            Making(self)
        };
        make((disk, sync_names), number, file_bytes, filling)
    }

    /// Housekeeping takes the room that is kept for it. Nothing is made from here on.
    pub(crate) fn take_kept_room(&self) {
        let mut state = self.state.lock();
        if state.kept_room == KeptRoom::Kept {
            state.kept_room = KeptRoom::Owed;
        }
        while state.making > 0 {
            self.made.wait(&mut state);
        }
    }

    /// The room is kept: segments are made again.
    pub(crate) fn room_is_kept(&self) {
        let before = std::mem::replace(&mut self.state.lock().kept_room, KeptRoom::Kept);
        if before != KeptRoom::Kept {
            self.bell.notify_one();
        }
    }

    pub(crate) fn kept_room(&self) -> KeptRoom {
        self.state.lock().kept_room
    }

    /// Gives up the segments that are kept for later. Returns the files to remove.
    pub(crate) fn give_up(&self) -> Vec<u32> {
        let mut state = self.state.lock();
        let dead = state.dead.drain(..).map(|(number, _)| number);
        let mut given: Vec<u32> = dead.collect();
        given.extend(state.next.take().map(|next| next.number));
        given
    }

    /// Bytes of all files that are kept for later.
    pub(crate) fn bytes(&self) -> u64 {
        let state = self.state.lock();
        let kept = [&state.next, &state.reserve].into_iter().flatten();
        let kept: u64 = kept.map(|segment| segment.file_bytes).sum();
        kept + state.dead.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.bell.notify_all();
    }
}

impl Prepared {
    /// Something is missing that may be made.
    pub(crate) fn is_wanting(&self) -> bool {
        self.may_make() && (self.next.is_none() || self.reserve.is_none())
    }

    /// Before there was any room for housekeeping, only a reserve is made: who makes something makes that first.
    pub(crate) fn may_make(&self) -> bool {
        match self.kept_room {
            KeptRoom::Kept => true,
            KeptRoom::Never => self.reserve.is_none(),
            KeptRoom::Owed => false,
        }
    }

    /// Everything that records need is there.
    pub(crate) fn is_ready(&self) -> bool {
        self.kept_room == KeptRoom::Kept && self.next.is_some() && self.reserve.is_some()
    }

    fn count_taken(&mut self, settings: &LocalSettings) {
        let now = Instant::now();
        let before = self.last_taken.replace(now);
        self.hurried = before.is_some_and(|before| now - before < settings.hurry);
        self.taken += 1;
    }
}

/// Removes a segment file that nobody needs. Best effort: the next start removes it.
pub(crate) fn remove_file(disk: &dyn Disk, number: u32) {
    if let Err(error) = disk.unlink(&segment_path(number)) {
        tracing::warn!(number, %error, "a segment that is not needed could not be removed");
    }
}

/// How a new file gets its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filling {
    /// Written: slow to make, fast to overwrite.
    Zeros,
    /// Only reserved: fast to make, slower to write.
    Reserved,
}

/// Makes a segment file, durable under its name.
fn make(
    (disk, sync_names): (&dyn Disk, SyncNames<'_>),
    number: u32,
    file_bytes: u64,
    filling: Filling,
) -> io::Result<PreparedSegment> {
    const CHUNK: usize = 256 << 10;
    let path = segment_path(number);
    let file = disk.create(&path)?;
    let fill = || -> io::Result<()> {
        file.allocate(file_bytes)?;
        if filling == Filling::Zeros {
            let zeros = vec![0; CHUNK];
            for position in (0..file_bytes).step_by(CHUNK) {
                let bytes = (file_bytes - position).min(CHUNK as u64) as usize;
                file.write_at(&[IoSlice::new(&zeros[..bytes])], position)?;
            }
        }
        write_header(&*file, number, file_bytes)?;
        file.sync_data()?;
        sync_names()
    };
    if let Err(error) = fill() {
        // Best effort: a start removes segments without frames.
        drop(disk.unlink(&path));
        return Err(error);
    }
    Ok(PreparedSegment {
        number,
        file,
        file_bytes,
    })
}

/// Gives a dead segment a new number and generation; what it holds is never valid again.
pub(crate) fn recycle(
    (disk, sync_names): (&dyn Disk, SyncNames<'_>),
    dead: u32,
    number: u32,
    file_bytes: u64,
) -> io::Result<PreparedSegment> {
    let path = segment_path(number);
    disk.rename(&segment_path(dead), &path)?;
    let file = disk.open(&path)?;
    write_header(&*file, number, file_bytes)?;
    file.sync_data()?;
    sync_names()?;
    Ok(PreparedSegment {
        number,
        file,
        file_bytes,
    })
}

fn write_header(file: &dyn DiskFile, number: u32, file_bytes: u64) -> io::Result<()> {
    let header = SegmentHeader {
        generation: u64::from(number),
        file_bytes,
        kind: SegmentKind::Appended,
    };
    file.write_at(&[IoSlice::new(&header.encode())], 0)
}
