//! A fresh server, and the `millstream` commands as processes that talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use millstream_testkit::ServerProcess;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const FIRST: &str = "shardId-000000000000";
pub(crate) const SECOND: &str = "shardId-000000000001";
pub(crate) const THIRD: &str = "shardId-000000000002";

/// How long a command may give no sign of life before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_millstream"))
}

/// A server with an empty data folder.
pub(crate) struct World {
    server: ServerProcess,
    _data_dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A server with these arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let mut command = ServerProcess::command(binary());
        command.arg("--data-dir").arg(data_dir.path());
        command.args(arguments);
        Self {
            server: ServerProcess::start(command),
            _data_dir: data_dir,
        }
    }

    pub(crate) fn server(&self) -> &ServerProcess {
        &self.server
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The command must succeed; its stdout.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let done = self.done(arguments, b"");
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        done.stdout
    }

    /// The command must succeed; its stdout with `--json`, line by line.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        json_lines(&self.run(&[arguments, &["--json"]].concat()))
    }

    /// The command's end, whatever it is.
    pub(crate) fn done(&self, arguments: &[&str], stdin: &[u8]) -> Done {
        run_at(&self.endpoint(), arguments, stdin)
    }

    /// The command must fail with this exit code; what it says on stderr.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let done = self.done(arguments, b"");
        assert_eq!(done.code, code, "{arguments:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{arguments:?}");
        done.stderr
    }

    /// Starts a command that runs until it is stopped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(command(&self.endpoint(), arguments))
    }

    /// Makes a stream.
    pub(crate) fn stream(&self, name: &str, shards: u32) {
        self.run(&["streams", "create", name, "--shards", &shards.to_string()]);
    }

    /// Puts one record.
    pub(crate) fn put(&self, stream: &str, data: &str, hash_key: &str) -> Value {
        let arguments = [
            "records",
            "put",
            stream,
            data,
            "--partition-key",
            "k",
            "--explicit-hash-key",
            hash_key,
        ];
        self.json(&arguments).remove(0)
    }
}

/// A `millstream` command with nothing of this machine's AWS configuration.
pub(crate) fn command(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub(crate) fn run_at(endpoint: &str, arguments: &[&str], stdin: &[u8]) -> Done {
    run(command(endpoint, arguments), stdin)
}

/// Runs a prepared command to its end.
pub(crate) fn run(mut command: Command, stdin: &[u8]) -> Done {
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // A command that does not read its input closes it early.
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command that runs.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line of stdout.
    pub(crate) fn line(&mut self) -> String {
        self.lines
            .recv_timeout(DEADLINE)
            .expect("the command prints a line within a minute")
    }

    /// The member `Data` of the next lines of stdout.
    pub(crate) fn data(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| data_of(&self.line())).collect()
    }

    /// Waits until the command has ended by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.child.wait().unwrap()
    }

    /// Waits until the command has ended by itself; how, and what it printed.
    pub(crate) fn output(mut self) -> (ExitStatus, String) {
        let mut printed = String::new();
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            printed.push_str(&line);
            printed.push('\n');
        }
        (self.child.wait().unwrap(), printed)
    }

    /// Writes to the command's stdin, which stays open.
    pub(crate) fn say(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
    }

    /// Closes the command's stdin.
    pub(crate) fn close(&mut self) {
        self.child.stdin = None;
    }

    /// Ctrl-C; how the command ended, and what it said on stderr.
    pub(crate) fn interrupt_and_hear(mut self) -> (ExitStatus, String) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        let mut said = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }

    /// Most bytes of memory that it has had (resident).
    pub(crate) fn peak_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: usize = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib * 1024
    }

    /// Ends it at once (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C; how the command ended, and what it still printed.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, Vec<String>) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        let rest = self.lines.iter().collect();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended in the good case.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn data_of(line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap();
    record["Data"].as_str().unwrap().to_owned()
}
