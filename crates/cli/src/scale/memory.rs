//! What was seen and done, for the next run.

use std::fs;
use std::io::Write;
use std::path::Path;

use millstream_scaling::Window;

use crate::failure::Failure;

/// The window of an earlier run; an empty one if there is none. One that cannot be read is said and left behind.
pub(super) fn recall(path: Option<&Path>) -> Result<Window, Failure> {
    let Some(path) = path else {
        return Ok(Window::new());
    };
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "what was seen before cannot be read: begun anew");
            Window::new()
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Window::new()),
        Err(error) => Err(Failure::local(path.display().to_string(), error)),
    }
}

/// Keeps it: beside the old one first, so that a kill leaves one of both.
pub(super) fn keep(path: Option<&Path>, window: &Window) -> Result<(), Failure> {
    let Some(path) = path else {
        return Ok(());
    };
    let failed = |error| Failure::local(path.display().to_string(), error);
    let beside = path.with_extension("new");
    let bytes = serde_json::to_vec(window).map_err(|error| failed(error.into()))?;
    let mut file = fs::File::create(&beside).map_err(failed)?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}
