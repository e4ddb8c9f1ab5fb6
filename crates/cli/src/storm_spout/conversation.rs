//! What is said between Storm and the spout.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::message::{self, Command, Handshake};
use super::processor::{Answer, Tuple};

/// Most tuples in answer to one `next`: Storm hears nothing else meanwhile.
const EMITTED_MAX: usize = 100;
/// A message that is longer is none: the handshake has the topology's whole configuration, and no other is long.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One side of the protocol: Storm asks, and each question has one answer. Reads and writes block, so it has a thread of its
/// own.
pub(super) struct Conversation<R, W> {
    input: R,
    output: W,
    waiting: mpsc::Receiver<Tuple>,
    /// Tuples that Storm has and has said nothing of.
    under_way: HashMap<String, oneshot::Sender<Answer>>,
}

impl<R: BufRead, W: Write> Conversation<R, W> {
    /// Answers the handshake. `waiting` are the tuples that Storm is to have.
    ///
    /// # Errors
    /// If what Storm says is none, or its folder for process numbers cannot be written to.
    pub(super) fn begin(input: R, output: W, waiting: mpsc::Receiver<Tuple>) -> io::Result<Self> {
        let mut conversation = Self {
            input,
            output,
            waiting,
            under_way: HashMap::new(),
        };
        let text = message_of(&mut conversation.input, MESSAGE_BYTES_MAX)?;
        let text = text.ok_or_else(|| io::Error::other("Storm says nothing"))?;
        let handshake: Handshake = serde_json::from_str(&text)
            .map_err(|error| io::Error::other(format!("Storm's first message: {error}")))?;
        let pid = std::process::id();
        let path = Path::new(&handshake.pid_folder).join(pid.to_string());
        std::fs::write(&path, "").map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        conversation.say(&message::process_number(pid))?;
        conversation.output.flush()?;
        Ok(conversation)
    }

    /// Answers until Storm closes.
    ///
    /// # Errors
    /// If a message cannot be understood or an answer cannot be written.
    pub(super) fn run(mut self) -> io::Result<()> {
        while let Some(text) = message_of(&mut self.input, MESSAGE_BYTES_MAX)? {
            let command = serde_json::from_str(&text)
                .map_err(|error| io::Error::other(format!("what Storm says: {error}")))?;
            match command {
                Command::Next => self.emit()?,
                Command::Ack { id } => self.answered(&id, Answer::Acked),
                Command::Fail { id } => self.answered(&id, Answer::Failed),
                Command::Activate | Command::Deactivate | Command::Other => {}
            }
            self.say(&message::sync())?;
            self.output.flush()?;
        }
        Ok(())
    }

    fn emit(&mut self) -> io::Result<()> {
        for _ in 0..EMITTED_MAX {
            let Ok(tuple) = self.waiting.try_recv() else {
                break;
            };
            // Its shard is another worker's by now.
            if tuple.answer.is_closed() {
                continue;
            }
            self.say(&message::emit(&tuple.id, &tuple.values))?;
            self.under_way.insert(tuple.id, tuple.answer);
        }
        Ok(())
    }

    fn answered(&mut self, id: &str, answer: Answer) {
        if let Some(waits) = self.under_way.remove(id) {
            // Nobody waits if the shard is another worker's by now.
            waits.send(answer).ok();
        }
    }

    fn say(&mut self, message: &Value) -> io::Result<()> {
        write!(self.output, "{message}\nend\n")
    }
}

/// The text of the next message, which takes at most so many bytes with its end; none at the end of all.
fn message_of(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Option<String>> {
    let mut input = input.take(bytes_max as u64);
    let mut text = String::new();
    loop {
        let begin = text.len();
        input.read_line(&mut text)?;
        let line = &text[begin..];
        if !line.ends_with('\n') {
            return match (text.is_empty(), input.limit()) {
                (true, _) => Ok(None),
                (false, 0) => Err(io::Error::other("what Storm says has no end")),
                (false, _) => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        if line.trim_end_matches(['\r', '\n']) == "end" {
            text.truncate(begin);
            return Ok(Some(text));
        }
    }
}

#[cfg(test)]
mod tests;
