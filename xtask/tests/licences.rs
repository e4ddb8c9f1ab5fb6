//! Whatever is built in comes from crates.io under a permissive licence, and nothing brings OpenSSL.

const PERMISSIVE: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "Unlicense",
    "Apache-2.0 WITH LLVM-exception",
];
const BANNED: &[&str] = &[
    "openssl",
    "openssl-sys",
    "native-tls",
    "aws-lc-sys",
    "aws-lc-rs",
];

/// Whether an SPDX expression can be met with permissive licences: some side of an OR, every side of an AND.
fn is_permissive(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let is_met = |all: &str| {
        all.split(" AND ")
            .all(|one| PERMISSIVE.contains(&one.trim()))
    };
    // `(A OR B) AND C` reads as A OR (B AND C) without brackets: stricter or equal for what is checked here.
    plain.split(" OR ").any(is_met)
}

#[test]
fn licences_are_permissive_and_sources_are_the_registry() {
    let metadata = xtask::metadata(true);
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 50, "the check sees the dependencies");
    for package in packages {
        let (name, source) = (
            package["name"].as_str().expect("name"),
            package["source"].as_str(),
        );
        let Some(source) = source else { continue };
        assert!(
            source.starts_with("registry+"),
            "{name} comes from {source}"
        );
        let licence = package["license"].as_str().unwrap_or("none given");
        assert!(is_permissive(licence), "{name} is under {licence}");
    }
}

#[test]
fn nothing_banned_is_built_in() {
    let metadata = xtask::metadata(true);
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    for node in nodes {
        let id = node["id"].as_str().expect("id");
        let is = |banned: &str| {
            id.contains(&format!("#{banned}@")) || id.contains(&format!("/{banned}#"))
        };
        assert!(
            !BANNED.iter().any(|banned| is(banned)),
            "{id} must not be in the build"
        );
    }
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    for good in [
        "MIT OR GPL-3.0",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 AND ISC",
    ] {
        assert!(is_permissive(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND AGPL-3.0", "BUSL-1.1", "none given"] {
        assert!(!is_permissive(bad), "{bad}");
    }
}
