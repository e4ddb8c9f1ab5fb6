//! Access keys: who may call a server that other machines reach.
//!
//! They stand in a TOML file that only its owner may read (mode 0600):
//!
//! ```toml
//! [[key]]
//! id = "AKIA…"
//! secret = "…"                    # at least 16 characters
//! account = "123456789012"
//! name = "billing"                # optional; the last part of the ARN. Without it, the id
//! policies = ["read-only.json"]   # files beside this one, or the JSON itself, or "*": everything
//! ```
//!
//! Without `policies` a key may do nothing until a stream's own policy allows it. Secrets are in no log line, error or
//! debug text.

mod edit;
mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_streams::User;
use millstream_types::AccountId;
use millstream_wire::sigv4::SecretKey;
use parking_lot::RwLock;

pub use edit::{CreatedKey, KeyEditError, ListedKey, NewKey, create_key, list_keys, revoke_key};
pub use file::InvalidKeys;

/// One access key.
#[derive(Debug)]
pub(crate) struct AccessKey {
    pub(crate) secret: SecretKey,
    pub(crate) account: AccountId,
    pub(crate) user: Arc<User>,
}

/// All access keys, by id.
pub(crate) type AccessKeys = HashMap<String, Arc<AccessKey>>;

/// The access keys that are in force, and the file that they come from.
#[derive(Debug)]
pub(crate) struct KeyRing {
    path: PathBuf,
    keys: RwLock<Arc<AccessKeys>>,
}

impl KeyRing {
    /// Reads the file.
    pub(crate) fn open(path: &Path) -> Result<Self, InvalidKeys> {
        Ok(Self {
            keys: RwLock::new(Arc::new(file::read(path)?)),
            path: path.to_owned(),
        })
    }

    /// The key with this id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<AccessKey>> {
        self.keys.read().get(id).cloned()
    }

    /// Reads the file again. If it cannot be used, the keys stay as they are.
    pub(crate) fn reload(&self) {
        match file::read(&self.path) {
            Ok(keys) => {
                tracing::info!(count = keys.len(), "access keys are read again");
                *self.keys.write() = Arc::new(keys);
            }
            Err(error) => {
                tracing::error!(%error, "the access keys stay as they were: the file cannot be used");
            }
        }
    }
}

#[cfg(test)]
mod tests;
