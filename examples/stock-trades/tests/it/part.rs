//! A part of the application as a process, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;

pub(crate) struct Part {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    arriving: Receiver<String>,
    lines: Vec<String>,
}

impl Part {
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stock-trades"))
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &place.endpoint)
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to_test, arriving) = channel();
        forward(child.stdout.take().unwrap(), to_test.clone());
        forward(child.stderr.take().unwrap(), to_test);
        Self {
            name: arguments.join(" "),
            stdin: child.stdin.take(),
            child,
            arriving,
            lines: Vec::new(),
        }
    }

    /// The next line, or `None` if none came by `deadline` or the process has closed its output.
    fn next_line(&mut self, deadline: Instant) -> Result<Option<String>, RecvTimeoutError> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.arriving.recv_timeout(left) {
            Ok(line) => {
                self.lines.push(line.clone());
                Ok(Some(line))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(timeout) => Err(timeout),
        }
    }

    /// Waits for a line that holds `text`.
    pub(crate) fn wait_for(&mut self, text: &str, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            match self.next_line(deadline) {
                Ok(Some(line)) if line.contains(text) => return,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => panic!("{} never says {text:?}: {:#?}", self.name, self.lines),
            }
        }
    }

    /// Waits until one of the parts has said `text`.
    pub(crate) fn wait_for_any(parts: &mut [&mut Self], text: &str, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut turn = 0;
        while Instant::now() < deadline {
            if parts.iter().any(|part| !part.lines_with(text).is_empty()) {
                return;
            }
            let soon = Instant::now() + Duration::from_millis(50);
            // No line within this turn is no news.
            if let Ok(None) = parts[turn].next_line(soon.min(deadline)) {
                panic!("{} has ended: {:#?}", parts[turn].name, parts[turn].lines);
            }
            turn = (turn + 1) % parts.len();
        }
        let said: Vec<_> = parts.iter().map(|part| &part.lines).collect();
        panic!("nobody says {text:?}: {said:#?}");
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            match self.next_line(deadline) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => panic!("{} does not end: {:#?}", self.name, self.lines),
            }
        }
        let status = self.child.wait().unwrap();
        if !status.success() {
            eprintln!("{} ended with {status}: {:#?}", self.name, self.lines);
        }
        status
    }

    /// Kills the process (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
    }

    /// Writes to its standard input, which stays open.
    pub(crate) fn say(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        drop(self.stdin.take());
    }

    pub(crate) fn lines_with(&self, text: &str) -> Vec<&String> {
        let lines = self.lines.iter();
        lines.filter(|line| line.contains(text)).collect()
    }

    pub(crate) fn last_line_with(&self, text: &str) -> String {
        match self.lines_with(text).last() {
            Some(line) => (*line).clone(),
            None => panic!("{} never says {text:?}: {:#?}", self.name, self.lines),
        }
    }

    /// Panics unless lines beginning with these texts follow one another.
    pub(crate) fn assert_order(&self, texts: &[&str]) {
        let mut lines = self.lines.iter();
        for text in texts {
            assert!(
                lines.any(|line| line.starts_with(text)),
                "{text:?} is missing or too early: {:#?}",
                self.lines
            );
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has usually ended; if the test failed, nothing may be left behind.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

fn forward(source: impl Read + Send + 'static, to_test: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if to_test.send(line).is_err() {
                return;
            }
        }
    });
}
