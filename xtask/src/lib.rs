//! What the rules of this repository need to know about it: the packages, and the files that are tracked.
//!
//! The rules themselves are the tests of this crate.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace's folder")
}

/// The answer of `cargo metadata`, with the dependencies of a build for this machine if `deps`; of one with the features that
/// `MILLSTREAM_FEATURES` names, if it is set.
///
/// # Panics
/// If cargo fails: then the build that runs this is broken too.
pub fn metadata(deps: bool) -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--offline",
    ]);
    if deps {
        // What only other systems need is not there: cargo downloads what it builds.
        command.args(["--filter-platform", &host()]);
        if let Ok(features) = std::env::var("MILLSTREAM_FEATURES") {
            command.args(["--features", &features]);
        }
    } else {
        command.arg("--no-deps");
    }
    let output = command.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// The machine that the compiler builds for.
fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc prints text");
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc names its host").to_owned()
}

/// The files that belong to the project, relative to [`root`]: tracked by git, or all files of a tree without git.
pub fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-z"])
        .output();
    let listed = output
        .ok()
        .filter(|output| output.status.success())
        .map(|output| output.stdout);
    let listed = listed.expect("the checkout is a git work tree");
    let names = listed
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    names
        .map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
        .filter(|path| root().join(path).is_file())
        .collect()
}
