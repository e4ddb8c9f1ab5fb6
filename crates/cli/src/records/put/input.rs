//! Reads records on a thread of its own, so that what is there can be sent while more is awaited.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::length_prefixed::LengthCutter;
use super::lines::LineCutter;
use crate::failure::Failure;

/// Bytes per read. With one unfinished record per chunk and [`CHUNKS_MAX`] chunks, this bounds the memory.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read ahead of what is sent.
const CHUNKS_MAX: usize = 2;

/// How records are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Lines,
    LengthPrefixed,
}

/// Records of an input, in order, as they were written there.
pub(super) struct Input {
    chunks: mpsc::Receiver<Result<Vec<Vec<u8>>, Failure>>,
    read_bytes: Arc<AtomicU64>,
}

impl Input {
    /// Waits for more records; `None` at the end of the input. Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        self.chunks.recv().await.transpose()
    }

    /// Bytes read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }
}

/// Starts to read `source`, which `name` names in errors. The thread ends with the input, or at its next record after
/// the input was dropped.
pub(super) fn read(name: String, source: impl Read + Send + 'static, framing: Framing) -> Input {
    let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
    let read_bytes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read_bytes);
    std::thread::spawn(move || {
        let cutter = match framing {
            Framing::Lines => Cutter::Lines(LineCutter::default()),
            Framing::LengthPrefixed => Cutter::LengthPrefixed(LengthCutter::default()),
        };
        if let Err(failure) = read_all(&name, source, cutter, &counter, &sender) {
            // Nobody listens any more: the command has failed already, and says why.
            drop(sender.blocking_send(Err(failure)));
        }
    });
    Input { chunks, read_bytes }
}

enum Cutter {
    Lines(LineCutter),
    LengthPrefixed(LengthCutter),
}

impl Cutter {
    fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        match self {
            Self::Lines(cutter) => cutter.cut(bytes).map_err(|error| error.to_string()),
            Self::LengthPrefixed(cutter) => cutter.cut(bytes).map_err(|error| error.to_string()),
        }
    }

    fn end(&mut self) -> Result<Vec<Vec<u8>>, String> {
        match self {
            Self::Lines(cutter) => Ok(Vec::from_iter(cutter.last())),
            Self::LengthPrefixed(cutter) => match cutter.end() {
                Ok(()) => Ok(Vec::new()),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

fn read_all(
    name: &str,
    mut source: impl Read,
    mut cutter: Cutter,
    counter: &AtomicU64,
    sender: &mpsc::Sender<Result<Vec<Vec<u8>>, Failure>>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read_bytes = match source.read(&mut buffer) {
            Ok(read_bytes) => read_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::local(name, error)),
        };
        counter.fetch_add(read_bytes as u64, Ordering::Relaxed);
        let records = if read_bytes == 0 {
            cutter.end()
        } else {
            cutter.cut(&buffer[..read_bytes])
        };
        let records = records.map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        let is_heard = records.is_empty() || sender.blocking_send(Ok(records)).is_ok();
        if read_bytes == 0 || !is_heard {
            return Ok(());
        }
    }
}
