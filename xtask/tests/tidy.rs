//! Small rooms and true signposts.

use std::fs;

/// More lines than this want another file. Tests and generated tables may be longer.
const LINES_MAX: usize = 600;

fn text(path: &std::path::Path) -> String {
    fs::read_to_string(xtask::root().join(path)).unwrap_or_default()
}

#[test]
fn source_files_are_small_rooms() {
    let mut seen = 0;
    for path in xtask::files() {
        let name = path.to_string_lossy();
        if !name.ends_with(".rs") || name.contains("generated") || name.contains("tests") {
            continue;
        }
        seen += 1;
        let lines = text(&path).lines().count();
        assert!(
            lines <= LINES_MAX,
            "{name} has {lines} lines, more than {LINES_MAX}: split it"
        );
    }
    assert!(seen > 20, "the check sees the files");
}

#[test]
fn no_folder_or_file_has_a_name_that_says_nothing() {
    for path in xtask::files() {
        for part in path.iter().map(|part| part.to_string_lossy()) {
            let stem = part.split('.').next().unwrap_or_default();
            let empty = [
                "util", "utils", "common", "helpers", "helper", "manager", "misc", "impls",
            ];
            assert!(
                !empty.contains(&stem),
                "{} says nothing about what is in it",
                path.display()
            );
        }
    }
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    for path in xtask::files() {
        let name = path.to_string_lossy();
        if ![".rs", ".py", ".c", ".mjs", ".js", ".sh"]
            .iter()
            .any(|ending| name.ends_with(ending))
        {
            continue;
        }
        let text = text(&path);
        for mark in marks {
            assert!(!text.contains(mark), "{name} contains {mark}");
        }
    }
}

/// Every path in backquotes that ARCHITECTURE.md and README.md name is there.
#[test]
fn documents_name_paths_that_exist() {
    let mut seen = 0;
    for document in ["ARCHITECTURE.md", "README.md"] {
        let text = text(document.as_ref());
        for quoted in text.split('`').skip(1).step_by(2) {
            let roots = [
                "crates/",
                "docs/",
                "compat/",
                "examples/",
                "scripts/",
                "xtask/",
                "bench/",
                "fuzz/",
            ];
            let is_path = roots.iter().any(|root| quoted.starts_with(root));
            if !is_path || quoted.contains(['*', '<', ' ', '{']) {
                continue;
            }
            seen += 1;
            assert!(
                xtask::root().join(quoted).exists(),
                "{document} names {quoted}, which does not exist"
            );
        }
    }
    assert!(seen > 10, "the check sees the paths");
}

/// What the README shows in Rust is what the consumer's front page shows, which its tests compile.
#[test]
fn the_readme_shows_what_is_compiled() {
    let readme = text("README.md".as_ref());
    let shown = readme.split("```rust\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let front_page = text("crates/consumer/src/lib.rs".as_ref());
    let front_page: String = front_page
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(
        front_page.contains(shown),
        "not on the front page:\n{shown}"
    );
}
