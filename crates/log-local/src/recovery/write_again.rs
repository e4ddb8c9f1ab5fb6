//! Writing again what a start has found in the page cache.

use std::io::{self, IoSlice};
use std::ops::Range;

use crate::disk::{DiskFile, Waiting};

const CHUNK_BYTES: u64 = 1 << 20;

/// Writes the same bytes to the same place, for the next sync to make them durable.
///
/// After a sync has failed the system takes its pages for clean: whoever reads sees what was written, and no later sync
/// writes it. Power that is lost then takes what a start had taken for durable, whatever has been built on it since.
pub(crate) fn write_again(file: &dyn DiskFile, range: Range<u64>) -> io::Result<()> {
    let mut position = range.start;
    let mut bytes = Vec::new();
    while position < range.end {
        bytes.resize((range.end - position).min(CHUNK_BYTES) as usize, 0);
        file.read_at(&mut bytes, position, Waiting::Allowed)?;
        file.write_at(&[IoSlice::new(&bytes)], position)?;
        position += bytes.len() as u64;
    }
    Ok(())
}
