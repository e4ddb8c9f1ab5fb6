//! A log that takes no writes: how health, start text, the server's log and the exit code say so.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use millstream_testkit::ServerProcess;
use tempfile::TempDir;

/// What does not come in this time does not come; on a machine that is not busy it takes less than a second.
const PATIENCE: Duration = Duration::from_secs(60);

fn serve(folder: &TempDir, more: &[&str]) -> ServerProcess {
    let mut command = ServerProcess::command(Path::new(env!("CARGO_BIN_EXE_millstream")));
    command.arg("--data-dir").arg(folder.path()).args(more);
    ServerProcess::start(command)
}

/// The answer to `GET /health`, head and body.
fn health(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The first answer with one of these texts.
fn health_with(address: SocketAddr, expected: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = health(address);
        if answer.contains(expected) {
            return answer;
        }
        assert!(Instant::now() < end, "{expected} does not come: {answer}");
        std::thread::yield_now();
    }
}

#[test]
fn want_of_room_is_told_by_start_text_health_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let all = u64::MAX.to_string();
    let server = serve(&folder, &["--disk-free-bytes-min", &all]);
    let answer = health(server.address());
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains(r#""status":"no room""#), "{answer}");
    assert!(
        answer.contains(r#""reason":"the disk has no room"#),
        "{answer}"
    );
    server.output_with("  log           no room: the disk has no room");
    server.output_with("the log has no room: records are refused, reads go on");
    assert_eq!(server.terminate().code(), Some(0));
    let server = serve(&folder, &[]);
    assert!(health(server.address()).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_lost_lock_is_told_by_health_and_log_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, &[]);
    assert!(health(server.address()).starts_with("HTTP/1.1 200"));
    fs::remove_file(folder.path().join("lock")).unwrap();
    let answer = health_with(server.address(), r#""status":"failed""#);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.contains("the lock of the data folder is lost"),
        "{answer}"
    );
    let said = server.output_with("the log has failed: it takes no more writes");
    assert_eq!(said.matches("the log has failed").count(), 1, "{said}");
}

#[test]
fn a_failed_log_ends_the_server_with_a_code_of_its_own_if_it_is_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = serve(&folder, &["--log-failure", "exit"]);
    fs::remove_file(folder.path().join("lock")).unwrap();
    assert_eq!(server.wait(PATIENCE).code(), Some(7));
    let again = serve(&folder, &["--log-failure", "exit"]);
    assert!(health(again.address()).starts_with("HTTP/1.1 200"));
    assert_eq!(again.terminate().code(), Some(0));
}
