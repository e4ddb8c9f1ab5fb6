//! The program that processes one shard: a process of its own, spoken to over its standard input and output.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::messages::{FromProgram, ToProgram};

/// Longer lines are no messages; they are logged in pieces.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Of a line that is no message, so much is logged.
const LOGGED_BYTES_MAX: usize = 1024;
/// How long a program whose output has ended may take to be gone.
const EXIT_STATUS_WAIT: Duration = Duration::from_secs(1);

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Program {
    process: Child,
    /// Whole lines: a line that is begun is finished, whatever becomes of the call that sent it.
    input: mpsc::Sender<Vec<u8>>,
    output: mpsc::Receiver<FromProgram>,
    tasks: JoinSet<()>,
}

/// Why a program cannot be spoken to any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("{program:?} could not be started")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("the program ended by itself ({0})")]
    Ended(String),
    #[error(
        "the program did not answer {action} within {timeout:?} (timeoutInSeconds) and is killed"
    )]
    Hangs {
        action: &'static str,
        timeout: Duration,
    },
    #[error("the program answered {answered:?} to {asked} and is killed")]
    WrongAnswer {
        asked: &'static str,
        answered: String,
    },
    #[error(
        "the program did not checkpoint at the end of the shard, so nobody knows whether it has done everything"
    )]
    EndNotCheckpointed,
}

impl Program {
    /// Starts it, in a process group of its own: Ctrl-C is the daemon's, which tells the program in its own words.
    /// What it writes to standard error goes where the daemon's goes.
    pub(super) fn start(command: &[String], shard_id: &str) -> Result<Self, ProgramError> {
        let (program, arguments) = command.split_first().expect("executableName is not empty");
        let failed = |source| ProgramError::Start {
            program: program.clone(),
            source,
        };
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let piped = "it was asked for";
        let (stdin, stdout) = (
            process.stdin.take().expect(piped),
            process.stdout.take().expect(piped),
        );
        let (input, lines) = mpsc::channel(1);
        let (messages, output) = mpsc::channel(16);
        let mut tasks = JoinSet::new();
        tasks.spawn(write_lines(stdin, lines));
        tasks.spawn(read_lines(stdout, messages, shard_id.to_owned()));
        Ok(Self {
            process,
            input,
            output,
            tasks,
        })
    }

    /// Sends a message. If this future is dropped, all of it is sent or nothing.
    pub(super) async fn send(&mut self, message: &ToProgram) -> Result<(), ProgramError> {
        match self.input.send(message.to_line()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    /// The next message. Dropping the future loses none.
    pub(super) async fn next(&mut self) -> Result<FromProgram, ProgramError> {
        match self.output.recv().await {
            Some(message) => Ok(message),
            None => Err(self.ended().await),
        }
    }

    async fn ended(&mut self) -> ProgramError {
        let status = timeout(EXIT_STATUS_WAIT, self.process.wait()).await;
        ProgramError::Ended(match status {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it closed its standard input or output".to_owned(),
        })
    }

    /// Ends its input and waits for it to go; `None` if it had to be killed.
    pub(super) async fn end(self, patience: Duration) -> Option<ExitStatus> {
        let Self {
            mut process,
            input,
            mut output,
            mut tasks,
        } = self;
        drop(input);
        let gone = async {
            // What it still says is read, so that it is not held up by a full pipe.
            while output.recv().await.is_some() {}
            process.wait().await.ok()
        };
        let status = timeout(patience, gone).await.ok().flatten();
        if status.is_none() {
            // Waits for it too.
            process.kill().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "a program could not be killed");
            });
        }
        tasks.shutdown().await;
        status
    }
}

async fn write_lines(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        // A program that is gone is noticed by its output's end, or by the next message.
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn read_lines(stdout: ChildStdout, messages: mpsc::Sender<FromProgram>, shard_id: String) {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut stdout).take(LINE_BYTES_MAX);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = line.trim_ascii();
        match FromProgram::of_line(text) {
            Some(message) => {
                if messages.send(message).await.is_err() {
                    return;
                }
            }
            None if text.is_empty() => {}
            None => {
                let logged = &text[..text.len().min(LOGGED_BYTES_MAX)];
                let said = String::from_utf8_lossy(logged);
                tracing::info!(shard_id, %said, "the program printed");
            }
        }
    }
}
