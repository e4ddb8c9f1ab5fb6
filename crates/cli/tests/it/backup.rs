//! Backups of a running server, and servers on what is restored of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use millstream_testkit::ServerProcess;

use crate::commands::{Done, run, run_at};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_millstream"))
}

fn serve(folder: &Path) -> ServerProcess {
    let mut command = ServerProcess::command(binary());
    command.arg("--data-dir").arg(folder);
    ServerProcess::start(command)
}

/// A command, with folders among its arguments.
fn millstream(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Done {
    let mut command = Command::new(binary());
    command.args(arguments.iter().map(|argument| argument.as_ref()));
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    run(command, b"")
}

fn backup(data: &Path, to: &Path) -> Done {
    millstream(&[&"backup", &"--data-dir", &data, &"--to", &to])
}

fn restore(from: &Path, to: &Path) -> Done {
    millstream(&[&"restore", &"--from", &from, &"--to", &to])
}

fn verify(folder: &Path) -> Done {
    millstream(&[&"verify", &"--data-dir", &folder])
}

fn succeeds(server: &ServerProcess, arguments: &[&str]) -> String {
    let done = run_at(&server.endpoint(), arguments, b"");
    assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
    done.stdout
}

fn put(server: &ServerProcess, data: &str) -> String {
    let put = ["records", "put", "s", data, "--partition-key", "k"];
    succeeds(server, &put)
}

fn records(server: &ServerProcess) -> String {
    succeeds(server, &["records", "get", "s", "--shard", "0"])
}

/// A server with a stream `s` of three records.
fn world(data: &Path) -> ServerProcess {
    let server = serve(data);
    succeeds(&server, &["streams", "create", "s", "--shards", "1"]);
    for data in ["one", "two", "three"] {
        put(&server, data);
    }
    server
}

#[test]
fn what_is_restored_of_a_backup_is_what_was_there_and_goes_on_without_a_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let [data, saved, other] = ["data", "saved", "other"].map(|name| folder.path().join(name));
    let server = world(&data);
    let expected = records(&server);
    let done = backup(&data, &saved);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.starts_with("backed up: "), "{done:?}");
    let later = put(&server, "later");
    assert_eq!(verify(&saved).code, 0);

    let restored = restore(&saved, &other);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(verify(&other).code, 0);
    // Beside the one that it was made of.
    let second = serve(&other);
    assert_eq!(records(&second), expected);
    let number = |said: &str| {
        let digits = |word: &&str| word.len() > 40 && word.bytes().all(|b| b.is_ascii_digit());
        let mut words = said.split(|c: char| !c.is_ascii_alphanumeric());
        words.find(digits).expect("a sequence number").to_owned()
    };
    assert!(number(&put(&second, "four")) > number(&later));
    assert!(second.terminate().success());
    assert_eq!(verify(&other).code, 0);
    // A backup of what was restored of a backup.
    let third = serve(&other);
    let again = folder.path().join("again");
    assert_eq!(backup(&other, &again).code, 0);
    assert_eq!(verify(&again).code, 0);
    assert!(records(&third).contains("four"));
}

#[test]
fn a_backup_goes_nowhere_but_into_an_empty_folder_outside_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let [data, full] = ["data", "full"].map(|name| folder.path().join(name));
    let server = world(&data);
    fs::create_dir(&full).unwrap();
    fs::write(full.join("something"), "of somebody").unwrap();
    let refused = backup(&data, &full);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");
    assert_eq!(fs::read(full.join("something")).unwrap(), b"of somebody");
    let inside = backup(&data, &data.join("backup-of-today"));
    assert_eq!(inside.code, 1, "{inside:?}");
    assert!(inside.stderr.contains("in the data folder"), "{inside:?}");
    assert!(!data.join("backup-of-today").exists());
    assert!(server.terminate().success());
    let nobody = backup(&data, &folder.path().join("saved"));
    assert_eq!(nobody.code, 3, "{nobody:?}");
    assert!(nobody.stderr.contains("no server runs on"), "{nobody:?}");
}

#[test]
fn a_restore_refuses_what_is_no_whole_backup_and_what_is_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let [data, saved, other] = ["data", "saved", "other"].map(|name| folder.path().join(name));
    let server = world(&data);
    let refused = restore(&data, &other);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("is not a backup"), "{refused:?}");
    // A snapshot is made by a clean end.
    assert!(server.terminate().success());
    let server = serve(&data);
    assert_eq!(backup(&data, &saved).code, 0);
    assert!(server.terminate().success());
    let refused = restore(&saved, &data);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");

    // A server would make of it something that is no backup of anything.
    let served = millstream(&[&"serve", &"--data-dir", &saved, &"--listen", &"127.0.0.1:0"]);
    assert_eq!(served.code, 1, "{served:?}");
    assert!(
        served.stderr.contains("millstream restore --from"),
        "{served:?}"
    );

    // One byte of each file in turn.
    let files = ["manifest", "backup", "segments", "snapshots"];
    for name in files {
        let path = match saved.join(name) {
            path if path.is_dir() => fs::read_dir(&path).unwrap().next().unwrap().unwrap().path(),
            path => path,
        };
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        // Far in: a segment has room there that no log needs.
        let at = flipped.len() - flipped.len() / 3;
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let damaged = verify(&saved);
        assert_eq!(damaged.code, 1, "{name}: {damaged:?}");
        assert!(damaged.stdout.contains(name), "{name}: {damaged:?}");
        let refused = restore(&saved, &other);
        assert_eq!(refused.code, 1, "{name}: {refused:?}");
        assert!(refused.stderr.contains(name), "{name}: {refused:?}");
        assert_eq!(fs::read_dir(&other).map_or(0, Iterator::count), 0);
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(restore(&saved, &other).code, 0);
}

/// Of what is damaged the rest can be had, as of any data folder.
#[test]
fn a_damaged_backup_is_repaired_into_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [data, saved] = ["data", "saved"].map(|name| folder.path().join(name));
    let server = world(&data);
    let expected = records(&server);
    assert_eq!(backup(&data, &saved).code, 0);
    drop(server);
    let manifest = saved.join("manifest");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[30] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    let repaired = millstream(&[&"repair", &"--yes", &"--data-dir", &saved]);
    assert_eq!(repaired.code, 0, "{repaired:?}");
    assert_eq!(verify(&saved).code, 0);
    assert_eq!(records(&serve(&saved)), expected);
}

/// The system takes no path for a socket that is longer than some hundred bytes.
#[test]
fn a_data_folder_with_a_long_path_is_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("x".repeat(200));
    let server = world(&data);
    let saved = folder.path().join("saved");
    let done = backup(&data, &saved);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(server.terminate().success());
    assert!(!data.join("control").exists());
}
