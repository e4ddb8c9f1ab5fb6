//! What is in `deploy` is what systemd and the command line take.

use std::fs;
use std::process::Command;

fn read(name: &str) -> String {
    fs::read_to_string(xtask::root().join("deploy").join(name)).expect("it is there")
}

/// Where systemd's own judge is installed. The binary is not, so another program stands in for it.
#[test]
fn systemd_takes_the_unit() {
    let unit = read("millstream.service");
    let installed = unit.replace("/usr/local/bin/millstream", "/bin/true");
    assert_ne!(installed, unit, "the unit starts the binary");
    let folder = std::env::temp_dir().join(format!("millstream-unit-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("millstream.service");
    fs::write(&path, installed).expect("written");
    let judged = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&path)
        .output();
    fs::remove_dir_all(&folder).expect("removed");
    let Ok(judged) = judged else {
        println!("no systemd-analyze here: not tested");
        return;
    };
    let said = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert!(judged.status.success() && said.is_empty(), "{said}");
}

/// A flag that was renamed, or one that never was.
#[test]
fn every_flag_in_deploy_is_one_of_serve() {
    let settings = xtask::root().join("crates/server/src/settings/source.rs");
    let settings = fs::read_to_string(settings).expect("it is there");
    let is_known = |flag: &str| {
        let field = flag.trim_start_matches('-').replace('-', "_");
        flag == "--config" || settings.contains(&format!("pub {field}: Option<"))
    };
    let mut seen = 0;
    for (name, lines) in [
        ("millstream.service", "ExecStart="),
        ("Containerfile", "CMD [\"serve\""),
    ] {
        let text = read(name);
        let line = text.lines().find(|line| line.starts_with(lines));
        let line = line.unwrap_or_else(|| panic!("{name} runs `serve`"));
        for word in line
            .split([' ', '"', ','])
            .filter(|word| word.starts_with("--"))
        {
            assert!(is_known(word), "{name}: {word}");
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

/// The image is built with the toolchain that the workspace states.
#[test]
fn the_image_has_the_stated_toolchain() {
    let manifest = fs::read_to_string(xtask::root().join("Cargo.toml")).expect("it is there");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("a version").trim_matches('"');
    assert!(read("Containerfile").contains(&format!("/rust:{version}-")));
}
