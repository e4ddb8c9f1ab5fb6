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

/// The Rust files of a crate that ship, as paths: what is in `src` and no test.
///
/// # Panics
/// If they cannot be listed.
pub fn sources(crate_folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![crate_folder.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    folders.push(path);
                }
            } else if !path.to_string_lossy().ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The code of a source without comments and without its tests, which stand at its end.
///
/// # Panics
/// If it cannot be read.
pub fn code(source: &Path) -> String {
    let text = std::fs::read_to_string(source).expect("a source");
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let lines = text[..end].lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The folders of the crates under `crates`, by name.
///
/// # Panics
/// If they cannot be listed.
pub fn crates() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("crates")).expect("a folder of crates");
    let mut crates: Vec<PathBuf> = entries.map(|one| one.expect("an entry").path()).collect();
    crates.sort();
    crates
}
