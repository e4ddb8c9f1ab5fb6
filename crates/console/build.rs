//! Compresses what `console/build` has made and writes the list of it. Nothing is made here: a build without Node has a
//! console of one page, which says how to get it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
    let dist = here.join("../../console/dist");
    // A path that is not there would have this run, and all that depends on it built, each time.
    if here.join("../../console").is_dir() {
        fs::create_dir_all(&dist).ok();
    }
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=src/unbuilt.html");
    println!("cargo::rerun-if-changed=build.rs");
    let is_built = dist.join("index.html").is_file();
    let mut files = Vec::new();
    if is_built {
        collect(&dist, &dist, &mut files)?;
        files.sort();
    } else {
        files.push(("/".to_owned(), here.join("src/unbuilt.html")));
    }
    let mut list = format!(
        "/// Whether the console is in this build.\npub const IS_BUILT: bool = {is_built};\n"
    );
    list.push_str("static FILES: &[File] = &[\n");
    for (index, (path, source)) in files.iter().enumerate() {
        let content = fs::read(source)?;
        let packed = out.join(format!("{index}.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&packed)?, Compression::best());
        encoder.write_all(&content)?;
        encoder.finish()?;
        let digest: String = Sha256::digest(&content)[..16]
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let content_type = content_type(source);
        writeln!(
            list,
            "    File {{ path: {path:?}, content_type: {content_type:?}, digest: {digest:?}, gzip: include_bytes!({packed:?}) }},"
        )
        .expect("text takes text");
    }
    list.push_str("];\n");
    fs::write(out.join("files.rs"), list)
}

/// All files below a folder, with the paths under which they are served.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let below = path.strip_prefix(root).expect("it is below");
        let below = below.to_str().expect("the build names its files in ASCII");
        let served = if below == "index.html" {
            "/".to_owned()
        } else {
            format!("/{below}")
        };
        files.push((served, path));
    }
    Ok(())
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("wasm") => "application/wasm",
        _ => panic!(
            "{} has an ending whose content type nobody has said",
            path.display()
        ),
    }
}
