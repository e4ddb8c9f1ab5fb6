//! Where the catalog is, and as whom it is asked.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use millstream_connectors::sinks::postgres::Address;
use millstream_connectors_iceberg::{Catalog, Who};
use millstream_types::SystemClock;

use crate::clients::Clients;
use crate::file::reader::{Reader, Section};
use crate::file::sinks::bucket::Service;
use crate::file::sinks::options;

/// Where a password comes from that is not in the file.
const PASSWORD: &str = "PGPASSWORD";
/// What only a REST catalog is told.
const OF_REST: [&str; 4] = ["url", "sigv4", "token_env", "authorities"];

#[derive(Debug)]
pub(super) enum Way {
    Rest {
        url: Uri,
        warehouse: Option<String>,
        proof: Proof,
        authorities: Option<PathBuf>,
    },
    Sql {
        address: Address,
        catalog: String,
        warehouse: Option<String>,
    },
}

/// What the worker shows to a REST catalog.
#[derive(Debug)]
pub(super) enum Proof {
    Nothing,
    /// A token in this environment variable.
    Token(String),
    /// A signature of AWS for the service of this name.
    Signature(String),
}

impl Way {
    /// `url`, or `sql`; and what belongs to it.
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Self> {
        if section.has("sql") {
            return Self::sql(reader, section);
        }
        let url = options::url(
            reader,
            section,
            "\"https://HOST/iceberg\", or sql = \"postgresql://USER@HOST:PORT/DATABASE\" and catalog = \"NAME\"",
        );
        let url = url.and_then(|(url, at)| {
            if url.query().is_none() {
                return Some(url);
            }
            let path = section.path_of("url");
            reader.problem(at, format!("{path} has a query: write warehouse = \"...\""));
            None
        });
        let warehouse = section.text(reader, "warehouse");
        let proof = proof(reader, section);
        let authorities = section.text(reader, "authorities");
        Some(Self::Rest {
            url: url?,
            warehouse: warehouse.map(|(warehouse, _)| warehouse),
            proof: proof?,
            authorities: authorities.map(|(file, _)| file.into()),
        })
    }

    fn sql(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Self> {
        let mut is_right = true;
        for name in OF_REST {
            if let Some((_, at)) = section.text(reader, name) {
                let path = section.path_of(name);
                reader.problem(
                    at,
                    format!("{path} is of a REST catalog, and sql of another"),
                );
                is_right = false;
            }
        }
        let example = "\"postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full\"";
        let sql = section.required(reader, "sql", example);
        let address = sql.and_then(|(sql, at)| {
            let path = section.path_of("sql");
            let address = sql.parse::<Address>();
            let address = address.map_err(|error| reader.problem(at, format!("{path}: {error}")));
            address.ok()
        });
        let catalog = section.required(
            reader,
            "catalog",
            "\"NAME\", as in catalog_name of iceberg_tables",
        );
        let warehouse = section.text(reader, "warehouse");
        if let Some((warehouse, at)) = &warehouse
            && !warehouse.starts_with("s3://")
        {
            let path = section.path_of("warehouse");
            reader.problem(
                *at,
                format!("{path} must begin with s3://: tables that are made lie there"),
            );
            is_right = false;
        }
        let way = Self::Sql {
            address: address?,
            catalog: catalog?.0,
            warehouse: warehouse.map(|(warehouse, _)| warehouse),
        };
        is_right.then_some(way)
    }

    /// The catalog, as the worker.
    ///
    /// # Errors
    /// In words, what is missing for it.
    pub(super) fn open(&self, clients: &Clients, service: &Service) -> Result<Catalog, String> {
        let catalog = match self {
            Self::Rest {
                url,
                warehouse,
                proof,
                authorities,
            } => {
                let who = proof.who(clients, service)?;
                let authorities = authorities.as_deref();
                Catalog::rest(
                    url,
                    warehouse.clone(),
                    who,
                    authorities,
                    Arc::new(SystemClock),
                )
            }
            Self::Sql {
                address,
                catalog,
                warehouse,
            } => {
                let address = match std::env::var(PASSWORD) {
                    Ok(password) => address.clone().or_password(&password),
                    Err(_) => address.clone(),
                };
                Catalog::sql(&address, catalog.clone(), warehouse.clone())
            }
        };
        catalog.map_err(|error| error.to_string())
    }
}

fn proof(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Proof> {
    let token = section.text(reader, "token_env");
    let signature = section.text(reader, "sigv4");
    match (token, signature) {
        (None, None) => Some(Proof::Nothing),
        (Some((variable, _)), None) => Some(Proof::Token(variable)),
        (None, Some((service, _))) => Some(Proof::Signature(service)),
        (Some(_), Some((_, at))) => {
            let path = section.path_of("sigv4");
            reader.problem(at, format!("{path} and token_env do not go together"));
            None
        }
    }
}

impl Proof {
    fn who(&self, clients: &Clients, service: &Service) -> Result<Who, String> {
        Ok(match self {
            Self::Nothing => Who::Nobody,
            Self::Token(variable) => Who::Token(
                std::env::var(variable)
                    .map_err(|_| format!("the environment variable {variable} is not set"))?,
            ),
            Self::Signature(name) => Who::Signed {
                service: name.clone(),
                region: service.region(clients).to_owned(),
                credentials: clients.credentials.clone(),
            },
        })
    }
}

/// Where it is, without secrets.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest { url, .. } => {
                f.write_str(url.authority().map_or("", |place| place.as_str()))
            }
            Self::Sql {
                address, catalog, ..
            } => write!(f, "catalog {catalog} in {address}"),
        }
    }
}
