//! A damaged data folder, from the server that refuses it to the server that runs on what was repaired.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use millstream_testkit::ServerProcess;

use crate::commands::{Done, run_at};

fn serve(folder: &Path) -> ServerProcess {
    let mut command = ServerProcess::command(Path::new(env!("CARGO_BIN_EXE_millstream")));
    command.arg("--data-dir").arg(folder);
    ServerProcess::start(command)
}

/// A command on a folder: exit code, stdout, stderr.
fn on(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(arguments).arg("--data-dir").arg(folder);
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        done.status.code().unwrap(),
        text(done.stdout),
        text(done.stderr),
    )
}

fn records(server: &ServerProcess) -> String {
    let read = ["records", "get", "s", "--shard", "0"];
    let Done {
        code,
        stdout,
        stderr,
    } = run_at(&server.endpoint(), &read, b"");
    assert_eq!(code, 0, "{stderr}");
    stdout
}

/// A folder with a stream `s` of three records, and what reading them says.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let run = |arguments: &[&str]| {
        let done = run_at(&server.endpoint(), arguments, b"");
        assert_eq!(done.code, 0, "{}", done.stderr);
    };
    run(&["streams", "create", "s", "--shards", "1"]);
    for data in ["one", "two", "three"] {
        run(&["records", "put", "s", data, "--partition-key", "k"]);
    }
    let expected = records(&server);
    let busy = on(folder.path(), &["verify"]);
    assert_eq!(busy.0, 3, "{busy:?}");
    assert!(busy.2.contains("in use"), "{busy:?}");
    assert!(server.terminate().success());
    (folder, expected)
}

/// One record of many is damaged on the disk: a reader gets what lies before, is told how to go on, and does; or the
/// operator has said that readers pass over.
#[test]
fn a_reader_goes_on_behind_a_damaged_record() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = serve(folder);
    let run = |server: &ServerProcess, arguments: &[&str]| {
        let done = run_at(&server.endpoint(), arguments, b"");
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout
    };
    run(&server, &["streams", "create", "s", "--shards", "1"]);
    let put = |data: &str| {
        run(
            &server,
            &["records", "put", "s", data, "--partition-key", "k"],
        )
    };
    for data in ["one", "two", "a-damaged-one", "four"] {
        put(data);
    }
    assert!(server.terminate().success());
    let needle = b"a-damaged-one";
    let segments = std::fs::read_dir(folder.join("segments")).unwrap();
    let (path, position) = segments
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let position = bytes
                .windows(needle.len())
                .position(|part| part == needle)?;
            Some((path, position))
        })
        .next()
        .unwrap();
    flip(&path, position);

    let server = serve(folder);
    let read = |more: &[&str]| {
        let arguments = [&["records", "get", "s", "--shard", "0"], more].concat();
        run_at(&server.endpoint(), &arguments, b"")
    };
    let refused = read(&[]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(
        refused.stdout.contains("one") && refused.stdout.contains("two"),
        "{refused:?}"
    );
    let (_, behind) = refused
        .stderr
        .split_once("AFTER_SEQUENCE_NUMBER ")
        .expect("how to go on");
    let number = behind.split(' ').next().unwrap();
    let rest = read(&["--after-sequence-number", number]);
    assert_eq!(rest.code, 0, "{rest:?}");
    assert!(
        rest.stdout.contains("four") && !rest.stdout.contains("two"),
        "{rest:?}"
    );
    assert!(server.terminate().success());

    let mut command = ServerProcess::command(Path::new(env!("CARGO_BIN_EXE_millstream")));
    command.arg("--data-dir").arg(folder);
    command.args(["--records-damaged", "skip"]);
    let server = ServerProcess::start(command);
    let passed = records(&server);
    assert!(
        passed.contains("two") && passed.contains("four"),
        "{passed}"
    );
    assert!(!passed.contains("damaged"), "{passed}");
    let page = page(&server, "/metrics");
    for line in [
        "millstream_damage_skipped_total 1",
        "millstream_damaged_entries_skipped_total 1",
    ] {
        assert!(page.lines().any(|one| one == line), "{line}: {page}");
    }
    server.output_with("damaged records were passed over");
}

/// What `GET` of a path answers, head and body.
fn page(server: &ServerProcess, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn flip(path: &Path, position: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[position] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_of_the_manifest_costs_no_record() {
    let (folder, expected) = folder();
    let folder = folder.path();
    let sound = on(folder, &["verify"]);
    assert_eq!((sound.0, sound.1.as_str()), (0, ""), "{sound:?}");
    flip(&folder.join("manifest"), 40);

    let refused = on(folder, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.0, 1, "{refused:?}");
    assert!(refused.2.contains("millstream verify"), "{refused:?}");
    let damaged = on(folder, &["verify"]);
    assert_eq!(damaged.0, 1, "{damaged:?}");
    assert!(damaged.1.contains("manifest at byte 0"), "{damaged:?}");
    assert!(!damaged.1.contains("lost:"), "{damaged:?}");
    let asked = on(folder, &["repair"]);
    assert_eq!(asked.0, 1, "nobody is there to ask: {asked:?}");
    let repaired = on(folder, &["repair", "--yes"]);
    assert_eq!(repaired.0, 0, "{repaired:?}");
    assert_eq!(on(folder, &["verify"]).0, 0);

    let server = serve(folder);
    assert_eq!(records(&server), expected);
    let put = ["records", "put", "s", "four", "--partition-key", "k"];
    assert_eq!(run_at(&server.endpoint(), &put, b"").code, 0);
    let after = records(&server);
    assert!(after.starts_with(&expected) && after.len() > expected.len());
    assert!(server.terminate().success());
}

#[test]
fn a_server_starts_by_itself_where_the_log_has_what_its_only_snapshot_had() {
    let (folder, expected) = folder();
    let snapshots = std::fs::read_dir(folder.path().join("snapshots")).unwrap();
    let snapshots: Vec<_> = snapshots.map(|file| file.unwrap().path()).collect();
    assert_eq!(snapshots.len(), 1);
    flip(&snapshots[0], 60);
    let damaged = on(folder.path(), &["verify"]);
    assert_eq!(damaged.0, 1, "{damaged:?}");
    assert!(damaged.1.contains("snapshots/"), "{damaged:?}");
    let server = serve(folder.path());
    assert_eq!(records(&server), expected);
}

#[test]
fn a_server_starts_by_itself_from_the_older_snapshot() {
    let (folder, expected) = folder();
    let server = serve(folder.path());
    let create = ["streams", "create", "t", "--shards", "1"];
    assert_eq!(run_at(&server.endpoint(), &create, b"").code, 0);
    assert!(server.terminate().success());
    let snapshots = std::fs::read_dir(folder.path().join("snapshots")).unwrap();
    let mut snapshots: Vec<_> = snapshots.map(|file| file.unwrap().path()).collect();
    snapshots.sort();
    assert_eq!(snapshots.len(), 2);
    flip(&snapshots[1], 60);
    let server = serve(folder.path());
    assert_eq!(records(&server), expected);
    let list = run_at(&server.endpoint(), &["streams", "list"], b"");
    assert!(list.stdout.contains('t'), "{list:?}");
    server.output_with("a snapshot is damaged");
}

#[test]
fn a_missing_segment_is_declared_and_a_repair_goes_on_without_it() {
    let (folder, _) = folder();
    let folder = folder.path();
    let segments = std::fs::read_dir(folder.join("segments")).unwrap();
    let sealed: Vec<_> = segments
        .map(|file| file.unwrap().path())
        .filter(|path| std::fs::read(path).unwrap()[64..68] == *b"MFRM")
        .collect();
    assert_eq!(sealed.len(), 1);
    std::fs::remove_file(&sealed[0]).unwrap();
    let repaired = on(folder, &["repair", "--yes"]);
    assert_eq!(repaired.0, 0, "{repaired:?}");
    let said = &repaired.1;
    assert!(said.contains("the file is missing"), "{repaired:?}");
    assert!(
        said.contains("lost: 000000000000/") && said.contains("3 entries"),
        "{repaired:?}"
    );
    let server = serve(folder);
    assert_eq!(records(&server), "");
    let put = ["records", "put", "s", "four", "--partition-key", "k"];
    assert_eq!(run_at(&server.endpoint(), &put, b"").code, 0);
    assert!(records(&server).contains("four"));
}

/// A call of the tables of an account: status line and body.
fn table_call(server: &ServerProcess, account: &str, operation: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx-amz-target: DynamoDB_20120810.{operation}\r\n\
         content-type: application/x-amz-json-1.0\r\nx-amz-date: 20261128T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={account}/20261128/eu-west-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature=00\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_missing_file_of_tables_is_missed_by_serve_and_verify_until_repair_or_a_switch_goes_on_without_it()
 {
    let (folder, expected) = folder();
    let folder = folder.path();
    let (lost, kept) = ("111111111111", "222222222222");
    let table = r#"{"TableName":"leases","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}"#;
    let server = serve(folder);
    for account in [lost, kept] {
        let made = table_call(&server, account, "CreateTable", table);
        assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    }
    assert!(server.terminate().success());
    assert_eq!(on(folder, &["verify"]).0, 0);
    let file = format!("tables/{lost}/eu-west-1.sqlite");
    std::fs::remove_file(folder.join(&file)).unwrap();

    let refused = on(folder, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.0, 1, "{refused:?}");
    assert!(
        refused.2.contains(&file) && refused.2.contains("millstream repair"),
        "{refused:?}"
    );
    let damaged = on(folder, &["verify"]);
    assert_eq!(damaged.0, 1, "{damaged:?}");
    assert!(
        damaged.1.contains(&file) && damaged.1.contains("lost:"),
        "{damaged:?}"
    );

    let mut without = ServerProcess::command(Path::new(env!("CARGO_BIN_EXE_millstream")));
    without.arg("--data-dir").arg(folder);
    without.args(["--tables-damaged", "leave-out"]);
    let server = ServerProcess::start(without);
    assert_eq!(records(&server), expected);
    let named = table_call(&server, lost, "ListTables", "{}");
    assert!(
        named.starts_with("HTTP/1.1 500") && named.contains(&file),
        "{named}"
    );
    let listed = table_call(&server, kept, "ListTables", "{}");
    assert!(listed.contains("leases"), "{listed}");
    assert!(server.terminate().success());

    assert_eq!(on(folder, &["repair", "--yes"]).0, 0);
    assert_eq!(on(folder, &["verify"]).0, 0);
    let server = serve(folder);
    assert_eq!(records(&server), expected);
    let gone = table_call(&server, lost, "ListTables", "{}");
    assert!(gone.contains(r#"{"TableNames":[]}"#), "{gone}");
    let listed = table_call(&server, kept, "ListTables", "{}");
    assert!(listed.contains("leases"), "{listed}");
}
