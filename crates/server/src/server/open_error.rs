//! Why the server cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use millstream_tables::TablesOpenError;
use millstream_types::NoRandomness;

use crate::access_keys::InvalidKeys;
use crate::backup::BackupError;
use crate::engines::EngineOpenError;
use crate::master_key::KeysError;
use crate::tls::TlsError;

/// Why the server cannot start. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody listens there.
    #[error(
        "{0} is in use: another server runs there. Stop it, or choose another port with --listen"
    )]
    AddressInUse(SocketAddr),
    /// The system does not let the server listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The folder cannot be made or written.
    #[error("the data folder {folder} cannot be written: {source}. Choose another with --data-dir")]
    DataFolder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The system does not tell the server of signals.
    #[error("the system delivers no signals")]
    Signals(#[source] io::Error),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The access keys cannot be used.
    #[error(transparent)]
    Keys(#[from] InvalidKeys),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The audit log cannot be written.
    #[error("the audit log {path} cannot be written")]
    AuditLog {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The data folder is a backup, or not whole.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The log engine does not open.
    #[error(transparent)]
    Engine(#[from] EngineOpenError),
    /// The data folder's keys cannot be used.
    #[error(transparent)]
    MasterKey(#[from] KeysError),
    /// The files of tables cannot be used.
    #[error(transparent)]
    Tables(#[from] TablesOpenError),
    /// The stream service does not open.
    #[error(
        "the stream service does not open. If its files are damaged, `millstream verify` says what that costs and \
         `millstream repair` makes a folder of the rest"
    )]
    Streams(#[source] millstream_streams::OpenError),
}
