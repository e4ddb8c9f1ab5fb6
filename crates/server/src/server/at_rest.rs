//! The keys of the data folder, in front of what is kept.

use std::path::PathBuf;
use std::sync::Arc;

use millstream_log::{LogEngine, SnapshotStore};
use millstream_sealing::{KeyRing, KeyRingError, SealedLogs, SealedSnapshots, holds_sealed};

use super::OpenError;
use crate::master_key::{KeysError, MasterKeySettings, open_keys};

/// What is kept: behind the keys of the data folder, if there is a master key.
pub(super) struct AtRest {
    pub(super) engine: Arc<dyn LogEngine>,
    pub(super) snapshots: Arc<dyn SnapshotStore>,
    pub(super) keys: Option<Arc<KeyRing>>,
}

/// Opens the keys of the data folder, whose lock is held; `None` is memory.
///
/// # Errors
/// If the master key cannot be had, is missing or another one's, or the keys are lost. Nothing is changed then.
pub(super) async fn seal(
    master: Option<MasterKeySettings>,
    folder: Option<PathBuf>,
    engine: &Arc<dyn LogEngine>,
    snapshots: &Arc<dyn SnapshotStore>,
) -> Result<AtRest, OpenError> {
    if master.is_some() {
        refuse_lost(folder.clone(), &**engine, &**snapshots).await?;
    }
    let opened = tokio::task::spawn_blocking(move || open_keys(master.as_ref(), folder)).await;
    let keys = match opened {
        Ok(opened) => opened?.map(Arc::new),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let (engine, snapshots) = (Arc::clone(engine), Arc::clone(snapshots));
    Ok(match &keys {
        None => AtRest {
            engine,
            snapshots,
            keys,
        },
        Some(ring) => AtRest {
            engine: Arc::new(SealedLogs::new(engine, Arc::clone(ring))),
            snapshots: Arc::new(SealedSnapshots::new(snapshots, Arc::clone(ring))),
            keys,
        },
    })
}

/// Says so if something in the folder is sealed and its keys are gone: new ones would open nothing of it.
pub(super) async fn refuse_lost(
    folder: Option<PathBuf>,
    engine: &dyn LogEngine,
    snapshots: &dyn SnapshotStore,
) -> Result<(), OpenError> {
    let Some(folder) = folder else {
        return Ok(());
    };
    let is_lost = !KeyRing::is_in(&folder).map_err(KeysError::Ring)?
        // If the engine fails, whoever reads all of it says how.
        && holds_sealed(engine, snapshots).await.unwrap_or(false);
    match is_lost {
        true => Err(KeysError::Ring(KeyRingError::Lost(folder)).into()),
        false => Ok(()),
    }
}

/// A line for the start text that says what is encrypted; nothing if nobody wants anything to be.
pub(super) fn start_text(keys: Option<&KeyRing>, encrypted_streams: usize) -> String {
    match (keys, encrypted_streams) {
        (Some(keys), _) => format!(
            "  encryption    under the master key {}: records of encrypted streams, commands, snapshots, metrics; not \
             tables\n",
            keys.master_id()
        ),
        (None, 0) => String::new(),
        (None, streams) => format!(
            "  encryption    none: {streams} streams are shown as encrypted and are not, without --master-key\n"
        ),
    }
}
