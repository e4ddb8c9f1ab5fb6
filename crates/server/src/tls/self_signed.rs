//! The certificate that the server makes for itself: made once, and kept in the data folder, so that clients which
//! trust it go on doing so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};

use super::TlsError;
use crate::settings::Settings;

/// Key and certificate in one file, so that they always fit each other; only the server reads it.
const IDENTITY: &str = "self-signed.pem";
/// The certificate alone: what clients are to trust.
const CERTIFICATE: &str = "certificate.pem";

pub(super) fn certificate(data_dir: &Path) -> PathBuf {
    data_dir.join("tls").join(CERTIFICATE)
}

/// Certificate and key; made if they are not there.
pub(super) fn files(settings: &Settings) -> Result<(PathBuf, PathBuf), TlsError> {
    let folder = settings.data_dir.join("tls");
    let identity = folder.join(IDENTITY);
    let failed = |reason: String| TlsError::SelfSigned {
        folder: folder.clone(),
        reason,
    };
    let is_there = identity
        .try_exists()
        .map_err(|error| failed(error.to_string()))?;
    if !is_there {
        let (certificate, key) = make(settings).map_err(|error| failed(error.to_string()))?;
        let kept = keep(&folder, &certificate, &key);
        kept.map_err(|error| failed(error.to_string()))?;
    }
    Ok((identity.clone(), identity))
}

fn make(settings: &Settings) -> Result<(String, String), rcgen::Error> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    if !settings.listen.ip().is_unspecified() {
        names.push(settings.listen.ip().to_string());
    }
    let host = rustix::system::uname();
    names.extend(host.nodename().to_str().ok().map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    // A host may have a name that no certificate can carry.
    names.retain(|name| !name.is_empty() && name.is_ascii());
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Millstream, self-signed");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2119, 12, 31);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The certificate first: once the identity is there, both are.
fn keep(folder: &Path, certificate: &str, key: &str) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    write(folder, CERTIFICATE, 0o644, certificate)?;
    write(folder, IDENTITY, 0o600, &format!("{certificate}{key}"))?;
    File::open(folder)?.sync_all()
}

fn write(folder: &Path, name: &str, mode: u32, text: &str) -> io::Result<()> {
    let aside = folder.join(format!("{name}.new"));
    // Left by a server that was killed while it wrote; nothing is lost with it.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(aside, folder.join(name))
}
