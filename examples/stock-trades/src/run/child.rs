//! A part of the application as a process.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

/// A process of this same program. Each of its lines is printed behind its name.
///
/// It is told to stop by closing its standard input: so it also stops when this process dies, and Ctrl-C in a terminal,
/// which reaches whole process groups, does not stop all parts at once.
#[derive(Debug)]
pub(super) struct Child {
    name: String,
    arguments: Vec<String>,
    process: tokio::process::Child,
    stdin: Option<ChildStdin>,
}

impl Child {
    pub(super) fn start(name: &str, arguments: Vec<String>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program has no path")?;
        let mut process = Command::new(program)
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let stdin = process.stdin.take();
        if let Some(stdout) = process.stdout.take() {
            tokio::spawn(print(name.to_owned(), stdout));
        }
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(print(name.to_owned(), stderr));
        }
        println!(
            "[run] {name} is process {}",
            process.id().unwrap_or_default()
        );
        Ok(Self {
            name: name.to_owned(),
            arguments,
            process,
            stdin,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_ended(&mut self) -> anyhow::Result<bool> {
        let status = self.process.try_wait()?;
        Ok(status.is_some())
    }

    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        *self = Self::start(&self.name, std::mem::take(&mut self.arguments))?;
        Ok(())
    }

    /// Tells the process to stop and waits for it; kills it after `grace`.
    pub(super) async fn stop(&mut self, grace: Duration) -> anyhow::Result<()> {
        drop(self.stdin.take());
        let status: ExitStatus = match timeout(grace, self.process.wait()).await {
            Ok(status) => status?,
            Err(_) => {
                println!("[run] {} does not stop and is killed", self.name);
                self.process.kill().await?;
                return Ok(());
            }
        };
        if !status.success() {
            println!("[run] {} ended with {status}", self.name);
        }
        Ok(())
    }
}

async fn print(name: String, source: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(source).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        println!("[{name}] {line}");
    }
}
