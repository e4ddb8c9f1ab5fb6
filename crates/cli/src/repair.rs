//! `millstream repair`: a data folder that a server starts on, of what can be read of a damaged one.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use millstream_types::SystemClock;

use crate::verify::{CANNOT_EXIT_CODE, MasterKeyArguments, print, read, refuse};

const EXIT_CODES: &str = "\
Says what is lost, asks, then writes a manifest, a snapshot of the catalog, and segments with what is whole of damaged
ones. Damaged files of tables are set aside. What it replaces is kept in FOLDER/repaired-TIME, but for snapshots older than
the two newest.

Exit codes:
  0  the folder is repaired, or nothing was wrong
  1  nothing was done: the answer was not yes, or there was nobody to ask, or only keys are missing
  2  the command line is wrong
  3  the folder cannot be looked at or written: not there, in use by a server, or written by a newer version";

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
    #[command(flatten)]
    key: MasterKeyArguments,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let folder = match read(&arguments.data_dir, &arguments.key) {
        Ok(folder) => folder,
        Err(error) => return refuse(&*error, CANNOT_EXIT_CODE),
    };
    if folder.is_sound() {
        eprintln!("nothing to repair: {}", folder.summary());
        return ExitCode::SUCCESS;
    }
    print(&folder.report());
    if !folder.is_repairable() {
        eprintln!("nothing was done: what is not readable is whole, and only its key is missing");
        return ExitCode::FAILURE;
    }
    if !arguments.yes && !is_agreed() {
        eprintln!("nothing was done; --yes repairs without asking");
        return ExitCode::FAILURE;
    }
    match folder.repair(&SystemClock) {
        Ok(kept_in) => {
            let kept_in = arguments.data_dir.join(kept_in);
            eprintln!(
                "repaired; what was replaced is kept in {}",
                kept_in.display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&error, CANNOT_EXIT_CODE),
    }
}

fn is_agreed() -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    eprint!("Repair the folder, without what is lost? [y/N] ");
    if std::io::stderr().flush().is_err() {
        return false;
    }
    let mut answer = String::new();
    stdin.read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
