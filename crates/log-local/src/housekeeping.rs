//! The thread that writes manifests, removes dead segments and compacts cold ones.

mod compact;
mod manifest_writer;
mod select;

use std::io;
use std::time::Duration;

use crate::shared::{Shared, segment_path};
use crate::state::Phase;
use crate::stats::count;

pub(crate) use manifest_writer::write_manifest;

/// A manifest is due when so many times its own size was sealed since: it is then a small part of what is written.
const SEALED_PER_MANIFEST: u64 = 8;

/// How long to wait before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What the thread remembers between its rounds.
#[derive(Debug, Default)]
struct Housekeeper {
    manifest_bytes: u64,
    /// Newest segment that the last manifest lists, by lsn.
    listed_lsn: u64,
    selection: select::Selection,
}

/// Runs until the engine stops; the last manifest is written by whoever stops it.
pub(crate) fn run(shared: &Shared) {
    let mut housekeeper = Housekeeper::default();
    loop {
        {
            let mut state = shared.state.lock();
            while !state.housekeeping_due && state.phase == Phase::Running {
                shared.housekeeping_bell.wait(&mut state);
            }
            if state.phase != Phase::Running {
                return;
            }
            state.housekeeping_due = false;
        }
        if let Err(error) = housekeeper.round(shared) {
            tracing::error!(%error, "housekeeping failed; it is tried again");
            pause(shared, RETRY);
            shared.state.lock().housekeeping_due = true;
        }
    }
}

/// Waits, but not longer than the engine runs.
fn pause(shared: &Shared, time: Duration) {
    let deadline = std::time::Instant::now() + time;
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
    fn round(&mut self, shared: &Shared) -> io::Result<()> {
        if self.is_manifest_due(shared) {
            self.write_manifest(shared)?;
        }
        if shared.settings.compaction_bytes_per_s == 0 {
            return Ok(());
        }
        while let Some(inputs) = self.selection.choose(shared) {
            if shared.state.lock().phase != Phase::Running {
                return Ok(());
            }
            compact::compact(shared, &inputs)?;
            self.write_manifest(shared)?;
        }
        Ok(())
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
        let written = write_manifest(shared, false)?;
        self.manifest_bytes = written.bytes;
        self.listed_lsn = written.listed_lsn;
        for number in written.dead {
            remove_segment(shared, number);
        }
        Ok(())
    }
}

/// Removes a segment that the manifest does not list. Reads that have it open finish.
fn remove_segment(shared: &Shared, number: u32) {
    let removed = shared.state.lock().segments.remove(&number);
    let Some(sealed) = removed.and_then(|segment| segment.sealed) else {
        return;
    };
    shared.files.forget(number);
    count(&shared.counters.removed_segments, 1);
    if shared
        .prepared
        .offer_dead(number, sealed.file_bytes, &shared.settings)
    {
        return;
    }
    if let Err(error) = shared.disk.unlink(&segment_path(number)) {
        // The next start removes it.
        tracing::warn!(number, %error, "a dead segment could not be removed");
    }
}
