//! Who vouches for a receiver whose connections are encrypted.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Nothing is there to check a receiver by.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAuthorities(String);

/// Encrypts connections to whom the authorities of that file vouch for, or else those that the machine trusts.
///
/// # Errors
/// If there are none.
pub fn checked_by(authorities: Option<&Path>) -> Result<ClientConfig, InvalidAuthorities> {
    let certificates = match authorities {
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(|error| InvalidAuthorities(format!("{}: {error}", file.display())))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(InvalidAuthorities(match authorities {
            Some(file) => format!("{} has no certificate", file.display()),
            None => "this machine trusts no certificate authority".to_owned(),
        }));
    }
    trusting(roots)
}

/// Encrypts connections to whom these vouch for.
///
/// # Errors
/// None that this version of the library could have.
pub fn trusting(roots: RootCertStore) -> Result<ClientConfig, InvalidAuthorities> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| InvalidAuthorities(format!("TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
