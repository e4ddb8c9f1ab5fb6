//! Segment files that are open for readers: a bounded number.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile, Waiting};
use crate::format::segment_path;

/// The most recently used files.
#[derive(Debug)]
pub(crate) struct FileCache {
    files_max: usize,
    /// Least recently used first.
    files: Mutex<Vec<(u32, Arc<dyn DiskFile>)>>,
}

impl FileCache {
    pub(crate) fn new(files_max: usize) -> Self {
        Self {
            files_max,
            files: Mutex::new(Vec::new()),
        }
    }

    /// The segment's file; [`io::ErrorKind::WouldBlock`] if it would have to be opened and that must not wait.
    pub(crate) fn get(
        &self,
        disk: &dyn Disk,
        number: u32,
        waiting: Waiting,
    ) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.find(number) {
            return Ok(file);
        }
        if waiting == Waiting::Never {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let file = disk.open(&segment_path(number))?;
        let mut files = self.files.lock();
        if !files.iter().any(|(open, _)| *open == number) {
            if files.len() >= self.files_max {
                files.remove(0);
            }
            files.push((number, Arc::clone(&file)));
        }
        Ok(file)
    }

    fn find(&self, number: u32) -> Option<Arc<dyn DiskFile>> {
        let mut files = self.files.lock();
        let place = files.iter().rposition(|(open, _)| *open == number)?;
        let found = files.remove(place);
        let file = Arc::clone(&found.1);
        files.push(found);
        Some(file)
    }

    /// Closes a file that is going to be removed. Reads that have it finish.
    pub(crate) fn forget(&self, number: u32) {
        self.files.lock().retain(|(open, _)| *open != number);
    }
}
