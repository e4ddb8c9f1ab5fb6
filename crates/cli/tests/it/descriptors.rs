//! A small limit of open files.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use millstream_testkit::ServerProcess;

/// As many descriptors as the server may have.
const OPEN_FILES_MAX: usize = 600;
/// What is left of them for connections: a quarter is for segments, 256 for tables, 64 for the process.
const CONNECTIONS_MAX: usize = OPEN_FILES_MAX - OPEN_FILES_MAX / 4 - 256 - 64;

/// Asks once more on a connection; `None` if it was closed.
fn health(socket: &mut TcpStream) -> Option<()> {
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request).ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (_, length) = head.split_once("content-length: ").unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    socket.read_exact(&mut vec![0; length]).ok()
}

/// Connections are refused before the disk runs out of descriptors; who is connected is served.
#[test]
fn connections_follow_the_limit_of_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -n {OPEN_FILES_MAX} && exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_millstream"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path());
    let server = ServerProcess::start(command);
    let mut sockets: Vec<TcpStream> = (0..CONNECTIONS_MAX + 50)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    let served = sockets.iter_mut().filter_map(health).count();
    assert_eq!(served, CONNECTIONS_MAX);
    let fewer = format!("  connections   at most {CONNECTIONS_MAX} of ");
    server.output_with(&fewer);
    server.output_with("connections too many were closed");
    let said = server.output();
    assert!(!said.contains("no file descriptor is free"), "{said}");
    assert_eq!(
        sockets.iter_mut().filter_map(health).count(),
        CONNECTIONS_MAX
    );
    drop(sockets);
    assert_eq!(server.terminate().code(), Some(0));
}
