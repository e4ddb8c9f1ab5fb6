//! Inside of a crate modules import one way too. In each folder of sources no module, with all that is in its own folder,
//! imports one that imports it; what a module re-exports counts as the module's that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A path of names: of a module, or what stands in a `use`.
type Names = Vec<String>;
/// Each module of a crate by its path from the crate's root, and its code.
type Modules = BTreeMap<Names, String>;
/// Each module of a folder, and those of the folder that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// How often a name may be re-exported on its way.
const RE_EXPORTS_MAX: usize = 5;

fn modules(crate_folder: &Path) -> Modules {
    let source = crate_folder.join("src");
    let module = |path: &Path| {
        let inside = path.strip_prefix(&source).expect("inside");
        let names = inside.with_extension("");
        let names = names.iter().map(|name| name.to_string_lossy().into_owned());
        let names: Names = names.collect();
        match names == ["lib"] || names == ["main"] {
            true => Names::new(),
            false => names,
        }
    };
    let sources = xtask::sources(crate_folder);
    let with_code = sources.iter().map(|path| (module(path), xtask::code(path)));
    with_code.collect()
}

/// What stands in the braces at the start of `text`, cut at its commas.
fn in_braces(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 1);
    for (place, one) in text.char_indices() {
        match one {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && one == ',') {
            parts.push(&text[start..place]);
            start = place + 1;
        }
        if depth == 0 {
            break;
        }
    }
    parts
}

/// Every path that a tree of names has.
fn paths(text: &str) -> Vec<Names> {
    let text = text.trim_start();
    if text.starts_with('{') {
        return in_braces(text).into_iter().flat_map(paths).collect();
    }
    let end = text.find(|one: char| !one.is_alphanumeric() && one != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    if name.is_empty() {
        return Vec::new();
    }
    let below = rest.strip_prefix("::").map(paths).unwrap_or_default();
    if below.is_empty() {
        return vec![vec![name.to_owned()]];
    }
    let with_name = |path: Names| [vec![name.to_owned()], path].concat();
    below.into_iter().map(with_name).collect()
}

/// Every path in the code that begins with one of these words.
fn beginning_with(code: &str, words: &[&str]) -> Vec<Names> {
    let mut found = Vec::new();
    for word in words {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            let is_inside = before.is_some_and(|one| one.is_alphanumeric() || "_:".contains(one));
            if !is_inside {
                found.extend(paths(&code[at..]));
            }
        }
    }
    found
}

/// A path seen from a module, as one from the crate's root.
fn from_root(module: &[String], path: &[String]) -> Names {
    let mut base = module.to_vec();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = after;
    }
    [base, rest.to_vec()].concat()
}

/// The module in which what a path names is, as far as this crate says.
fn home(modules: &Modules, path: &[String], re_exports: usize) -> Names {
    let mut module = Names::new();
    for name in path {
        let mut next = module.clone();
        next.push(name.clone());
        if modules.contains_key(&next) {
            module = next;
            continue;
        }
        let code = modules.get(&module).map_or("", String::as_str);
        let used = code.match_indices("use ");
        let used = used.flat_map(|(at, word)| paths(&code[at + word.len()..]));
        for used in used.filter(|used| used.len() > 1 && used.last() == Some(name)) {
            let origin = from_root(&module, &used);
            let inside = origin.get(..module.len() + 1).unwrap_or(&origin);
            if re_exports < RE_EXPORTS_MAX && origin != next && modules.contains_key(inside) {
                return home(modules, &origin, re_exports + 1);
            }
        }
        break;
    }
    module
}

/// Of each folder of a crate, which of its modules import which.
fn imports(modules: &Modules) -> BTreeMap<Names, Imports> {
    let mut folders = BTreeMap::<Names, Imports>::new();
    for (module, code) in modules {
        for path in beginning_with(code, &["crate::", "super::", "self::"]) {
            let target = home(modules, &from_root(module, &path), 0);
            let shared = module.iter().zip(&target).take_while(|(a, b)| a == b);
            let depth = shared.count();
            let (Some(from), Some(to)) = (module.get(depth), target.get(depth)) else {
                // One is above the other.
                continue;
            };
            let folder = folders.entry(module[..depth].to_vec()).or_default();
            folder.entry(from.clone()).or_default().insert(to.clone());
        }
    }
    folders
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
    let (mut seen, mut circles) = (0, Vec::new());
    for folder in xtask::crates() {
        for (within, imports) in imports(&modules(&folder)) {
            seen += imports.values().map(BTreeSet::len).sum::<usize>();
            if let Some(circle) = circle(&imports) {
                let place = folder.join("src").join(within.join("/"));
                circles.push(format!("{}: {}", place.display(), circle.join(" imports ")));
            }
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
    assert!(seen > 900, "the check sees imports: {seen}");
}

#[test]
fn a_circle_is_found_at_any_depth_and_through_re_exports() {
    let module = |path: &str, code: &str| {
        let names = path.split('/').filter(|name| !name.is_empty());
        (names.map(str::to_owned).collect(), code.to_owned())
    };
    let with_use_of = |name: &str| -> Modules {
        [
            module("", "mod a;\nmod b;"),
            module("a", "mod c;\nmod d;\npub(crate) use c::{One, Two};"),
            module("a/c", "use super::d::Three;"),
            module("a/d", &format!("use crate::{{a::{name}, b::Four}};")),
            module("b", "fn f() -> super_fluous::One {}"),
        ]
        .into()
    };
    let found = |name: &str| {
        let folders = imports(&with_use_of(name));
        folders.values().find_map(circle)
    };
    assert_eq!(found("Five"), None);
    let expected: Vec<String> = ["c", "d", "c"].map(str::to_owned).to_vec();
    assert_eq!(found("Two"), Some(expected));
    let imports = imports(&with_use_of("Two"));
    let at_the_top = &imports[&Names::new()];
    assert_eq!(at_the_top["a"], ["b".to_owned()].into());
    assert!(!at_the_top.contains_key("b"));
}
