//! What is opened before there is a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_log::LogEngine;
use millstream_tables::TableService;
use millstream_types::WallClock;

use super::OpenError;
use crate::audit::Audit;
use crate::backup::{Backups, Control};
use crate::engines::ServedEngine;
use crate::process::{connections_within, open_files_limit};
use crate::settings::Settings;

/// As many connections as are set, or as there are descriptors for: the rest of those is for records and tables. And a
/// line for the start text if those are fewer.
pub(super) fn connections_max(settings: &Settings) -> (usize, String) {
    let set = settings.http.connections_max;
    let Some(open_files_max) = open_files_limit() else {
        return (set, String::new());
    };
    let max = connections_within(open_files_max, settings.tables.databases_max);
    if max >= set {
        return (set, String::new());
    }
    let text = format!(
        "  connections   at most {max} of {set}: the limit of open files is {open_files_max}\n"
    );
    (max, text)
}

pub(super) fn audit(
    settings: &Settings,
    clock: Arc<dyn WallClock>,
) -> Result<Arc<Audit>, OpenError> {
    let path = settings.audit_log.as_deref();
    let is_logged = settings.access_keys.is_some();
    let audit = Audit::open(path, is_logged, settings.audit_refusals_per_s_max, clock);
    audit.map(Arc::new).map_err(|source| OpenError::AuditLog {
        path: path.unwrap_or(Path::new("")).to_owned(),
        source,
    })
}

/// The data folder, absolute; `None` for memory.
pub(super) fn data_folder(served: &dyn ServedEngine) -> Result<Option<PathBuf>, OpenError> {
    let Some(folder) = served.folder() else {
        return Ok(None);
    };
    std::path::absolute(folder)
        .map(Some)
        .map_err(|source| OpenError::DataFolder {
            folder: folder.to_owned(),
            source,
        })
}

/// Looks at the files of tables, which reads the disk.
pub(super) async fn open_tables(
    folder: Option<PathBuf>,
    settings: &Settings,
) -> Result<TableService, OpenError> {
    let tables = settings.tables;
    let opened = tokio::task::spawn_blocking(move || TableService::open(folder, tables)).await;
    match opened {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// A server without it serves all the same.
pub(super) fn control(backups: Backups) -> Option<Control> {
    let bound = Control::bind(backups);
    bound
        .inspect_err(|error| tracing::warn!(%error, "no backup can be asked for: the socket in the data folder cannot be made"))
        .ok()
}

pub(super) async fn stop_engine(engine: &dyn LogEngine) {
    if let Err(error) = engine.stop().await {
        tracing::warn!(%error, "the log engine did not stop cleanly");
    }
}
