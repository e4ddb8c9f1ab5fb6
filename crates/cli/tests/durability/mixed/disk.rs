//! A small disk of its own that can be filled up, where the system lets a test mount one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Room for the segments that the server keeps, several rounds of records, and the floor of free space.
const SIZE_BYTES: u64 = 3 << 30;

/// A folder for the data, on a disk of [`SIZE_BYTES`] if there may be one.
pub(super) struct Disk {
    folder: tempfile::TempDir,
    is_mounted: bool,
}

impl Disk {
    /// Mounts a disk in memory; an ordinary folder for those who may not mount.
    pub(super) fn limited() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={SIZE_BYTES}"), "none"])
            .arg(folder.path())
            .output();
        let is_mounted = mounted.is_ok_and(|done| done.status.success());
        fs::create_dir(folder.path().join("data")).expect("a data folder");
        Self { folder, is_mounted }
    }

    /// Whether it can be filled up without harm to anybody else.
    pub(super) fn can_be_full(&self) -> bool {
        self.is_mounted
    }

    /// The data folder.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder on the same disk, beside the data.
    pub(super) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all but `left_bytes` of what is free.
    pub(super) fn fill(&self, left_bytes: u64) {
        let free = rustix::fs::statvfs(self.folder.path()).expect("statvfs");
        let free_bytes = free.f_bavail * free.f_frsize;
        let file = fs::File::create(self.ballast()).expect("the ballast can be made");
        let bytes = free_bytes.saturating_sub(left_bytes);
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)
            .expect("the ballast has room");
    }

    /// Gives it back.
    pub(super) fn free(&self) {
        fs::remove_file(self.ballast()).expect("the ballast is there");
    }

    /// Bytes that the data folder takes.
    pub(super) fn data_bytes(&self) -> u64 {
        bytes_below(&self.data())
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // A mount that stays busy is let go when the last file in it closes.
            let done = Command::new("umount")
                .arg("-l")
                .arg(self.folder.path())
                .status();
            if !done.is_ok_and(|status| status.success()) {
                eprintln!("{} stays mounted", self.folder.path().display());
            }
        }
    }
}

/// Files may come and go meanwhile.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .filter_map(|entry| entry.ok())
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, metadata)| match metadata.is_dir() {
            true => bytes_below(&path),
            false => metadata.blocks() * 512,
        })
        .sum()
}
