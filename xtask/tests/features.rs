//! Libraries have the same features with tests and without: what clippy has compiled of them, check and doc use again.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Small ones, on which few others stand: they may be compiled twice.
const TWICE: [&str; 1] = ["regex-automata"];

/// The features of each library that is not ours, by name and version.
fn features(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(xtask::root()).args([
        "tree",
        "--locked",
        "--offline",
        "--workspace",
        "--edges",
        edges,
        "--prefix",
        "none",
        "--format",
        "{p}|{f}",
    ]);
    let output = tree.output().expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((package, features)) = line.split_once('|') else {
            continue;
        };
        // Ours say where they lie.
        if package.contains('/') {
            continue;
        }
        let features = features.trim_end_matches(" (*)").split(',');
        let known = found.entry(package.to_owned()).or_default();
        known.extend(features.map(str::to_owned));
    }
    found
}

#[test]
fn tests_add_no_feature_to_a_library_that_many_stand_on() {
    let (without, with) = (features("normal,build"), features("normal,build,dev"));
    assert!(
        without.len() > 200,
        "the check sees libraries: {}",
        without.len()
    );
    for (package, features) in &with {
        let name = package.split(' ').next().unwrap_or_default();
        let Some(before) = without.get(package).filter(|_| !TWICE.contains(&name)) else {
            continue;
        };
        let added: Vec<_> = features.difference(before).collect();
        assert!(
            added.is_empty(),
            "{package} is compiled twice, for tests alone ask for {added:?}: name it in Cargo.toml"
        );
    }
}
