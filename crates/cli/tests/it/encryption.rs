//! A server with a master key: what is on the disk, and who can read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use millstream_testkit::ServerProcess;

use crate::commands::{Done, data_of, run, run_at};

const SECRET: &str = "a-record-that-nobody-else-may-read";
/// Its name is in commands, snapshots and metrics.
const STREAM: &str = "stream-of-secrets";
const PARTITION_KEY: &str = "the-name-of-somebody";
const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, key) in [("one", ONE), ("two", TWO)] {
            let path = folder.path().join(name);
            fs::write(&path, key).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `millstream COMMAND --data-dir FOLDER/data` and flags, each with a file of the folder.
    fn command(&self, command: &str, flags: &[(&str, &str)]) -> Command {
        let mut millstream = Command::new(env!("CARGO_BIN_EXE_millstream"));
        millstream
            .arg(command)
            .arg("--data-dir")
            .arg(self.path("data"));
        for (flag, file) in flags {
            millstream.arg(flag).arg(self.path(file));
        }
        millstream
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        millstream
    }

    fn serve(&self, flags: &[(&str, &str)]) -> ServerProcess {
        let mut command = self.command("serve", flags);
        command.args(["--listen", "127.0.0.1:0"]);
        ServerProcess::start(command)
    }

    /// A server that does not start; what it says.
    fn refused(&self, flags: &[(&str, &str)]) -> String {
        let mut command = self.command("serve", flags);
        command.args(["--listen", "127.0.0.1:0"]);
        let Done { code, stderr, .. } = run(command, b"");
        assert_eq!(code, 1, "{stderr}");
        stderr
    }
}

fn call(server: &ServerProcess, arguments: &[&str]) -> String {
    let done = run_at(&server.endpoint(), arguments, b"");
    assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
    done.stdout
}

/// An operation that the commands do not have.
fn kinesis(server: &ServerProcess, operation: &str, body: &str) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx-amz-target: Kinesis_20131202.{operation}\r\n\
         content-type: application/x-amz-json-1.1\r\nx-amz-date: 20261128T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AKIDTEST/20261128/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature=00\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn start_encryption(server: &ServerProcess) {
    let body = format!(
        r#"{{"StreamName":"{STREAM}","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}}"#
    );
    kinesis(server, "StartStreamEncryption", &body);
}

fn put(server: &ServerProcess, data: &str) {
    call(
        server,
        &[
            "records",
            "put",
            STREAM,
            data,
            "--partition-key",
            PARTITION_KEY,
        ],
    );
}

/// Data of every record.
fn records(server: &ServerProcess) -> Vec<String> {
    let read = ["records", "get", STREAM, "--shard", "0", "--json"];
    call(server, &read).lines().map(data_of).collect()
}

/// Files of a folder in which a text stands.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    with_text(folder, text, &mut found);
    found
}

fn with_text(folder: &Path, text: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            with_text(&path, text, found);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            if bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(path);
            }
        }
    }
}

fn assert_nowhere(folder: &Path, texts: &[&str]) {
    for text in texts {
        assert_eq!(files_with(folder, text), Vec::<PathBuf>::new(), "{text}");
    }
}

#[test]
fn no_plain_byte_of_an_encrypted_stream_reaches_the_disk_and_its_readers_see_no_difference() {
    let folder = Folder::new();
    let with_key = [("--master-key", "one")];
    let server = folder.serve(&with_key);
    server.output_with("under the master key");
    call(&server, &["streams", "create", STREAM, "--shards", "1"]);
    start_encryption(&server);
    for number in 0..20 {
        put(&server, &format!("{SECRET}-{number}"));
    }
    let before = records(&server);
    assert_eq!(before.len(), 20);
    assert!(before.iter().all(|data| data.starts_with(SECRET)));
    let texts = [SECRET, STREAM, PARTITION_KEY, ONE];
    assert_nowhere(&folder.path("data"), &texts);
    let saved = folder.path("saved");
    let mut backup = folder.command("backup", &[]);
    backup.arg("--to").arg(&saved);
    assert_eq!(run(backup, b"").code, 0);
    assert_nowhere(&saved, &texts);
    // A clean end stores a snapshot and the metrics.
    assert!(server.terminate().success());
    assert_nowhere(&folder.path("data"), &texts);
    let server = folder.serve(&with_key);
    assert_eq!(records(&server), before);
    server.kill();
    assert_nowhere(&folder.path("data"), &texts);

    let verify = |flags: &[(&str, &str)]| run(folder.command("verify", flags), b"");
    let verified = verify(&with_key);
    assert_eq!(verified.code, 0, "{verified:?}");
    let refused = verify(&[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("--master-key"), "{refused:?}");

    // What is restored needs the key too, the restore itself does not.
    let other = folder.path("other");
    let mut restore = Command::new(env!("CARGO_BIN_EXE_millstream"));
    restore
        .args(["restore", "--from"])
        .arg(&saved)
        .arg("--to")
        .arg(&other);
    restore
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let restored = run(restore, b"");
    assert_eq!(restored.code, 0, "{restored:?}");
    fs::remove_dir_all(folder.path("data")).unwrap();
    fs::rename(&other, folder.path("data")).unwrap();
    let refused = folder.refused(&[]);
    assert!(refused.contains("--master-key"), "{refused}");
    assert_eq!(records(&folder.serve(&with_key)), before);
}

#[test]
fn a_new_master_key_takes_over_and_the_old_one_opens_nothing_any_more() {
    let folder = Folder::new();
    let server = folder.serve(&[("--master-key", "one")]);
    call(&server, &["streams", "create", STREAM, "--shards", "1"]);
    start_encryption(&server);
    put(&server, SECRET);
    let before = records(&server);
    assert!(server.terminate().success());
    let refused = folder.refused(&[]);
    assert!(
        refused.contains("is encrypted under the master key"),
        "{refused}"
    );
    let refused = folder.refused(&[("--master-key", "two")]);
    assert!(refused.contains("--master-key-before"), "{refused}");

    let server = folder.serve(&[("--master-key", "two"), ("--master-key-before", "one")]);
    assert_eq!(records(&server), before);
    put(&server, SECRET);
    assert!(server.terminate().success());
    let refused = folder.refused(&[("--master-key", "one")]);
    assert!(refused.contains("are under the master key"), "{refused}");
    let mut command = folder.command("serve", &[]);
    command.args(["--listen", "127.0.0.1:0", "--master-key-command"]);
    command.arg(format!("cat {}", folder.path("two").display()));
    assert_eq!(records(&ServerProcess::start(command)).len(), 2);
}

/// A folder of before: what is there stays readable, and what comes is sealed.
#[test]
fn a_master_key_on_a_folder_that_has_none_seals_what_is_put_from_then_on() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    call(&server, &["streams", "create", STREAM, "--shards", "1"]);
    start_encryption(&server);
    put(&server, "shown-only");
    server.output_with("nothing is encrypted");
    assert!(server.terminate().success());
    // Whoever looks for plain bytes finds those that are there: of records, commands, snapshots and metrics.
    let data = folder.path("data");
    for text in ["shown-only", STREAM, PARTITION_KEY] {
        assert_ne!(files_with(&data, text), Vec::<PathBuf>::new(), "{text}");
    }
    assert_ne!(
        files_with(&data.join("snapshots"), STREAM),
        Vec::<PathBuf>::new()
    );
    let server = folder.serve(&[]);
    server.output_with("1 streams are shown as encrypted and are not");
    assert!(server.terminate().success());
    let server = folder.serve(&[("--master-key", "one")]);
    put(&server, SECRET);
    assert_eq!(records(&server), ["shown-only", SECRET]);
    assert!(server.terminate().success());
    assert_nowhere(&folder.path("data"), &[SECRET]);
    let verified = run(folder.command("verify", &[("--master-key", "one")]), b"");
    assert_eq!(verified.code, 0, "{verified:?}");
}

/// Lost, or put back from a time before: whose they are is told, and nobody else is harmed.
#[test]
fn keys_that_are_lost_or_too_old_are_named_and_harm_no_other_stream() {
    let folder = Folder::new();
    let with_key = [("--master-key", "one")];
    let keys = folder.path("data").join("keys");
    let server = folder.serve(&with_key);
    for stream in [STREAM, "other"] {
        call(&server, &["streams", "create", stream, "--shards", "1"]);
    }
    call(
        &server,
        &["records", "put", "other", "for-all", "--partition-key", "k"],
    );
    let old = fs::read(&keys).unwrap();
    start_encryption(&server);
    put(&server, SECRET);
    assert!(server.terminate().success());
    let whole = fs::read(&keys).unwrap();

    fs::remove_file(&keys).unwrap();
    for flags in [&with_key[..], &[]] {
        let refused = folder.refused(flags);
        assert!(refused.contains("its file `keys` is missing"), "{refused}");
        assert!(!keys.exists());
        let verified = run(folder.command("verify", flags), b"");
        assert_eq!(verified.code, 3, "{verified:?}");
        assert!(verified.stderr.contains("is missing"), "{verified:?}");
    }

    fs::write(&keys, &old).unwrap();
    let verified = run(folder.command("verify", &with_key), b"");
    assert_eq!(verified.code, 1, "{verified:?}");
    let lines: Vec<&str> = verified.stdout.lines().collect();
    assert!(
        lines[0].starts_with("not readable: ") && lines.len() == 1,
        "{verified:?}"
    );
    assert!(
        lines[0].contains(STREAM) && lines[0].contains("data key"),
        "{verified:?}"
    );
    let mut repair = folder.command("repair", &with_key);
    repair.arg("--yes");
    let repaired = run(repair, b"");
    assert_eq!(repaired.code, 1, "{repaired:?}");
    assert!(repaired.stderr.contains("nothing was done"), "{repaired:?}");
    let server = folder.serve(&with_key);
    let read = ["records", "get", "other", "--shard", "0", "--json"];
    assert_eq!(data_of(call(&server, &read).trim()), "for-all");
    let read = ["records", "get", STREAM, "--shard", "0"];
    assert_ne!(run_at(&server.endpoint(), &read, b"").code, 0);
    server.kill();

    fs::write(&keys, &whole).unwrap();
    assert_eq!(records(&folder.serve(&with_key)), [SECRET]);
}

#[test]
fn a_damaged_folder_is_repaired_with_its_key_and_stays_sealed() {
    let folder = Folder::new();
    let with_key = [("--master-key", "one")];
    let server = folder.serve(&with_key);
    call(&server, &["streams", "create", STREAM, "--shards", "1"]);
    start_encryption(&server);
    put(&server, SECRET);
    assert!(server.terminate().success());
    let manifest = folder.path("data").join("manifest");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[30] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    let repair = |flags: &[(&str, &str)]| {
        let mut repair = folder.command("repair", flags);
        repair.arg("--yes");
        run(repair, b"")
    };
    let refused = repair(&[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("--master-key"), "{refused:?}");
    let repaired = repair(&with_key);
    assert_eq!(repaired.code, 0, "{repaired:?}");
    assert_nowhere(&folder.path("data"), &[SECRET, STREAM, PARTITION_KEY]);
    assert_eq!(run(folder.command("verify", &with_key), b"").code, 0);
    assert_eq!(records(&folder.serve(&with_key)), [SECRET]);
}

#[test]
fn a_master_key_that_others_can_read_and_one_on_the_command_line_are_refused() {
    let folder = Folder::new();
    let open = fs::Permissions::from_mode(0o640);
    fs::set_permissions(folder.path("one"), open).unwrap();
    let refused = folder.refused(&[("--master-key", "one")]);
    assert!(refused.contains("chmod 600"), "{refused}");
    let mut command = folder.command("serve", &[]);
    command.args(["--listen", "127.0.0.1:0", "--master-key", ONE]);
    let refused = run(command, b"");
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("wants the name of a file"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains(ONE), "{refused:?}");
    assert!(!folder.path("data").join("keys").exists());
}
