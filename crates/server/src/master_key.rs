//! Where the master key comes from, and the keys that are under it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use millstream_sealing::{InvalidMasterKey, KeyRing, KeyRingError, MasterKey};
use zeroize::Zeroizing;

/// Far more than a key in base64 has.
const TEXT_BYTES_MAX: u64 = 4096;
/// How long a command may take to print the key.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// A file with 32 bytes in base64, mode 0600.
    File(PathBuf),
    /// A command for `sh` that prints them.
    Command(String),
}

/// What a server encrypts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeySettings {
    /// The master key.
    pub now: MasterKeySource,
    /// The one that the data folder's keys may still be under; they are wrapped anew.
    pub before: Option<MasterKeySource>,
}

/// Why there is no master key. No text shows one.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read.
    #[error("the master key {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others than its owner can read or write the file.
    #[error("the master key {path} has mode {mode:04o}: others could read it. chmod 600 {path}")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The command did not print it.
    #[error("the command for the master key {0}")]
    Command(String),
    /// It is none.
    #[error("{0} holds no master key")]
    Invalid(String, #[source] InvalidMasterKey),
    /// The key itself stands where a file's name belongs, and others can see it there.
    #[error(
        "--master-key wants the name of a file, not the key itself, which everybody can see who sees the process. Make \
         another key, and put it into a file with mode 0600"
    )]
    NotAFile,
}

impl MasterKeySource {
    /// Of two flags of which at most one is given.
    pub fn of(file: Option<PathBuf>, command: Option<String>) -> Option<Self> {
        file.map(Self::File).or(command.map(Self::Command))
    }

    /// The key. Blocks: reads a file, or runs the command for half a minute at most.
    ///
    /// # Errors
    /// See [`MasterKeyError`].
    pub fn read(&self) -> Result<MasterKey, MasterKeyError> {
        let (text, name) = match self {
            Self::File(path) => (of_file(path)?, path.display().to_string()),
            Self::Command(command) => (of_command(command)?, "what the command printed".into()),
        };
        MasterKey::from_base64(&text).map_err(|error| MasterKeyError::Invalid(name, error))
    }
}

fn of_file(path: &Path) -> Result<Zeroizing<String>, MasterKeyError> {
    // Before any text shows the path.
    if path
        .to_str()
        .is_some_and(|text| MasterKey::from_base64(text).is_ok())
    {
        return Err(MasterKeyError::NotAFile);
    }
    let unreadable = |source| MasterKeyError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    read_text(file).map_err(unreadable)
}

/// All of a short text, which leaves no copies behind.
fn read_text(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX as usize));
    from.take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn of_command(command: &str) -> Result<Zeroizing<String>, MasterKeyError> {
    let failed = |what: String| MasterKeyError::Command(what);
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("does not run: {error}")))?;
    let stdout = child.stdout.take().expect("it is piped");
    let (tell, told) = mpsc::channel();
    // It ends with the pipe, at the latest when the command is killed.
    std::thread::spawn(move || {
        drop(tell.send(read_text(stdout)));
    });
    let Ok(read) = told.recv_timeout(COMMAND_TIMEOUT) else {
        end(&mut child);
        return Err(failed(format!("printed no key in {COMMAND_TIMEOUT:?}")));
    };
    let text = read.map_err(|error| failed(format!("cannot be read: {error}")))?;
    match child.wait() {
        Ok(status) if status.success() => Ok(text),
        Ok(status) => Err(failed(format!("failed ({status})"))),
        Err(error) => Err(failed(format!("cannot be waited for: {error}"))),
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// There is no master key.
    #[error(transparent)]
    Master(#[from] MasterKeyError),
    /// The keys under it.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
}

/// Opens the keys of a data folder, whose lock is the caller's; without a master key there are none, and the folder must
/// not need any. Blocks.
pub(crate) fn open_keys(
    settings: Option<&MasterKeySettings>,
    folder: Option<PathBuf>,
) -> Result<Option<KeyRing>, KeysError> {
    let Some(settings) = settings else {
        if let Some(folder) = &folder {
            KeyRing::refuse_encrypted(folder)?;
        }
        return Ok(None);
    };
    let now = settings.now.read()?;
    let before = settings.before.as_ref().map(MasterKeySource::read);
    let ring = KeyRing::open(folder, now, before.transpose()?.as_ref())?;
    Ok(Some(ring))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn a_file_that_others_can_read_and_one_that_holds_no_key_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        let source = MasterKeySource::File(path.clone());
        assert!(
            source
                .read()
                .unwrap_err()
                .to_string()
                .contains("master-key")
        );
        fs::write(&path, KEY).unwrap();
        for (mode, is_taken) in [(0o640, false), (0o604, false), (0o600, true), (0o400, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = source.read();
            assert_eq!(read.is_ok(), is_taken, "{mode:o} {read:?}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, &KEY[1..]).unwrap();
        let refused = source.read().unwrap_err().to_string();
        assert!(refused.contains("master-key"), "{refused}");
        assert!(!refused.contains(&KEY[4..]), "{refused}");
        // The key where its file's name belongs: nothing repeats it.
        let refused = MasterKeySource::File(KEY.into()).read().unwrap_err();
        assert!(matches!(refused, MasterKeyError::NotAFile));
        assert!(!refused.to_string().contains(&KEY[4..]), "{refused}");
    }

    #[test]
    fn a_command_prints_the_key_or_says_how_it_failed() {
        let read = |command: &str| MasterKeySource::Command(command.to_owned()).read();
        let of_file = MasterKey::from_base64(KEY).unwrap().id();
        assert_eq!(read(&format!("echo {KEY}")).unwrap().id(), of_file);
        for (command, said) in [
            ("exit 3", "failed"),
            (&format!("echo {KEY}; exit 1"), "failed"),
            ("echo nothing", "holds no master key"),
        ] {
            let refused = read(command).unwrap_err().to_string();
            assert!(refused.contains(said), "{command}: {refused}");
        }
    }
}
