//! Makes a data folder of a backup.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use millstream_types::TimestampMs;

use crate::backup::{BackupError, BackupList, Progress, Target, UNFINISHED_RESTORE, write_file};
use crate::data_folder::{DataFolder, DataFolderError, Depth};

const WHY: &str =
    "A backup is being restored here, or that was not finished. No server starts on it.\n";

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was begun: what was acknowledged before is there.
    pub made: TimestampMs,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Makes a data folder in a folder that is not there or empty. The backup is read whole first, and each file's sum is
/// looked at again while it is copied. `progress` is told how many bytes of how many are done. What was written is removed
/// again if it fails.
///
/// # Errors
/// If the folder is no backup, or one in which anything is wrong, or the disk fails.
pub fn restore(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Restored, DataFolderError> {
    let list = BackupList::read(from)?;
    let target = Target::begin(to, UNFINISHED_RESTORE, WHY)?;
    let bytes = list.bytes();
    let verified = verify(from, bytes, progress)?;
    let mut progress = Progress {
        done_bytes: bytes,
        total_bytes: bytes * 2,
        tell: &mut |done, total| {
            progress(done, total);
            true
        },
    };
    for (path, listed) in &list.files {
        target.make_folder_of(path)?;
        let whole = from.join(path);
        let reading = || BackupError::reading(&whole);
        let file = File::open(&whole).map_err(reading())?;
        let source =
            |buffer: &mut [u8], position| file.read_exact_at(buffer, position).map_err(reading());
        let lengths = (listed.bytes, listed.bytes);
        let copied = write_file(to, path, lengths, &source, &mut progress)?;
        if copied != *listed {
            return Err(BackupError::Damaged {
                folder: from.to_owned(),
                findings: vec![format!(
                    "{path}: it is not as it was when the backup was made"
                )],
            }
            .into());
        }
    }
    // Nobody else had the backup until here.
    drop(verified);
    target.sync_names(list.files.keys().map(String::as_str))?;
    target.finish()?;
    Ok(Restored {
        made: list.made,
        files: list.files.len() as u64,
        bytes,
    })
}

/// The backup, if nothing is wrong in it. Half of the progress.
fn verify(
    from: &Path,
    bytes: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<DataFolder, DataFolderError> {
    let folder = DataFolder::read_log_and_tables(from, Depth::Sums, &mut |done, _| {
        progress(done.min(bytes), bytes * 2);
    });
    let folder = folder?;
    match folder.is_sound() {
        true => Ok(folder),
        false => Err(BackupError::Damaged {
            folder: from.to_owned(),
            findings: folder.report(),
        }
        .into()),
    }
}
