//! The page as a newcomer meets it: run, stopped, and run again; against the real server, which is the binary named by
//! `MILLSTREAM_BIN`, or the `millstream` beside this test's own binaries.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use millstream_testkit::ServerProcess;
use rustix::process::{Pid, Signal, kill_process};

const DEADLINE: Duration = Duration::from_secs(120);

fn server_binary() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_template")).with_file_name("millstream");
    std::env::var_os("MILLSTREAM_BIN").map_or(beside, PathBuf::from)
}

fn at(server: &ServerProcess, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL", server.endpoint())
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "eu-west-1")
        .env_remove("AWS_PROFILE")
        .stdin(Stdio::null());
    command
}

/// A running copy of the page, and what it prints.
struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    fn start(server: &ServerProcess) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_template"));
        let mut command = at(server, program, &["printer", "orders"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (to_test, lines) = channel();
        let printed = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            // The test may have what it waits for.
            let hears = |line: std::io::Result<String>| to_test.send(line.unwrap()).is_ok();
            printed.lines().all(hears);
        });
        Self { child, lines }
    }

    /// The data of the next record that it prints.
    fn next(&self) -> String {
        let line = self.lines.recv_timeout(DEADLINE).unwrap();
        line.splitn(3, ' ').nth(2).unwrap().to_owned()
    }

    fn stop(mut self) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_worker_that_is_started_again_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = ServerProcess::command(&server_binary());
    command.arg("--data-dir").arg(folder.path().join("data"));
    let server = ServerProcess::start(command);
    let millstream = |arguments: &[&str]| {
        let done = at(&server, &server_binary(), arguments).status().unwrap();
        assert!(done.success(), "{arguments:?}");
    };
    let put =
        |text: &str| millstream(&["records", "put", "orders", text, "--partition-key", "fruit"]);
    millstream(&["streams", "create", "orders", "--shards", "1"]);

    put("1 apple");
    let worker = Worker::start(&server);
    assert_eq!(worker.next(), "1 apple");
    put("2 apples");
    assert_eq!(worker.next(), "2 apples");
    worker.stop();

    put("3 apples");
    let worker = Worker::start(&server);
    assert_eq!(worker.next(), "3 apples");
    worker.stop();
}
