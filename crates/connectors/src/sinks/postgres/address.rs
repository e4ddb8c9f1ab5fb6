//! Where the server is, as a URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// `postgresql://user@host:port/database?sslmode=verify-full`, with libpq's parameters.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: Check,
}

/// How the server's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    /// Not at all, as with libpq's `prefer` and `require`: the connection is encrypted, to whoever answers.
    Nothing,
    /// It must be for the host, by an authority of this file or, without one, of those that the machine trusts.
    Full { roots: Option<PathBuf> },
}

/// The text is no such URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It begins otherwise.
    #[error("write \"postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full\"")]
    NoUrl,
    /// No such mode here.
    #[error("sslmode={0} is not known here: write disable, prefer, require or verify-full")]
    SslMode(String),
    /// A file of certificates that nothing is checked by.
    #[error("sslrootcert is used with sslmode=verify-full alone")]
    RootsWithoutCheck,
    /// Something else in it.
    #[error("{0}")]
    Other(String),
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if !["postgresql://", "postgres://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return Err(InvalidAddress::NoUrl);
        }
        let (place, parameters) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(value)),
                _ => rest.push(parameter),
            }
        }
        let url = match rest.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", rest.join("&")),
        };
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            InvalidAddress::Other(crate::SinkError::of("the URL", &error).message)
        })?;
        let (ssl_mode, is_checked) = match mode.as_deref() {
            Some("disable") => (SslMode::Disable, false),
            None | Some("prefer") => (SslMode::Prefer, false),
            Some("require") => (SslMode::Require, false),
            Some("verify-full") => (SslMode::Require, true),
            Some(other) => return Err(InvalidAddress::SslMode(other.to_owned())),
        };
        if roots.is_some() && !is_checked {
            return Err(InvalidAddress::RootsWithoutCheck);
        }
        config.ssl_mode(ssl_mode);
        let tls = match is_checked {
            true => Check::Full { roots },
            false => Check::Nothing,
        };
        Ok(Self { config, tls })
    }
}

impl Address {
    /// With this password, unless it has one.
    #[must_use]
    pub fn or_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }
}

/// The hosts and the database, without secrets.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        f.write_str(&hosts.join(", "))?;
        match self.config.get_dbname() {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_encryption_are_those_of_libpq_or_refused() {
        let of = |rest: &str| {
            format!("postgresql://me:secret@db.example:5433/sales{rest}").parse::<Address>()
        };
        for (rest, mode, check) in [
            ("", SslMode::Prefer, Check::Nothing),
            ("?sslmode=disable", SslMode::Disable, Check::Nothing),
            (
                "?sslmode=require&connect_timeout=3",
                SslMode::Require,
                Check::Nothing,
            ),
            (
                "?sslmode=verify-full",
                SslMode::Require,
                Check::Full { roots: None },
            ),
            (
                "?sslrootcert=/ca.pem&sslmode=verify-full",
                SslMode::Require,
                Check::Full {
                    roots: Some("/ca.pem".into()),
                },
            ),
        ] {
            let address = of(rest).unwrap();
            assert_eq!(
                (address.config.get_ssl_mode(), &address.tls),
                (mode, &check),
                "{rest}"
            );
            assert!(!format!("{address} {address:?}").contains("secret"));
        }
        let wrong = |rest| of(rest).unwrap_err();
        assert_eq!(
            wrong("?sslmode=verify-ca"),
            InvalidAddress::SslMode("verify-ca".into())
        );
        assert_eq!(
            wrong("?sslrootcert=/ca.pem"),
            InvalidAddress::RootsWithoutCheck
        );
        assert!(wrong("?colour=red").to_string().contains("colour"));
        assert_eq!(
            "db.example".parse::<Address>().unwrap_err(),
            InvalidAddress::NoUrl
        );
    }
}
