//! Checks of what the engine stands on.

use std::io::IoSlice;

use millstream_log::EngineError;

use crate::disk::Waiting;
use crate::format::segment_path;
use crate::format::{Manifest, TRAILER_BYTES, Trailer};
use crate::read::{ReadError, read_exact};
use crate::recovery::MANIFEST;
use crate::shared::Shared;
use crate::state::Phase;

/// A file that is written, synced, read back and removed.
const PROBE: &str = "probe";

/// The lock is held, the disk keeps what is written, the manifest and every footer are whole.
pub(super) fn verify(shared: &Shared) -> Result<(), EngineError> {
    if let Phase::Failed(reason) = &shared.state.lock().phase {
        return Err(EngineError::Io(reason.clone()));
    }
    let lock = shared.lock.lock().clone().ok_or(EngineError::Stopped)?;
    if lock.held.is_held().is_ok_and(|is_held| !is_held) {
        return Err(EngineError::Io(
            "the lock of the data folder is lost".to_owned(),
        ));
    }
    probe(shared).map_err(|error| EngineError::Io(format!("probing the disk: {error}")))?;
    check_manifest(shared)?;
    let sealed: Vec<_> = {
        let state = shared.state.lock();
        let rows = state.segments.values().filter(|segment| segment.settled);
        rows.filter_map(|segment| segment.sealed).collect()
    };
    for segment in sealed {
        let position = segment.file_bytes - TRAILER_BYTES;
        let number = segment.number;
        let bytes = read_exact(shared, number, position, TRAILER_BYTES, Waiting::Allowed);
        let found =
            bytes.map(|bytes| Trailer::decode(&bytes, u64::from(number), segment.file_bytes));
        let is_gone = || !shared.state.lock().segments.contains_key(&number);
        match found {
            Ok(Some(trailer)) if trailer.directory_start == segment.directory_start => {}
            Ok(_) if !is_gone() => {
                let path = segment_path(number);
                let reason = format!("{path} at byte {position}: the trailer is damaged");
                return Err(EngineError::Damaged(reason));
            }
            Err(ReadError::Failed(reason)) if !is_gone() => return Err(EngineError::Io(reason)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn probe(shared: &Shared) -> std::io::Result<()> {
    const WORDS: &[u8] = b"the log engine writes, syncs and reads";
    let disk = &shared.disk;
    // A probe that was cut short may be left over.
    drop(disk.unlink(PROBE));
    let file = disk.create(PROBE)?;
    file.write_at(&[IoSlice::new(WORDS)], 0)?;
    file.sync_data()?;
    let mut read = vec![0; WORDS.len()];
    disk.open(PROBE)?.read_at(&mut read, 0, Waiting::Allowed)?;
    disk.unlink(PROBE)?;
    if read != WORDS {
        return Err(std::io::Error::other(
            "the disk gives back other bytes than were written",
        ));
    }
    Ok(())
}

fn check_manifest(shared: &Shared) -> Result<(), EngineError> {
    let read = || {
        let file = shared.disk.open(MANIFEST)?;
        let mut bytes = vec![0; file.len_bytes()? as usize];
        file.read_at(&mut bytes, 0, Waiting::Allowed)?;
        Ok(bytes)
    };
    let bytes =
        read().map_err(|error: std::io::Error| EngineError::Io(format!("{MANIFEST}: {error}")))?;
    match Manifest::decode(&bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(EngineError::Damaged(format!(
            "{MANIFEST} at byte 0: {error}"
        ))),
    }
}
