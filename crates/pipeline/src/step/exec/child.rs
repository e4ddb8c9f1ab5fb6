//! One program that runs: lines in, lines out, a deadline and a bound on its memory.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use jaq_json::Val;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use super::super::StepError;
use super::watch::Watch;
use super::{ExecSettings, VALUE_BYTES_MAX, answer};
use crate::jq::Limits;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of answers that wait.
const CHUNKS_MAX: usize = 4;
/// How often memory and deadline are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How much of standard error is kept for the cause.
const SAID_BYTES: usize = 2048;
/// How long a program may take to end once its standard input is closed, or it is killed.
const END_TIME: Duration = Duration::from_secs(2);

/// What became of a value.
pub(super) struct Answer {
    pub(super) answer: Result<Vec<Val>, StepError>,
    /// How long the line was.
    pub(super) bytes: usize,
}

/// A program. Dropped, it is killed, with all of its process group.
#[derive(Debug)]
pub(super) struct Child {
    process: std::process::Child,
    /// Until the program is to end: then its number may become another's.
    watch: Option<Watch>,
    settings: ExecSettings,
    /// What is to be written next; none once its standard input is to be closed.
    to_program: Option<SyncSender<Vec<u8>>>,
    answers: Receiver<Vec<u8>>,
    /// The beginning of a line.
    begun: Vec<u8>,
    said: Arc<Mutex<Vec<u8>>>,
    /// Disconnected once its standard error is closed.
    says_more: Receiver<()>,
    next_id: u64,
    has_answered: bool,
}

impl Child {
    /// Starts the program, in a process group of its own: Ctrl-C is not for it.
    pub(super) fn start(settings: &ExecSettings) -> io::Result<Self> {
        let [program, arguments @ ..] = &settings.command[..] else {
            return Err(io::Error::other("no program is named"));
        };
        let process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let (to_program, lines) = sync_channel(1);
        let (to_us, answers) = sync_channel(CHUNKS_MAX);
        let (listens, says_more) = sync_channel(1);
        let mut child = Self {
            process,
            watch: None,
            settings: settings.clone(),
            to_program: Some(to_program),
            answers,
            begun: Vec::new(),
            said: Arc::clone(&said),
            says_more,
            next_id: 1,
            has_answered: false,
        };
        child.watch = Some(Watch::over(child.process.id())?);
        let missing = || io::Error::other("the program has no pipe");
        let stdin = child.process.stdin.take().ok_or_else(missing)?;
        let stdout = child.process.stdout.take().ok_or_else(missing)?;
        let stderr = child.process.stderr.take().ok_or_else(missing)?;
        let thread = |name: &str| std::thread::Builder::new().name(format!("exec-{name}"));
        // Each of them ends with its pipe.
        thread("in").spawn(move || write(stdin, &lines))?;
        thread("out").spawn(move || read(stdout, &to_us))?;
        let name = program.clone();
        thread("err").spawn(move || {
            listen(stderr, &name, &said);
            drop::<SyncSender<()>>(listens);
        })?;
        Ok(child)
    }

    /// Whether it has ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Gives the values and takes their answers; each with the position of its value.
    ///
    /// # Errors
    /// How the program failed; it is of no use any more.
    pub(super) fn exchange<'l>(
        &mut self,
        values: impl Iterator<Item = &'l [u8]>,
        limits: &Limits,
        mut answered: impl FnMut(usize, Answer),
    ) -> Result<(), String> {
        let mut waiting = BTreeMap::new();
        let mut text = Vec::new();
        for (position, value) in values.enumerate() {
            waiting.insert(self.next_id, position);
            text.extend_from_slice(format!("{{\"id\":{},\"value\":", self.next_id).as_bytes());
            text.extend_from_slice(value);
            text.extend_from_slice(b"}\n");
            self.next_id += 1;
        }
        self.send(text)?;
        let mut last_answer = Instant::now();
        let mut last_look = Instant::now();
        while !waiting.is_empty() {
            match self.answers.recv_timeout(LOOK) {
                Ok(chunk) => {
                    for line in self.lines(&chunk)? {
                        let (id, answer) = answer::read(&line, limits)
                            .map_err(|cause| format!("it answered nonsense: {cause}"))?;
                        let position = waiting.remove(&id).ok_or_else(|| {
                            format!("it answered nonsense: there is no value {id}, or no more")
                        })?;
                        self.has_answered = true;
                        last_answer = Instant::now();
                        answered(
                            position,
                            Answer {
                                answer,
                                bytes: line.len(),
                            },
                        );
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err("it ended".to_owned()),
            }
            if last_look.elapsed() >= LOOK {
                self.look(last_answer)?;
                last_look = Instant::now();
            }
        }
        Ok(())
    }

    /// The writer has room for one text: the one before was taken whole, or its answers would be missing.
    fn send(&self, text: Vec<u8>) -> Result<(), String> {
        let sent = self
            .to_program
            .as_ref()
            .map(|to_program| to_program.try_send(text));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err("it does not take its values".to_owned()),
            Some(Err(TrySendError::Disconnected(_))) | None => Err("it ended".to_owned()),
        }
    }

    /// The lines that the chunk ends.
    fn lines(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut lines = Vec::new();
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.begun.len() + part.len() > VALUE_BYTES_MAX {
                return Err(format!(
                    "it answered more than {VALUE_BYTES_MAX} bytes in one line"
                ));
            }
            self.begun.extend_from_slice(part);
            if self.begun.last() == Some(&b'\n') {
                lines.push(std::mem::take(&mut self.begun));
            }
        }
        Ok(lines)
    }

    fn look(&mut self, last_answer: Instant) -> Result<(), String> {
        if last_answer.elapsed() >= self.settings.answer_time {
            let time = humantime::format_duration(self.settings.answer_time);
            return Err(format!("it answered nothing for {time}"));
        }
        let bytes = resident_bytes(self.process.id());
        if bytes.is_some_and(|bytes| bytes > self.settings.memory_bytes_max) {
            return Err(format!(
                "it takes more than {} bytes of memory",
                self.settings.memory_bytes_max
            ));
        }
        Ok(())
    }

    /// Ends it: how it failed, with what the system and it say about that.
    pub(super) fn end(&mut self, cause: &str) -> String {
        self.watch = None;
        // What it says at its end may still be on its way.
        let status = self.wait(LOOK);
        self.kill();
        let mut text = format!("the program failed: {cause}");
        if let Some(status) = status {
            text += &ended(status);
        }
        // Its last words may be in the pipe still: the one who listens may not have had its turn. Whatever it leaves behind
        // may hold the pipe open for good.
        self.says_more.recv_timeout(END_TIME).ok();
        let said = self.said.lock();
        if !said.is_empty() {
            text += &format!("; it said: {}", String::from_utf8_lossy(&said).trim());
        }
        text
    }

    /// Lets it end by itself, for a while.
    pub(super) fn finish(mut self) {
        self.watch = None;
        self.to_program = None;
        self.wait(END_TIME);
    }

    fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + time;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }

    fn kill(&mut self) {
        self.watch = None;
        // Once it has been waited for, its number may be another's.
        if matches!(self.process.try_wait(), Ok(None)) {
            // It may have ended in between.
            kill_process_group(Pid::from_child(&self.process), Signal::KILL).ok();
            self.wait(END_TIME);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!(", with exit code {code}"),
        (None, Some(signal)) => format!(", by signal {signal}"),
        (None, None) => String::new(),
    }
}

fn write(mut stdin: ChildStdin, texts: &Receiver<Vec<u8>>) {
    while let Ok(text) = texts.recv() {
        // A program that does not read any more is found out by its answers that are missing.
        if stdin.write_all(&text).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read(mut stdout: ChildStdout, chunks: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match stdout.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if chunks.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Logs what the program says, and keeps the end of it.
fn listen(mut stderr: ChildStderr, program: &str, said: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match stderr.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let text = String::from_utf8_lossy(&buffer[..count]);
                tracing::info!(program, "{}", text.trim_end());
                let mut said = said.lock();
                said.extend_from_slice(&buffer[..count]);
                let too_many = said.len().saturating_sub(SAID_BYTES);
                said.drain(..too_many);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// How much memory a process has, where the system says so.
fn resident_bytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
