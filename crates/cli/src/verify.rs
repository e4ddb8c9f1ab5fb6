//! `millstream verify`: what is wrong in a data folder, and what it costs.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millstream_server::{DataFolder, MasterKeySource};

use crate::progress::Progress;

/// The folder cannot be looked at: it is not there, a server runs on it, or a newer version wrote it.
pub(crate) const CANNOT_EXIT_CODE: u8 = 3;

const EXIT_CODES: &str = "\
Reads every byte that counts: the manifest, all segments, snapshots and the catalog, and the tables' files; of a backup
also whether each file is the one that was made. Changes
nothing, but that a journal of the tables that a killed server left behind is played back.

Exit codes:
  0  nothing is wrong
  1  something is damaged or missing: stdout says what and what it costs
  2  the command line is wrong
  3  the folder cannot be looked at: not there, in use by a server, or written by a newer version";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The folder, which may be a backup; no server may run on it
    #[arg(
        long,
        env = "MILLSTREAM_DATA_DIR",
        value_name = "FOLDER",
        default_value = "./data"
    )]
    data_dir: PathBuf,
    #[command(flatten)]
    key: MasterKeyArguments,
}

/// How the master key of an encrypted folder is given.
#[derive(Debug, clap::Args)]
pub(crate) struct MasterKeyArguments {
    /// File with the master key, if the folder is encrypted
    #[arg(long, env = "MILLSTREAM_MASTER_KEY", value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Command for sh that prints the master key
    #[arg(
        long,
        env = "MILLSTREAM_MASTER_KEY_COMMAND",
        value_name = "COMMAND",
        conflicts_with = "master_key"
    )]
    master_key_command: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let folder = match read(&arguments.data_dir, &arguments.key) {
        Ok(folder) => folder,
        Err(error) => return refuse(&*error, CANNOT_EXIT_CODE),
    };
    if !print(&folder.report()) {
        return ExitCode::from(CANNOT_EXIT_CODE);
    }
    if folder.is_sound() {
        eprintln!("sound: {}", folder.summary());
        return ExitCode::SUCCESS;
    }
    if !folder.is_repairable() {
        eprintln!("keys are missing: {}", folder.summary());
        return ExitCode::FAILURE;
    }
    eprintln!(
        "damaged: {}. `millstream repair --data-dir {}` makes a folder of the rest",
        folder.summary(),
        arguments.data_dir.display()
    );
    ExitCode::FAILURE
}

/// Reads a folder and shows how far it is where somebody looks.
pub(crate) fn read(folder: &Path, key: &MasterKeyArguments) -> Result<DataFolder, Box<dyn Error>> {
    let key = MasterKeySource::of(key.master_key.clone(), key.master_key_command.clone());
    let key = key.map(|key| key.read()).transpose()?;
    let mut progress = Progress::new("reading");
    let read = DataFolder::read(folder, key.as_ref(), &mut |done, total| {
        progress.show(done, total);
    });
    progress.end();
    Ok(read?)
}

/// Whether stdout took the lines.
pub(crate) fn print(lines: &[String]) -> bool {
    let mut stdout = std::io::stdout().lock();
    let mut lines = lines.iter();
    lines.all(|line| writeln!(stdout, "{line}").is_ok())
}

/// Says an error and what caused it.
pub(crate) fn refuse(error: &dyn Error, exit_code: u8) -> ExitCode {
    let mut text = format!("millstream: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    eprintln!("{text}");
    ExitCode::from(exit_code)
}
