//! Ends a program whose worker is gone without a word, as by kill -9: one that hangs would not notice that nobody speaks to
//! it any more.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Waits until its standard input is closed, which the system does for a process that is killed; then ends the group.
const SCRIPT: &str = "read -r line; kill -s KILL -- \"-$0\"";

/// Watches over a process group as long as it is kept. Dropped, it does nothing to the group.
#[derive(Debug)]
pub(super) struct Watch(Child);

impl Watch {
    /// Over the group that this process leads.
    ///
    /// # Errors
    /// If there is no shell, or no process can be made.
    pub(super) fn over(leader: u32) -> io::Result<Self> {
        let watch = Command::new("/bin/sh")
            .args(["-c", SCRIPT, &leader.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is not for it.
            .process_group(0)
            .spawn()?;
        Ok(Self(watch))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Before its standard input is closed. It ends in no other way, so its number is still its own.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
