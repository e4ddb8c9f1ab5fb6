//! `millstream keys`, and a server that serves nobody else, encrypted.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use millstream_testkit::ServerProcess;
use rustix::process::{Pid, Signal, kill_process};

fn millstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.stdin(Stdio::null());
    command
}

struct Folder(tempfile::TempDir);

/// An access key as `keys create` prints it.
struct Key {
    id: String,
    secret: String,
}

impl Folder {
    fn file(&self) -> PathBuf {
        self.0.path().join("keys.toml")
    }

    fn keys(&self, arguments: &[&str]) -> Output {
        let mut command = millstream();
        command.arg("keys").args(arguments);
        command.env("MILLSTREAM_ACCESS_KEYS", self.file());
        command.output().unwrap()
    }

    fn create(&self, arguments: &[&str]) -> Key {
        let made = self.keys(&[&["create"], arguments].concat());
        let said = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{said}");
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().to_owned()
        };
        Key {
            id: value("AWS_ACCESS_KEY_ID="),
            secret: value("AWS_SECRET_ACCESS_KEY="),
        }
    }
}

fn list(endpoint: &str, certificate: &Path, key: &Key) -> Output {
    let mut command = millstream();
    command.args(["streams", "list", "--endpoint-url", endpoint]);
    command
        .env("AWS_ACCESS_KEY_ID", &key.id)
        .env("AWS_SECRET_ACCESS_KEY", &key.secret)
        .env("AWS_REGION", "eu-west-1")
        .env("SSL_CERT_FILE", certificate)
        .output()
        .unwrap()
}

#[test]
fn keys_are_made_shown_once_listed_and_revoked() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let policy = folder.0.path().join("policy.json");
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "kinesis:Get*", "Resource": "*"}}"#;
    std::fs::write(&policy, text).unwrap();
    let policy = policy.to_str().unwrap();
    let key = folder.create(&[
        "--account",
        "123456789012",
        "--policy",
        policy,
        "--name",
        "reader",
    ]);
    let mode = std::fs::metadata(folder.file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = String::from_utf8(folder.keys(&["list"]).stdout).unwrap();
    assert!(
        listed.contains(&key.id) && listed.contains(":user/reader"),
        "{listed}"
    );
    assert!(!listed.contains(&key.secret), "{listed}");

    let bad = folder.0.path().join("bad.json");
    std::fs::write(&bad, text.replace("Resource", "NotResource")).unwrap();
    let refused = folder.keys(&["create", "--policy", bad.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("NotResource"), "{said}");
    let gone = folder.0.path().join("gone.json");
    let refused = folder.keys(&["create", "--policy", gone.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(6));

    assert!(folder.keys(&["revoke", &key.id]).status.success());
    assert_eq!(folder.keys(&["revoke", &key.id]).status.code(), Some(1));
    assert!(folder.keys(&["list"]).stdout.is_empty());
}

/// All rights are given by saying so, never by leaving something out.
#[test]
fn a_key_without_policies_is_not_made_by_omission() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let refused = folder.keys(&["create"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("--policy"), "{said}");
    assert!(!folder.file().exists());
}

/// The kind: a write to stdout that fails after the deed.
#[test]
fn a_key_that_nobody_could_see_is_not_kept() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let create = |stdout: Stdio| {
        let mut command = millstream();
        command.args(["keys", "create", "--allow-everything"]);
        command.env("MILLSTREAM_ACCESS_KEYS", folder.file());
        command.stdout(stdout).output().unwrap()
    };
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for stdout in [Stdio::from(full), Stdio::from(writer)] {
        let refused = create(stdout);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(6), "{said}");
        assert!(said.contains("was not kept"), "{said}");
        assert_eq!(folder.keys(&["list"]).stdout, b"");
    }
    // A reader that has seen enough of a list is no failure.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    folder.create(&["--allow-everything"]);
    let mut list = millstream();
    list.args(["keys", "list"])
        .env("MILLSTREAM_ACCESS_KEYS", folder.file());
    let done = list.stdout(writer).output().unwrap();
    assert_eq!((done.status.code(), done.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_server_with_keys_serves_their_owners_only_and_learns_of_changes() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let key = folder.create(&["--allow-everything"]);
    let data = folder.0.path().join("data");
    let mut command = millstream();
    // An address that other machines reach: without keys it would be refused.
    command.args([
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--engine",
        "memory",
        "--tls-self-signed",
    ]);
    command.arg("--access-keys").arg(folder.file());
    command.arg("--data-dir").arg(&data);
    let server = ServerProcess::start(command);
    let endpoint = format!("https://localhost:{}", server.address().port());
    let certificate = data.join("tls/certificate.pem");
    let said = server.output_with("every request must be signed");
    assert!(
        said.contains(&format!("AWS_CA_BUNDLE={}", certificate.display())),
        "{said}"
    );

    let listed = list(&endpoint, &certificate, &key);
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let nobody = Path::new("/dev/null");
    let refused = list(&endpoint, nobody, &key);
    assert_eq!(refused.status.code(), Some(3));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        text.contains("certificate")
            && text.contains("SSL_CERT_FILE")
            && !text.contains("is the server running"),
        "{text}"
    );
    let stranger = Key {
        id: key.id.clone(),
        secret: "not-the-secret-of-this-key".into(),
    };
    let refused = list(&endpoint, &certificate, &stranger);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("InvalidSignatureException"), "{text}");

    let second = folder.create(&["--allow-everything"]);
    let unknown = list(&endpoint, &certificate, &second);
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(text.contains("UnrecognizedClientException"), "{text}");
    let id = Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap();
    kill_process(id, Signal::HUP).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !list(&endpoint, &certificate, &second).status.success() {
        assert!(std::time::Instant::now() < deadline, "{}", server.output());
    }
    let said = server.output();
    for secret in [&key.secret, &second.secret] {
        assert!(!said.contains(secret.as_str()), "a secret was said");
    }
    let mut kept = String::new();
    let mut file = std::fs::File::open(&certificate).unwrap();
    file.read_to_string(&mut kept).unwrap();
    assert!(!kept.contains("PRIVATE KEY"));
    assert!(server.terminate().success());
}
