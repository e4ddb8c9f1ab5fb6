//! Makes SIGKILL of an unmodified program lose what it did not sync.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the library's source lies, seen from this crate.
const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../compat/power-cut/power_cut.c"
);

/// A library to preload that keeps unsynced writes in the memory of the process, and lists names that no sync of
/// their folder has made durable. Its source says what it sees and what not.
///
/// ```no_run
/// # use std::{path::Path, process::Command};
/// # use millstream_testkit::{PowerCut, ServerProcess};
/// # let (binary, scratch, data) = (Path::new(""), Path::new(""), Path::new(""));
/// let power = PowerCut::build(scratch);
/// let mut command = ServerProcess::command(binary);
/// power.arm(&mut command, data);
/// let server = ServerProcess::start(command);
/// server.kill();
/// power.lose_names(); // now `data` is what a disk would hold
/// ```
#[derive(Debug)]
pub struct PowerCut {
    library: PathBuf,
    undo: PathBuf,
}

impl PowerCut {
    /// Compiles the library with the C compiler that linking Rust needs anyway.
    ///
    /// `scratch` is an existing folder on the file system of the data folder, outside of it, for the library and for
    /// files that lost their names.
    ///
    /// # Panics
    /// If the library does not compile.
    pub fn build(scratch: &Path) -> Self {
        let library = scratch.join("power_cut.so");
        let undo = scratch.join("power-cut-undo");
        fs::create_dir_all(&undo).expect("the scratch folder can be written");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .args([SOURCE, "-ldl", "-lpthread"])
            .status()
            .expect("there is a C compiler");
        assert!(compiled.success(), "the library compiles");
        Self { library, undo }
    }

    /// Lets `command` start with the library. `data` must exist.
    pub fn arm(&self, command: &mut Command, data: &Path) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("POWER_CUT_DIR", data)
            .env("POWER_CUT_UNDO", &self.undo);
    }

    /// As [`arm`](Self::arm), and about `percent` of 100 written pages reach the disk in part, synced or not.
    pub fn arm_with_torn_pages(&self, command: &mut Command, data: &Path, percent: u8) {
        self.arm(command, data);
        command.env("POWER_CUT_TEAR", percent.to_string());
    }

    /// Undoes, once the process is dead, the creates, renames and unlinks that were not made durable. Gives how many.
    ///
    /// # Panics
    /// If what the library listed cannot be undone.
    pub fn lose_names(&self) -> usize {
        let log = self.undo.join("log");
        let changes = match fs::read_to_string(&log) {
            Ok(changes) => changes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return 0,
            Err(error) => panic!("{log:?}: {error}"),
        };
        for change in changes.lines().rev() {
            undo(change).unwrap_or_else(|error| panic!("undoing {change:?}: {error}"));
        }
        fs::remove_dir_all(&self.undo).expect("the scratch folder can be written");
        fs::create_dir(&self.undo).expect("the scratch folder can be written");
        changes.lines().count()
    }
}

fn undo(change: &str) -> io::Result<()> {
    let fields: Vec<&str> = change.split_terminator('\t').collect();
    let exists = |path: &str| fs::symlink_metadata(path).is_ok();
    match fields[..] {
        // A kill between the listing and the deed leaves nothing to undo.
        ["C", path] if exists(path) => fs::remove_file(path),
        ["U", backup, path] if !exists(path) => fs::hard_link(backup, path),
        ["R", from, to, backup] if !exists(from) => {
            fs::rename(to, from)?;
            if backup == "-" {
                return Ok(());
            }
            fs::hard_link(backup, to)
        }
        ["C", _] | ["U", _, _] | ["R", _, _, _] => Ok(()),
        _ => Err(io::Error::other("not a line of the library's")),
    }
}
