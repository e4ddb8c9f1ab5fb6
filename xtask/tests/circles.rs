//! Inside of a crate modules import one way too: no module, with all that is in its folder, imports one that imports it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each module at the top of the crate, and those whose names stand in it.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn files(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files(&path, into);
            }
        } else if !path.to_string_lossy().ends_with("tests.rs") {
            into.push(path);
        }
    }
}

/// The folders of the crates that others build on.
fn libraries() -> Vec<String> {
    let crates = xtask::root().join("crates");
    let entries = fs::read_dir(&crates).expect("a folder of crates");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names
        .filter(|name| crates.join(name).join("src/lib.rs").exists())
        .collect()
}

/// The code of a file without comments and tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source");
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let lines = text[..end].lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first names behind each `crate::`, also those in braces.
fn names_behind(code: &str, root: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(root) {
        let rest = &code[at + root.len()..];
        let word = |text: &str| -> String {
            let text = text.trim_start();
            text.chars()
                .take_while(|one| one.is_alphanumeric() || *one == '_')
                .collect()
        };
        let Some(list) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (place, one) in list.char_indices() {
            match one {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    names.push(word(&list[start..place]));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.push(word(&list[start..place]));
                    start = place + 1;
                }
                _ => {}
            }
        }
    }
    names
}

/// What the root of the crate re-exports, and from which module.
fn re_exports(root: &str) -> BTreeMap<String, String> {
    let mut from = BTreeMap::new();
    for item in root.split(';') {
        let Some((_, path)) = item.split_once("use ") else {
            continue;
        };
        let Some((module, names)) = path.split_once("::") else {
            continue;
        };
        for name in names.split(|one: char| !one.is_alphanumeric() && one != '_') {
            if !name.is_empty() {
                from.insert(name.to_owned(), module.trim().to_owned());
            }
        }
    }
    from
}

fn imports(name: &str) -> Imports {
    let source = xtask::root().join("crates").join(name).join("src");
    let exported = re_exports(&code(&source.join("lib.rs")));
    let mut paths = Vec::new();
    files(&source, &mut paths);
    let module_of = |path: &Path| {
        let inside = path.strip_prefix(&source).expect("inside");
        let top = inside.components().next().expect("a name");
        let top = top.as_os_str().to_string_lossy();
        (
            top.trim_end_matches(".rs").to_owned(),
            inside.components().count(),
        )
    };
    let modules: BTreeSet<String> = paths.iter().map(|path| module_of(path).0).collect();
    let mut imports = Imports::new();
    for path in &paths {
        let (module, depth) = module_of(path);
        if module == "lib" || module == "tests" {
            continue;
        }
        let code = code(path);
        let mut names = names_behind(&code, "crate::");
        if depth == 1 {
            names.extend(names_behind(&code, "super::"));
        }
        let into = imports.entry(module.clone()).or_default();
        for name in names {
            let target = if modules.contains(&name) {
                Some(&name)
            } else {
                exported.get(&name)
            };
            into.extend(target.filter(|target| **target != module).cloned());
        }
    }
    imports
}

/// A walk that ends where it began.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn walk(
        imports: &Imports,
        module: &str,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|one| one == module) {
            let mut circle = way.split_off(start);
            circle.push(module.to_owned());
            return Some(circle);
        }
        if !done.contains(module) {
            way.push(module.to_owned());
            for next in imports.get(module).into_iter().flatten() {
                if let Some(circle) = walk(imports, next, way, done) {
                    return Some(circle);
                }
            }
            way.pop();
            done.insert(module.to_owned());
        }
        None
    }
    let mut done = BTreeSet::new();
    let mut modules = imports.keys();
    modules.find_map(|module| walk(imports, module, &mut Vec::new(), &mut done))
}

#[test]
fn no_module_imports_one_that_imports_it() {
    let mut seen = 0;
    for name in libraries() {
        let imports = imports(&name);
        seen += imports.values().map(BTreeSet::len).sum::<usize>();
        let circle = circle(&imports).map(|circle| circle.join(" imports "));
        assert_eq!(circle, None, "{name}");
    }
    assert!(seen > 300, "the check sees imports: {seen}");
}

#[test]
fn a_circle_is_found() {
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut imports = Imports::new();
    imports.insert("a".into(), of(&["b", "d"]));
    imports.insert("b".into(), of(&["c"]));
    imports.insert("c".into(), of(&["d"]));
    assert_eq!(circle(&imports), None);
    imports.insert("d".into(), of(&["b"]));
    let found = circle(&imports).expect("found");
    assert_eq!(found, ["b", "c", "d", "b"]);
    let names = names_behind(
        "use crate::{a::{b, c}, D};\n crate::e::f(super::g)",
        "crate::",
    );
    assert_eq!(names, ["a", "D", "e"]);
    let exported = re_exports("mod a;\npub use a::{B, C};\npub(crate) use d::E;");
    assert_eq!(exported.get("C").map(String::as_str), Some("a"));
    assert_eq!(exported.get("E").map(String::as_str), Some("d"));
}
