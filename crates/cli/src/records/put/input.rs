//! Reads lines on a thread of its own, so that what is there can be sent while more is awaited.

use std::io::{self, Read};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::lines::LineCutter;
use crate::failure::Failure;

/// Bytes per read. With one unfinished line per chunk and [`CHUNKS_MAX`] chunks, this bounds the memory.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read ahead of what is sent.
const CHUNKS_MAX: usize = 2;

/// Lines of an input, in order.
pub(super) struct Lines(mpsc::Receiver<Result<Vec<Vec<u8>>, Failure>>);

impl Lines {
    /// Waits for more lines; `None` at the end of the input.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        self.0.recv().await.transpose()
    }

    /// Lines that are there already.
    pub(super) fn next_if_ready(&mut self) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        match self.0.try_recv() {
            Ok(lines) => lines.map(Some),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(None),
        }
    }
}

/// Starts to read `source`, which `name` names in errors. The thread ends with the input, or at its next line after the
/// lines were dropped.
pub(super) fn read(name: String, source: impl Read + Send + 'static) -> Lines {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    std::thread::spawn(move || {
        if let Err(failure) = read_all(&name, source, &sender) {
            // Nobody listens any more: the command has failed already, and says why.
            drop(sender.blocking_send(Err(failure)));
        }
    });
    Lines(receiver)
}

fn read_all(
    name: &str,
    mut source: impl Read,
    sender: &mpsc::Sender<Result<Vec<Vec<u8>>, Failure>>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut cutter = LineCutter::default();
    loop {
        let read_bytes = match source.read(&mut buffer) {
            Ok(read_bytes) => read_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::local(name, error)),
        };
        let lines = if read_bytes == 0 {
            Vec::from_iter(cutter.last())
        } else {
            cutter
                .cut(&buffer[..read_bytes])
                .map_err(|error| Failure::Usage(format!("{name}: {error}")))?
        };
        let is_heard = lines.is_empty() || sender.blocking_send(Ok(lines)).is_ok();
        if read_bytes == 0 || !is_heard {
            return Ok(());
        }
    }
}
