//! Why settings cannot be used.

use std::net::SocketAddr;
use std::path::PathBuf;

use millstream_streams::InvalidLimit;

use super::TIMEOUT_MIN;

/// Why the settings cannot be used. The text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, has a key that does not exist, or a value of the wrong type.
    #[error("the settings file {path} is not valid: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Names the line.
        reason: String,
    },
    /// Not an address and port.
    #[error(
        "--listen {0:?} is not an address and port such as 127.0.0.1:4566, [::1]:4566 or localhost:4566"
    )]
    Listen(String),
    /// Not an address and port.
    #[error(
        "--admin-listen {0:?} is not an address and port such as 127.0.0.1:9464, [::1]:9464 or localhost:9464"
    )]
    AdminListen(String),
    /// An address that other machines reach.
    #[error(
        "--listen {0} can be reached from other machines, and without --access-keys this server accepts any credentials: \
         it serves loopback addresses only (127.0.0.1, [::1], localhost)"
    )]
    NotLoopback(SocketAddr),
    /// Not an account.
    #[error("--account-id {0:?} is not an account id: exactly 12 digits")]
    AccountId(String),
    /// A bound that leaves no room for a single request.
    #[error("{setting} must be at least {min}")]
    TooSmall {
        /// The setting's name.
        setting: &'static str,
        /// The smallest value.
        min: u64,
    },
    /// A time in which nothing can happen.
    #[error(
        "{setting} must be at least {}",
        humantime::format_duration(TIMEOUT_MIN)
    )]
    TooShort {
        /// The setting's name.
        setting: &'static str,
    },
    /// Two master keys, or an old one without a new one.
    #[error(
        "--master-key and --master-key-command are two ways to one key, and --master-key-before needs one of them"
    )]
    MasterKey,
    /// One half of a certificate, or two certificates.
    #[error("--tls-cert and --tls-key belong together, and neither goes with --tls-self-signed")]
    Tls,
    /// A limit that nothing could keep.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// Not an origin.
    #[error("--cors-origin {0:?} is not an origin such as http://localhost:5173, and not *")]
    Origin(String),
}
