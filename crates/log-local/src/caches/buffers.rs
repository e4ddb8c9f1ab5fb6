//! Buffers that reads of segments fill, kept for the next read: a fresh one has to be cleared before it can be filled,
//! which costs about as much as checking what was read into it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Most buffers that wait for a read: as many as two calls of 10,000 records of 100 B need, and some.
const KEPT_MAX: usize = 8;
/// A buffer that a large entry needed is not kept, so that those kept hold 8 MiB at most.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Clones share the buffers.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadBuffers(Arc<Mutex<VecDeque<Vec<u8>>>>);

impl ReadBuffers {
    /// Bytes that `fill` writes; it must write all of them. The buffer, at most twice as long, comes back when the last
    /// reference is dropped.
    pub(crate) fn filled(
        &self,
        bytes: usize,
        fill: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<Bytes> {
        let mut lent = Lent {
            buffer: self.take(bytes).unwrap_or_else(|| vec![0; bytes]),
            bytes,
            home: self.clone(),
        };
        fill(&mut lent.buffer[..bytes])?;
        Ok(Bytes::from_owner(lent))
    }

    /// A small read never takes a large buffer: whoever holds what it read would hold all of that.
    fn take(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut kept = self.0.lock();
        let fits = |buffer: &Vec<u8>| (bytes..=bytes.saturating_mul(2)).contains(&buffer.len());
        let place = kept.iter().position(fits)?;
        kept.remove(place)
    }
}

struct Lent {
    /// May be longer than what was asked for: what a read before left there is never shown.
    buffer: Vec<u8>,
    bytes: usize,
    home: ReadBuffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.bytes]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.buffer.len() > KEPT_BYTES_MAX {
            return;
        }
        let mut kept = self.home.0.lock();
        kept.push_back(std::mem::take(&mut self.buffer));
        if kept.len() > KEPT_MAX {
            // The one that no read has wanted for longest.
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(buffers: &ReadBuffers, bytes: usize, value: u8) -> Bytes {
        let fill = |buffer: &mut [u8]| {
            buffer.fill(value);
            Ok(())
        };
        buffers.filled(bytes, fill).unwrap()
    }

    fn kept(buffers: &ReadBuffers) -> usize {
        buffers.0.lock().len()
    }

    #[test]
    fn a_buffer_comes_back_once_nobody_reads_it() {
        let buffers = ReadBuffers::default();
        let first = filled(&buffers, 100, 1);
        let part = first.slice(10..20);
        drop(first);
        assert_eq!(kept(&buffers), 0, "a part is still read");
        let second = filled(&buffers, 50, 2);
        assert_eq!((&part[..], &second[..]), (&[1; 10][..], &[2; 50][..]));
        drop((part, second));
        assert_eq!(kept(&buffers), 2);
        assert_eq!(filled(&buffers, 70, 3), [3; 70].as_slice());
        assert_eq!(kept(&buffers), 2, "the one of 100 bytes was used again");
    }

    #[test]
    fn a_small_read_holds_no_large_buffer() {
        let buffers = ReadBuffers::default();
        drop(filled(&buffers, 1000, 1));
        let small = filled(&buffers, 499, 2);
        assert_eq!(kept(&buffers), 1, "the large one still waits");
        let half = filled(&buffers, 500, 3);
        assert_eq!(kept(&buffers), 0);
        assert_eq!((&small[..], &half[..]), (&[2; 499][..], &[3; 500][..]));
    }

    #[test]
    fn sizes_that_nobody_wants_make_room() {
        let buffers = ReadBuffers::default();
        let unwanted: Vec<Bytes> = (0..KEPT_MAX).map(|_| filled(&buffers, 10, 1)).collect();
        drop(unwanted);
        drop(filled(&buffers, 1000, 2));
        assert!(buffers.take(1000).is_some());
    }

    #[test]
    fn a_read_that_fails_gives_its_buffer_back() {
        let buffers = ReadBuffers::default();
        let failed = buffers.filled(100, |_| Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(kept(&buffers), 1);
    }

    #[test]
    fn only_some_buffers_of_bounded_size_are_kept() {
        let buffers = ReadBuffers::default();
        let read: Vec<Bytes> = (0..10).map(|value| filled(&buffers, 1000, value)).collect();
        let large = filled(&buffers, KEPT_BYTES_MAX + 1, 0);
        drop((read, large));
        assert_eq!(kept(&buffers), KEPT_MAX);
        let bytes: usize = buffers.0.lock().iter().map(Vec::capacity).sum();
        assert!(bytes <= KEPT_MAX * KEPT_BYTES_MAX);
    }
}
