//! Opening: the newest checkpoint in the journal, and what was put after it.

use std::time::Duration;

use millstream_log::{
    EngineError, Entry, GroupId, LogEngine, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use parking_lot::RwLock;

use super::{Opened, Shared};
use crate::Minute;
use crate::checkpoint::Checkpoint;
use crate::journal::JournalEntry;
use crate::state::State;

/// The journal is read in pieces of about this many bytes.
const READ_BYTES: usize = 1 << 20;

/// Why the store does not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An entry of a newer version, or damaged.
    #[error("entry {0} of the journal of metrics cannot be understood")]
    Entry(u64),
    /// Entries that must be there are not.
    #[error("the journal of metrics cannot be read at entry {0}: {1}")]
    Unreadable(u64, String),
}

/// Makes the logs if they are not there, and reads the journal.
pub(super) async fn open(shared: &Shared) -> Result<Opened, OpenError> {
    let create = |log| {
        shared
            .engine
            .create(GroupId::METRICS, LogId(log), LogSpec::default())
    };
    let (journal, minutes, fives) = (create(0).await?, create(1).await?, create(2).await?);
    let mut state = State::new(shared.settings, Checkpoint::default());
    let end = shared.engine.barrier(journal).await?;
    let mut next = shared.engine.bounds(journal).await?.first;
    while next < end {
        let entries = read_entries(&*shared.engine, journal, next).await?;
        if entries.is_empty() {
            break;
        }
        for Entry {
            offset,
            time,
            payload,
            ..
        } in entries
        {
            let bytes = payload.len() as u64;
            match JournalEntry::read(&payload).map_err(|_| OpenError::Entry(offset))? {
                JournalEntry::Samples(samples) => state.apply(&samples, bytes, Minute::of(time)),
                JournalEntry::Checkpoint(kept) => state.checkpoint(*kept, bytes),
            }
            next = offset + 1;
        }
    }
    Ok(Opened {
        journal,
        minutes,
        fives,
        state: RwLock::new(state),
    })
}

async fn read_entries(
    engine: &dyn LogEngine,
    place: Place,
    from: u64,
) -> Result<Vec<Entry>, OpenError> {
    let read = ReadFrom {
        place,
        from,
        bytes_max: READ_BYTES,
    };
    let outcome = engine.read_many(vec![read], Duration::ZERO).await.pop();
    match outcome.unwrap_or(ReadOutcome::NoSuchLog) {
        ReadOutcome::Entries { entries, .. } => Ok(entries),
        ReadOutcome::OutOfRange(_) => Err(OpenError::Unreadable(from, "it is not there".into())),
        ReadOutcome::NoSuchLog => Err(EngineError::NoSuchLog.into()),
        ReadOutcome::Unreadable { reason, .. } => Err(OpenError::Unreadable(from, reason)),
    }
}
