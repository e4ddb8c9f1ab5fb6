//! One worker of the fleet: its process, and its ledger.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::keys::{ACCESS_KEY, SECRET};
use crate::process::{ask_to_end, cpu_of};

/// A worker that has not ended so long after SIGTERM hangs.
const STOP_MAX: Duration = Duration::from_secs(90);

/// Of a log, what is told.
const LAST_LINES: usize = 12;

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct WorkerProcess {
    name: String,
    child: Child,
    path: PathBuf,
    log_path: PathBuf,
    ledger: Option<File>,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
}

impl WorkerProcess {
    pub(crate) fn start(
        name: &str,
        program: &[OsString],
        env: impl IntoIterator<Item = (&'static str, String)>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.ledger"));
        let log_path = folder.join(format!("{name}.log"));
        let log = File::create(&log_path)?;
        let (program, arguments) = program.split_first().context("a program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(env)
            .env("WORKER", name)
            .env("LEDGER", &path)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "us-east-1")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let child = command.spawn().context("start a worker")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            path,
            log_path,
            ledger: None,
            rest: Vec::new(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The whole lines that have come since the last look.
    pub(crate) fn new_lines(&mut self) -> anyhow::Result<Vec<String>> {
        if self.ledger.is_none() {
            self.ledger = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error).context("a ledger"),
            };
        }
        let Some(ledger) = &mut self.ledger else {
            return Ok(Vec::new());
        };
        ledger.read_to_end(&mut self.rest)?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = self.rest.drain(..whole.map_or(0, |at| at + 1)).collect();
        let lines = String::from_utf8(lines).context("a ledger is text")?;
        Ok(lines.lines().map(str::to_owned).collect())
    }

    /// # Errors
    /// If the process has ended by itself.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended by itself: {status}", self.name);
        }
        Ok(())
    }

    /// The end of its log, for who has to say why it ended.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log_path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// CPU time that it has used so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.pid()?)
    }

    /// The most memory that it has had, shared pages included.
    pub(crate) fn memory_peak_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.context("a memory line")?.parse::<u64>()? * 1024)
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the worker is running")
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill a worker")
    }

    /// SIGTERM, and waits until it has ended in good order.
    pub(super) async fn terminate(&mut self) -> anyhow::Result<()> {
        ask_to_end(&self.child)?;
        let ended = timeout(STOP_MAX, self.child.wait()).await;
        let status = ended.with_context(|| format!("{} does not stop", self.name))??;
        // A Java process that has ended in good order after SIGTERM says 143.
        let is_good = status.success() || status.code() == Some(143);
        ensure!(is_good, "{} ended with {status}", self.name);
        Ok(())
    }
}
