//! `millstream backup`: a copy of everything that a running server keeps.

use std::path::PathBuf;
use std::process::ExitCode;

use millstream_server::{AskError, ask_for_backup};

use crate::progress::Progress;
use crate::verify::{CANNOT_EXIT_CODE, refuse};

const EXIT_CODES: &str = "\
The server makes the backup itself, in a folder on its own machine, while it goes on serving. Everything that was
acknowledged before the command began is in it: records, streams, consumers, policies, metrics, tables. Not in it, because
they are not the data folder's: access keys, settings, the audit log, and `tls`, the certificate that a server makes for
itself.

Exit codes:
  0  the backup is whole
  1  there is none: the server could not make it, or ended meanwhile
  2  the command line is wrong
  3  the server cannot be asked: none runs on the data folder, or it belongs to somebody else";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Where the backup goes: a folder that is not there yet, or empty; best on another disk
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// The data folder of the server
    #[arg(
        long,
        env = "MILLSTREAM_DATA_DIR",
        value_name = "FOLDER",
        default_value = "./data"
    )]
    data_dir: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut progress = Progress::new("copying");
    let made = ask_for_backup(&arguments.data_dir, &arguments.to, &mut |done, total| {
        progress.show(done, total);
    });
    progress.end();
    match made {
        Ok(made) => {
            eprintln!(
                "backed up: {} files, {} bytes, in {}",
                made.files,
                made.bytes,
                arguments.to.display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            let exit_code = match error {
                AskError::NoServer(_) | AskError::Socket { .. } => CANNOT_EXIT_CODE,
                AskError::Failed(_) | AskError::NoEnd => 1,
            };
            refuse(&error, exit_code)
        }
    }
}
