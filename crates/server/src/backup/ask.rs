//! Asks a running server for a backup.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Made;
use super::control::{Answer, Request, socket_path};

/// A server that says nothing for so long has failed, or its disk hangs. It says several times a second how far it is.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Why there is no backup. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody to ask.
    #[error(
        "no server runs on {0}: start one, or copy the folder as it is with any program while none runs"
    )]
    NoServer(PathBuf),
    /// The socket cannot be used.
    #[error("the server on {folder} cannot be asked")]
    Socket {
        /// Its data folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server did not do it.
    #[error("{0}")]
    Failed(String),
    /// It is gone, or hangs.
    #[error(
        "the server ended, or said nothing for a minute, before the backup was whole: what is in the folder is not a backup"
    )]
    NoEnd,
}

/// Has the server on a data folder make a backup of everything that it keeps, in a folder that is not there or empty.
/// `progress` is told how many bytes of how many are done. Blocks; the server gives the backup up if this process ends.
///
/// # Errors
/// If no server runs there, or it cannot make one. A folder that is not a whole backup says so when it is restored.
pub fn ask_for_backup(
    data_dir: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Made, AskError> {
    let failed = |source| AskError::Socket {
        folder: data_dir.to_owned(),
        source,
    };
    let to = std::path::absolute(to).map_err(failed)?;
    let mut stream = connect(data_dir)?;
    stream.set_read_timeout(Some(SILENCE_MAX)).map_err(failed)?;
    let request = serde_json::to_string(&Request::Backup { to });
    let request = request.map_err(|error| failed(io::Error::other(error)))?;
    stream
        .write_all(format!("{request}\n").as_bytes())
        .map_err(failed)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|_| AskError::NoEnd)?;
        match serde_json::from_str(&line).map_err(|_| AskError::NoEnd)? {
            Answer::Progress {
                done_bytes,
                total_bytes,
            } => progress(done_bytes, total_bytes),
            Answer::Done { files, bytes } => return Ok(Made { files, bytes }),
            Answer::Failed { reason } => return Err(AskError::Failed(reason)),
        }
    }
    Err(AskError::NoEnd)
}

fn connect(data_dir: &Path) -> Result<UnixStream, AskError> {
    let connect = || {
        let (path, _folder) = socket_path(data_dir)?;
        UnixStream::connect(path)
    };
    connect().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            AskError::NoServer(data_dir.to_owned())
        }
        _ => AskError::Socket {
            folder: data_dir.to_owned(),
            source,
        },
    })
}
