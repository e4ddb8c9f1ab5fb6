//! Crates depend one way: each only on crates that stand above it in the list.

use std::collections::BTreeSet;

/// From the bottom of the building to the roof. ARCHITECTURE.md draws the same list.
const ORDER: &[&str] = &[
    "types",
    "wire",
    "policy",
    "log",
    "log-local",
    "sealing",
    "catalog",
    "streams",
    "tables",
    "metrics",
    "cloudwatch",
    "console",
    "server",
    "aggregation",
    "https",
    "producer",
    "consumer",
    "leases-postgres",
    "connectors",
    "connectors-iceberg",
    "pipeline",
    "scaling",
    "cli",
];

/// Clients must work against AWS too, so they never see the server's inside.
const CLIENTS: &[&str] = &[
    "aggregation",
    "https",
    "producer",
    "consumer",
    "leases-postgres",
    "connectors",
    "connectors-iceberg",
    "pipeline",
    "scaling",
];
const EXAMPLES: &[&str] = &["stock-trades", "template"];
const SERVER_SIDE: &[&str] = &[
    "log",
    "log-local",
    "sealing",
    "catalog",
    "streams",
    "tables",
    "metrics",
    "cloudwatch",
    "console",
    "server",
    "wire",
    "policy",
];

/// Beside the building: nothing that ships depends on them.
const BESIDE: &[&str] = &["testkit", "bench", "fuzz"];

fn folder(package: &str) -> Option<&str> {
    package.strip_prefix("millstream-")
}

/// Every normal dependency between our packages, as (from, to).
fn arrows() -> BTreeSet<(String, String)> {
    let metadata = xtask::metadata(false);
    let packages = metadata["packages"].as_array().expect("packages");
    let mut arrows = BTreeSet::new();
    for package in packages {
        let from = package["name"].as_str().expect("name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let to = dependency["name"].as_str().expect("name");
            if dependency["kind"].is_null() && to.starts_with("millstream-") {
                arrows.insert((from.to_owned(), to.to_owned()));
            }
        }
    }
    arrows
}

#[test]
fn crates_depend_only_on_crates_above_them() {
    let arrows = arrows();
    assert!(
        arrows.contains(&("millstream-server".into(), "millstream-streams".into())),
        "the check sees arrows"
    );
    for (from, to) in arrows {
        let Some(from_folder) = folder(&from) else {
            continue;
        };
        if BESIDE.contains(&from_folder) {
            continue;
        }
        let place = |name: &str| {
            let found = ORDER.iter().position(|listed| *listed == name);
            found.unwrap_or_else(|| panic!("{name} is not in the list of crates"))
        };
        let to_folder = folder(&to).expect("one of ours");
        assert!(
            place(to_folder) < place(from_folder),
            "{from} must not depend on {to}"
        );
    }
}

#[test]
fn clients_never_depend_on_the_server_side() {
    for (from, to) in arrows() {
        let is_client = folder(&from).is_some_and(|name| CLIENTS.contains(&name))
            || EXAMPLES.contains(&from.as_str());
        let is_server_side = folder(&to).is_some_and(|name| SERVER_SIDE.contains(&name));
        assert!(
            !(is_client && is_server_side),
            "{from} must work against AWS, so it cannot depend on {to}"
        );
    }
}

#[test]
fn only_the_server_names_an_engine_and_nothing_stands_on_the_tests() {
    for (from, to) in arrows() {
        assert!(
            to != "millstream-log-local"
                || from == "millstream-server"
                || folder(&from).is_some_and(|name| BESIDE.contains(&name)),
            "{from} must not name an engine"
        );
        let is_beside = folder(&to).is_some_and(|name| BESIDE.contains(&name));
        assert!(!is_beside, "{from} must use {to} in tests only");
    }
}

/// What a service of AWS's does is decided in the crate of that service: the server has none of what its rules stand on, neither
/// the database of tables nor hashes of keys nor tokens. Of the catalog it reads what a damaged folder still has.
#[test]
fn the_server_holds_no_rules_of_a_service() {
    let metadata = xtask::metadata(false);
    let packages = metadata["packages"].as_array().expect("packages");
    let server = packages
        .iter()
        .find(|package| package["name"] == "millstream-server");
    let dependencies = server.expect("the server")["dependencies"]
        .as_array()
        .expect("dependencies");
    let of_services = ["dynoxide-rs", "md-5", "base64-simd", "chacha20poly1305"];
    for dependency in dependencies {
        let name = dependency["name"].as_str().expect("a name");
        assert!(
            !of_services.contains(&name),
            "{name} is for a service's rules"
        );
    }
    let server = xtask::root().join("crates/server");
    for source in xtask::sources(&server) {
        let name = source.strip_prefix(&server).expect("the server's");
        let reads_folders =
            name.starts_with("src/data_folder") || name.starts_with("src/data_folder.rs");
        let code = xtask::code(&source);
        assert!(
            reads_folders || !code.contains("millstream_catalog"),
            "{} knows the catalog's rules",
            name.display()
        );
    }
}
