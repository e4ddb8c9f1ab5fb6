//! Counts what a server's processor does in user space, instruction by instruction, by valgrind's callgrind.
//!
//! What the kernel does is not counted, nor how long anything waits, for memory say. Valgrind runs one thread at a time.
//! Its processor has no instructions for SHA-256, so that hashing bodies costs many times what it does otherwise: what
//! does that is counted apart.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::Server;

/// How long valgrind may take for what it is asked.
const PATIENCE: Duration = Duration::from_secs(120);
/// The name of dumps, which are numbered.
const DUMP: &str = "counted";
/// What the functions that compute SHA-256 are called.
const HASHING: &[&str] = &["sha2::sha256", "sha256_block", "sha2::block_api"];
/// By default the C library copies and clears large pieces byte by byte in one instruction, of which valgrind counts every
/// byte.
const WITHOUT_STRING_INSTRUCTIONS: &str =
    "glibc.cpu.x86_rep_movsb_threshold=0x7fffffffff:glibc.cpu.x86_rep_stosb_threshold=0x7fffffffff";

/// A server under callgrind.
#[derive(Debug)]
pub struct Callgrind {
    server: Server,
    /// Where its dumps are.
    folder: TempDir,
    dumps: u32,
}

/// Instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instructions {
    /// All of them.
    pub all: u64,
    /// Those that computed SHA-256.
    pub hashing: u64,
}

impl Callgrind {
    /// Starts a server's program on `data_dir`, which must be there. Nothing is counted yet.
    ///
    /// # Errors
    /// If there is no valgrind, or the server does not answer.
    pub async fn start(
        program: &Path,
        data_dir: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a folder for dumps")?;
        let dumps = folder.path().join(DUMP);
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--quiet", "--instr-atstart=no"])
            .args([
                "--fair-sched=yes",
                "--compress-pos=no",
                "--compress-strings=no",
            ])
            .arg(format!("--callgrind-out-file={}", dumps.display()))
            .arg(program)
            .env("GLIBC_TUNABLES", WITHOUT_STRING_INSTRUCTIONS);
        let server = Server::run(command, data_dir, arguments).await;
        Ok(Self {
            server: server.context("a server under valgrind, which must be installed")?,
            folder,
            dumps: 0,
        })
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Begins to count, or ends it: then the server is several times as fast.
    ///
    /// # Errors
    /// If valgrind cannot be asked.
    pub async fn count(&self, is_on: bool) -> anyhow::Result<()> {
        let switch = if is_on { "on" } else { "off" };
        self.ask(&["instrumentation", switch]).await
    }

    /// Forgets what was counted.
    ///
    /// # Errors
    /// If valgrind cannot be asked.
    pub async fn forget(&self) -> anyhow::Result<()> {
        self.ask(&["zero"]).await
    }

    /// What was counted since the last time that this was called, or what was counted before was forgotten.
    ///
    /// # Errors
    /// If valgrind cannot be asked, or nothing was counted.
    pub async fn counted(&mut self) -> anyhow::Result<Instructions> {
        self.ask(&["dump"]).await?;
        self.dumps += 1;
        let path = self.folder.path().join(format!("{DUMP}.{}", self.dumps));
        let text = std::fs::read_to_string(&path).context("a dump of callgrind")?;
        let counted = read(&text)?;
        ensure!(counted.all > 0, "callgrind counted nothing");
        Ok(counted)
    }

    /// Ends the server.
    ///
    /// # Errors
    /// If it does not end in good order.
    pub async fn end(self) -> anyhow::Result<()> {
        self.server.terminate().await?;
        Ok(())
    }

    async fn ask(&self, what: &[&str]) -> anyhow::Result<()> {
        let pid = format!("--pid={}", self.server.pid()?);
        let mut command = Command::new("vgdb");
        command.arg(pid).args(what.iter().map(OsStr::new));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let asked = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = asked.with_context(|| format!("valgrind does not answer to {what:?}"))??;
        if !output.status.success() {
            bail!("{what:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

/// A dump's sums. Each line of numbers is a place and its cost; the one behind `calls=` is what a function cost that was
/// called, which stands at its own place too.
fn read(text: &str) -> anyhow::Result<Instructions> {
    let mut counted = Instructions { all: 0, hashing: 0 };
    let (mut is_hashing, mut is_call) = (false, false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            is_hashing = HASHING.iter().any(|part| name.contains(part));
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            if std::mem::take(&mut is_call) {
                continue;
            }
            let cost = line.split(' ').nth(1).context("a cost")?;
            let cost: u64 = cost.parse().with_context(|| format!("no cost: {line}"))?;
            counted.all += cost;
            counted.hashing += if is_hashing { cost } else { 0 };
        }
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_is_counted_once() {
        let text = "version: 1\nevents: Ir\n\nfl=a.rs\nfn=answer\n16 5\ncfn=sha2::sha256::soft::compress\ncalls=2 50 \n17 3000\n18 1\n\n\
                    fn=sha2::sha256::soft::compress\n50 3000\n\ntotals: 3006\n";
        let counted = read(text).unwrap();
        assert_eq!((counted.all, counted.hashing), (3006, 3000));
    }
}
