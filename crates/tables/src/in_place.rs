//! Whether a file that is open is still the one at its place.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::files::Damage;

/// A file, as it was found.
#[derive(Debug)]
pub(crate) struct InPlace {
    path: PathBuf,
    /// Device and number.
    identity: (u64, u64),
}

impl InPlace {
    /// The file at a place.
    pub(crate) fn of(path: &Path) -> Result<Self, Damage> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }

    /// # Errors
    /// It is gone, or another file is there.
    pub(crate) fn confirm(&self) -> Result<(), Damage> {
        match identity(&self.path)? == self.identity {
            true => Ok(()),
            false => Err(Damage::Replaced),
        }
    }
}

fn identity(path: &Path) -> Result<(u64, u64), Damage> {
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Damage::Missing),
        Err(error) => Err(Damage::Unreadable(error.to_string())),
    }
}
