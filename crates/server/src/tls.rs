//! Encrypted connections: where the certificate comes from, and how it is exchanged while the server runs.

mod self_signed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::settings::{Settings, TlsSettings};

/// What HTTP is spoken, the best first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a certificate cannot be used. No text shows a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of what it should.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate does not fit the key, or either is of a kind that is not supported.
    #[error("the certificate {cert} cannot be used: {reason}")]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate that the server makes for itself was not made.
    #[error("cannot make a certificate in {folder}: {reason}")]
    SelfSigned {
        /// Where it was to be.
        folder: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// The certificate that is in force.
#[derive(Debug)]
pub(crate) struct Tls {
    cert: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the certificate that the settings name; makes it, if it is the server's own to make.
    pub(crate) fn open(settings: &Settings) -> Result<Option<Self>, TlsError> {
        let Some(tls) = &settings.tls else {
            return Ok(None);
        };
        let (cert, key) = match tls {
            TlsSettings::Files { cert, key } => (cert.clone(), key.clone()),
            TlsSettings::SelfSigned => self_signed::files(settings)?,
        };
        let config = RwLock::new(read(&cert, &key)?);
        Ok(Some(Self { cert, key, config }))
    }

    /// What new connections are encrypted with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read())
    }

    /// Reads the files again. If they cannot be used, the certificate stays as it was.
    pub(crate) fn reload(&self) {
        match read(&self.cert, &self.key) {
            Ok(config) => {
                *self.config.write() = config;
                tracing::info!("the certificate is read again");
            }
            Err(error) => {
                tracing::error!(%error, "the certificate stays as it was: its files cannot be used");
            }
        }
    }
}

/// The certificate of a server that makes its own: what clients are to trust.
pub fn self_signed_certificate(settings: &Settings) -> PathBuf {
    self_signed::certificate(&settings.data_dir)
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |path: &Path, reason: String| TlsError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(cert).and_then(|certificates| certificates.collect());
    let chain = chain.map_err(|error| unreadable(cert, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key);
    let private = private.map_err(|error| unreadable(key, error.to_string()))?;
    let unusable = |error: rustls::Error| TlsError::Unusable {
        cert: cert.to_owned(),
        reason: error.to_string(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(unusable)?;
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}
