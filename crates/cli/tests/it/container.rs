//! What the image runs, with this binary: its command starts a server, which its health check finds healthy until it is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use millstream_testkit::ServerProcess;

/// The words of an instruction that is written as a JSON array.
fn words(containerfile: &str, instruction: &str) -> Vec<String> {
    let mut lines = containerfile.lines();
    let line = lines
        .find(|line| line.starts_with(instruction))
        .expect(instruction);
    let array = &line[line.find('[').expect("an array")..];
    serde_json::from_str(array).expect("JSON")
}

/// The same but for where it listens, as an address, and where keys and data are.
fn server(containerfile: &str, folder: &Path) -> ServerProcess {
    let keys = folder.join("access-keys.toml");
    fs::write(&keys, "").unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    for word in words(containerfile, "CMD ") {
        match word.as_str() {
            "0.0.0.0:4566" => command.arg("127.0.0.1:0"),
            "/run/secrets/access-keys.toml" => command.arg(&keys),
            _ => command.arg(word),
        };
    }
    assert_eq!(words(containerfile, "ENTRYPOINT"), ["millstream"]);
    assert!(containerfile.contains("\nENV MILLSTREAM_DATA_DIR=/data\n"));
    command.env("MILLSTREAM_DATA_DIR", folder.join("data"));
    ServerProcess::start(command)
}

#[test]
fn the_images_health_check_finds_its_server_until_it_is_gone() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/Containerfile");
    let containerfile = fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = server(&containerfile, folder.path());
    let port = server.address().port().to_string();
    let check = words(&containerfile, "HEALTHCHECK");
    let is_healthy = || {
        let mut command = Command::new(&check[0]);
        command.args(check[1..].iter().map(|word| word.replace("4566", &port)));
        command.output().unwrap().status.success()
    };
    assert!(is_healthy());
    server.terminate();
    assert!(!is_healthy());
}
