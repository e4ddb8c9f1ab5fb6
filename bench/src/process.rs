//! The servers under measurement: real processes, their CPU time and memory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::connection::Connection;
use crate::keys;
use crate::requests::request;

/// How long a server may take until it listens; under valgrind it takes long.
const START_PATIENCE: Duration = Duration::from_secs(180);

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// CPU time that a process has used so far, all threads, user and system.
pub fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a stat line")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10)) // 100 ticks a second on Linux
}

/// The programs of this build, beside the benchmark itself, or in the folder above that of its tests.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a folder")?;
    let folder = match folder.ends_with("deps") {
        true => folder.parent().context("a folder")?,
        false => folder,
    };
    let path = folder.join(name);
    if !path.exists() {
        bail!(
            "{} is missing: `make bench` builds it, and of the server `cargo build -p millstream-cli`",
            path.display()
        );
    }
    Ok(path)
}

impl Server {
    /// The bare server, which verifies signatures too; with `fsync_file` it writes and syncs every put.
    pub async fn bare(fsync_file: Option<&Path>) -> anyhow::Result<Self> {
        let mut command = Command::new(program("bare")?);
        command.arg("127.0.0.1:0");
        if let Some(file) = fsync_file {
            command.arg("--fsync").arg(file);
        }
        let server = Self::start(command).await?;
        keys::check_refusal(&server).await?;
        Ok(server)
    }

    /// The real server on `data_dir`, which must be there. It verifies signatures.
    pub async fn millstream(data_dir: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let command = Command::new(program("millstream")?);
        Self::run(command, data_dir, arguments).await
    }

    /// As [`millstream`](Self::millstream), by a command that ends with the server's program.
    pub async fn run(
        mut command: Command,
        data_dir: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .arg("--access-keys")
            .arg(keys::write_file(data_dir)?)
            .args(arguments);
        let server = Self::start(command).await?;
        keys::check_refusal(&server).await?;
        Ok(server)
    }

    async fn start(mut command: Command) -> anyhow::Result<Self> {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().context("start the server")?;
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once("listening on http://") {
                    return Ok(address.trim().parse()?);
                }
            }
            bail!("the server ended without listening")
        };
        let address = tokio::time::timeout(START_PATIENCE, ready)
            .await
            .context("the server gave no address in time")??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, address })
    }

    /// Calls an operation once and gives the answer as JSON.
    pub async fn call(&self, operation: &str, body: &str) -> anyhow::Result<serde_json::Value> {
        let mut connection = Connection::open(self.address).await?;
        let (status, answer) = connection.call(&request(operation, body)).await?;
        if status != 200 {
            bail!("{operation}: {status} {}", String::from_utf8_lossy(answer));
        }
        if answer.is_empty() {
            Ok(serde_json::Value::Null)
        } else {
            Ok(serde_json::from_slice(answer)?)
        }
    }

    /// CPU time used so far, all threads, user and system.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.pid()?)
    }

    /// Anonymous and shared memory in bytes; file pages do not count.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let kib = |name: &str| -> anyhow::Result<u64> {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .context("a memory line")?;
            Ok(line
                .split_whitespace()
                .nth(1)
                .context("a number")?
                .parse()?)
        };
        Ok((kib("RssAnon:")? + kib("RssShmem:")?) * 1024)
    }

    /// What `/health` tells about the storage, as JSON.
    pub async fn health(&self) -> anyhow::Result<serde_json::Value> {
        let mut connection = Connection::open(self.address).await?;
        let (_, answer) = connection
            .call(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            .await?;
        Ok(serde_json::from_slice(answer)?)
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// SIGTERM; gives the time that the stop took.
    pub async fn terminate(mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        ask_to_end(&self.child)?;
        let status = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await??;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(started.elapsed())
    }

    /// The process's id.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server is still running")
    }
}

/// SIGTERM.
pub(crate) fn ask_to_end(child: &Child) -> anyhow::Result<()> {
    let pid = libc::pid_t::try_from(child.id().context("the process is still running")?)?;
    #[expect(unsafe_code, reason = "the standard library sends no SIGTERM")]
    // SAFETY: plain system call; the child is not reaped yet, so the pid is still its own.
    let sent = unsafe { libc::kill(pid, libc::SIGTERM) };
    anyhow::ensure!(sent == 0, "SIGTERM could not be sent");
    Ok(())
}
