//! Makes a backup of what a running server keeps.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use millstream_log_local::Pinned;
use millstream_sealing::KeyRing;
use millstream_tables::TableService;
use millstream_types::TimestampMs;

use super::copying::{self, Progress, Target, Unseen, write_file};
use super::list::{BackupList, LIST, UNFINISHED};
use super::{BackupError, Made};

const WHY: &str = "A backup is being made here, or was not finished. It cannot be restored.\n";

/// Makes a backup in a folder that is not there or empty: everything that was acknowledged before this was called, of the
/// log as of one moment: `pin` holds it, and answers with it the file of data keys, wrapped as they are, if there is one.
/// Blocks. What was written is removed again if it fails.
///
/// Tables come first: a checkpoint in them is never ahead of the records, so that no application skips any.
pub(super) fn make(
    folder: &Path,
    pin: &dyn Fn() -> Result<(Pinned, Option<Vec<u8>>), BackupError>,
    tables: &TableService,
    made: TimestampMs,
    tell: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Made, BackupError> {
    let target = Target::begin(folder, UNFINISHED, WHY)?;
    let copied = tables.copy_to(folder).map_err(|error| match error {
        error if error.is_for_want_of_room() => BackupError::NoRoom(folder.to_owned()),
        error => BackupError::Tables(error),
    })?;
    let (pinned, keys) = pin()?;
    let held = pinned.files().iter().map(|file| file.held_bytes());
    let mut progress = Progress {
        done_bytes: 0,
        total_bytes: held.sum(),
        tell,
    };
    let mut files = BTreeMap::new();
    for path in copied {
        let path = path.to_string_lossy().into_owned();
        let listed = copying::sum(&folder.join(&path), &mut Unseen)?;
        files.insert(path, listed);
    }
    for file in pinned.files() {
        let path = file.path();
        target.make_folder_of(path)?;
        let reading = || BackupError::reading(Path::new(path));
        let opened = pinned.open(file).map_err(reading())?;
        let source =
            |buffer: &mut [u8], position| opened.read_at(buffer, position).map_err(reading());
        let lengths = (file.held_bytes(), file.bytes());
        let listed = write_file(folder, path, lengths, &source, &mut progress)?;
        files.insert(path.to_owned(), listed);
    }
    if let Some(keys) = keys {
        let source = |buffer: &mut [u8], position: u64| {
            let start = position as usize;
            buffer.copy_from_slice(&keys[start..start + buffer.len()]);
            Ok(())
        };
        let lengths = (keys.len() as u64, keys.len() as u64);
        let listed = write_file(folder, KeyRing::FILE, lengths, &source, &mut Unseen)?;
        files.insert(KeyRing::FILE.to_owned(), listed);
    }
    target.sync_names(files.keys().map(String::as_str))?;
    let list = BackupList { made, files };
    write_list(folder, &list)?;
    target.finish()?;
    Ok(Made {
        files: list.files.len() as u64,
        bytes: list.bytes(),
    })
}

fn write_list(folder: &Path, list: &BackupList) -> Result<(), BackupError> {
    let (path, aside) = (folder.join(LIST), folder.join(format!("{LIST}.new")));
    let write = || {
        let mut file = File::create_new(&aside)?;
        file.write_all(list.encode().as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(BackupError::writing(folder, &path))
}
