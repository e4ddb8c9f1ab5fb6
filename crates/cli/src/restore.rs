//! `millstream restore`: a data folder of a backup.

use std::path::PathBuf;
use std::process::ExitCode;

use millstream_server::{BackupError, DataFolderError, restore};
use millstream_types::{SystemClock, WallClock};

use crate::progress::Progress;
use crate::verify::{CANNOT_EXIT_CODE, refuse};

const EXIT_CODES: &str = "\
Reads the whole backup first. The server that starts on the new folder gives no sequence number that the one which was
backed up may have given since.

Exit codes:
  0  the data folder is there
  1  nothing is: something in the backup is damaged or missing, and stderr says what
  2  the command line is wrong
  3  a folder cannot be read or written, is no whole backup, or is not empty";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The backup
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The data folder to be made: one that is not there yet, or empty
    #[arg(long, value_name = "DATA")]
    to: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut progress = Progress::new("restoring");
    let restored = restore(&arguments.from, &arguments.to, &mut |done, total| {
        progress.show(done, total);
    });
    progress.end();
    match restored {
        Ok(restored) => {
            let age_s = SystemClock.now().ms_since(restored.made) / 1000;
            eprintln!(
                "restored: {} files, {} bytes, in {}. What was acknowledged until {age_s} s ago is there",
                restored.files,
                restored.bytes,
                arguments.to.display()
            );
            ExitCode::SUCCESS
        }
        Err(error @ DataFolderError::Backup(BackupError::Damaged { .. })) => refuse(&error, 1),
        Err(error) => refuse(&error, CANNOT_EXIT_CODE),
    }
}
