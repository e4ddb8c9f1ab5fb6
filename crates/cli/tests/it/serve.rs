//! What `millstream serve` says when it starts.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is not said in this time is never said.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed and reaped when dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Everything that a server says until it serves, on both streams, in the order in which it says it.
fn said_at_start(data_dir: &Path, said: &Path) -> String {
    let output = File::create(said).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data_dir).stdin(Stdio::null());
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let _serving = Serving(command.spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(said).unwrap();
        if text.contains("credentials ") {
            return text;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::yield_now();
    }
}

/// Programs wait for the first line and find the port in it; a person reads the rest from the top.
#[test]
fn the_first_thing_that_a_sound_server_says_is_where_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let (data_dir, said) = (folder.path().join("data"), folder.path().join("said"));
    // A new folder, and one that a killed server left behind.
    for _ in 0..2 {
        let text = said_at_start(&data_dir, &said);
        let first = text.lines().next().unwrap();
        assert!(
            first.starts_with("millstream listening on http://127.0.0.1:"),
            "{text}"
        );
    }
}
