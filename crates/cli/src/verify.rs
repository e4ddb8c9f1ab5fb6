//! `millstream verify`: what is wrong in a data folder, and what it costs.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millstream_server::{DataFolder, DataFolderError};

/// The folder cannot be looked at: it is not there, a server runs on it, or a newer version wrote it.
pub(crate) const CANNOT_EXIT_CODE: u8 = 3;

const EXIT_CODES: &str = "\
Reads every byte that counts: the manifest, all segments, snapshots and the catalog, and the tables' files. Changes
nothing, but that a journal of the tables that a killed server left behind is played back.

Exit codes:
  0  nothing is wrong
  1  something is damaged or missing: stdout says what and what it costs
  2  the command line is wrong
  3  the folder cannot be looked at: not there, in use by a server, or written by a newer version";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The folder; no server may run on it
    #[arg(
        long,
        env = "MILLSTREAM_DATA_DIR",
        value_name = "FOLDER",
        default_value = "./data"
    )]
    data_dir: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let folder = match read(&arguments.data_dir) {
        Ok(folder) => folder,
        Err(error) => return refuse(&error),
    };
    if !print(&folder.report()) {
        return ExitCode::from(CANNOT_EXIT_CODE);
    }
    if folder.is_sound() {
        eprintln!("sound: {}", folder.summary());
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "damaged: {}. `millstream repair --data-dir {}` makes a folder of the rest",
        folder.summary(),
        arguments.data_dir.display()
    );
    ExitCode::FAILURE
}

/// Reads a folder and shows how far it is where somebody looks.
pub(crate) fn read(folder: &Path) -> Result<DataFolder, DataFolderError> {
    let is_watched = std::io::stderr().is_terminal();
    let mut shown = u64::MAX;
    let read = DataFolder::read(folder, &mut |done, total| {
        let percent = done.saturating_mul(100) / total.max(1);
        if is_watched && percent != shown {
            shown = percent;
            eprint!("\rreading: {percent} %");
        }
    });
    if shown != u64::MAX {
        eprintln!();
    }
    read
}

/// Whether stdout took the lines.
pub(crate) fn print(lines: &[String]) -> bool {
    let mut stdout = std::io::stdout().lock();
    let mut lines = lines.iter();
    lines.all(|line| writeln!(stdout, "{line}").is_ok())
}

pub(crate) fn refuse(error: &DataFolderError) -> ExitCode {
    let mut text = format!("millstream: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    eprintln!("{text}");
    ExitCode::from(CANNOT_EXIT_CODE)
}
