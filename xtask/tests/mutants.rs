//! Faults that are put in on purpose follow the code: each diff applies, and `make soak` runs each crate's.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates whose mutants `make soak` does not run, and why.
const NOT_RUN: [(&str, &str); 0] = [];

/// Each crate that has mutants, and its mutants.
fn mutants() -> Vec<(String, Vec<PathBuf>)> {
    let entries = |folder: &Path| {
        let read = std::fs::read_dir(folder).into_iter().flatten();
        let mut paths: Vec<PathBuf> = read.map(|entry| entry.expect("readable").path()).collect();
        paths.sort();
        paths
    };
    let crates = entries(&xtask::root().join("crates")).into_iter();
    let with_mutants = crates.filter_map(|folder| {
        let name = folder.file_name()?.to_str()?.to_owned();
        let mut mutants = entries(&folder.join("mutants"));
        mutants.retain(|path| path.extension().is_some_and(|end| end == "diff"));
        (!mutants.is_empty()).then_some((name, mutants))
    });
    with_mutants.collect()
}

#[test]
fn every_mutant_applies() {
    let all = mutants();
    let count: usize = all.iter().map(|(_, mutants)| mutants.len()).sum();
    assert!(count > 100, "the check sees them: {count}");
    for path in all.iter().flat_map(|(_, mutants)| mutants) {
        let mut apply = Command::new("git");
        apply.current_dir(xtask::root()).args(["apply", "--check"]);
        let done = apply.arg(path).output().expect("git runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{}: {said}", path.display());
    }
}

#[test]
fn the_soak_runs_the_mutants_of_every_crate_or_a_reason_stands_here() {
    let script = std::fs::read_to_string(xtask::root().join("scripts/test")).expect("readable");
    let listed = script.lines().find(|line| line.starts_with("MUTANTS = "));
    let listed = listed.expect("the list");
    for (name, _) in mutants() {
        let is_run = listed.contains(&format!("\"{name}\""));
        let is_known = NOT_RUN.iter().any(|(crate_name, _)| *crate_name == name);
        assert!(is_run != is_known, "{name}: in one of the two lists");
    }
}
