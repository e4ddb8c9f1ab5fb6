//! Child processes are found, ended and reaped. A shell plays the server.

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use millstream_testkit::ServerProcess;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

const LISTENS: &str = "echo starting; echo 'listening on http://127.0.0.1:4711' >&2; ";

#[test]
fn the_address_is_read_and_a_kill_reaps() {
    let server = ServerProcess::start(shell(&format!("{LISTENS} exec sleep 1000")));
    assert_eq!(server.address(), "127.0.0.1:4711".parse().unwrap());
    assert_eq!(server.endpoint(), "http://127.0.0.1:4711");
    assert!(server.output().contains("listening on"));
    let process = PathBuf::from(format!("/proc/{}", server.id()));
    assert!(process.exists());
    assert_eq!(server.kill().signal(), Some(9));
    assert!(!process.exists());
}

#[test]
fn sigterm_gives_the_exit_status() {
    let graceful = format!("sleep 1000 & trap \"kill $!; exit 7\" TERM; {LISTENS} wait");
    let server = ServerProcess::start(shell(&graceful));
    assert_eq!(server.terminate().code(), Some(7));
    let blunt = format!("{LISTENS} exec sleep 1000");
    let server = ServerProcess::start(shell(&blunt));
    assert_eq!(server.terminate().signal(), Some(15));
}

#[test]
fn an_end_of_its_own_is_seen() {
    let mut server = ServerProcess::start(shell(&format!("{LISTENS} exit 7")));
    let status = server.wait(Duration::from_secs(30));
    assert_eq!(status.code(), Some(7));
    let late = catch_unwind(AssertUnwindSafe(|| server.kill()));
    assert!(late.is_err(), "a kill that comes too late proves nothing");
}

#[test]
fn a_server_that_does_not_start_fails_the_test() {
    for script in ["echo no disk >&2; exit 1", "echo 'http://127.0.0.1:0'"] {
        let started = catch_unwind(|| ServerProcess::start(shell(script)));
        assert!(started.is_err());
    }
}

#[test]
fn dropping_reaps() {
    let server = ServerProcess::start(shell(&format!("{LISTENS} exec sleep 1000")));
    let process = PathBuf::from(format!("/proc/{}", server.id()));
    drop(server);
    assert!(!process.exists());
}
