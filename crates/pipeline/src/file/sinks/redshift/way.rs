//! Which way statements go to Redshift.

use std::fmt;
use std::sync::Arc;

use millstream_connectors::sinks::postgres::Address;
use millstream_connectors::sinks::redshift::{Database, Load, Redshift, Service, Warehouse};
use millstream_connectors::sinks::s3::Access;
use millstream_types::SystemClock;

use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

/// Where a password comes from that is not in the file.
const PASSWORD: &str = "PGPASSWORD";
/// Names the Data API where the file does not, as for every AWS SDK.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_REDSHIFT_DATA";
/// What only the Data API is told.
const OF_DATA_API: [&str; 4] = ["database", "user", "secret_arn", "data_endpoint"];

#[derive(Debug)]
pub(super) enum Way {
    /// Over a connection.
    Protocol(Address),
    /// By calls.
    DataApi {
        database: Database,
        endpoint: Option<String>,
    },
}

impl Way {
    /// `url`; or `cluster` or `workgroup`, and what belongs to it.
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Self> {
        let is_called = section.has("cluster") || section.has("workgroup");
        if !is_called {
            let way = Self::protocol(reader, section);
            for name in OF_DATA_API {
                if let Some((_, at)) = section.text(reader, name) {
                    let path = section.path_of(name);
                    reader.problem(
                        at,
                        format!(
                            "{path} is for the Data API: name a cluster or a workgroup, and no url"
                        ),
                    );
                }
            }
            return way;
        }
        if let Some((_, at)) = section.text(reader, "url") {
            let path = section.path_of("url");
            reader.problem(at, format!("{path} is one way and the Data API another: write a url, or a cluster or a workgroup"));
        }
        Self::data_api(reader, section)
    }

    fn protocol(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Self> {
        let example = "\"postgresql://USER@HOST:5439/DATABASE?sslmode=verify-full\", or cluster = \"NAME\" and \
                       database = \"NAME\" for the Data API";
        let (url, at) = section.required(reader, "url", example)?;
        match url.parse::<Address>() {
            Ok(address) => Some(Self::Protocol(address)),
            Err(error) => {
                let path = section.path_of("url");
                reader.problem(at, format!("{path}: {error}"));
                None
            }
        }
    }

    fn data_api(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Self> {
        let cluster = section.text(reader, "cluster");
        let workgroup = section.text(reader, "workgroup");
        let name = section.required(reader, "database", "\"NAME\"");
        let user = section.text(reader, "user");
        let secret = section.text(reader, "secret_arn");
        let endpoint = section.text(reader, "data_endpoint");
        let mut problem = |named: &Option<(String, usize)>, name: &str, says: &str| {
            if let Some((_, at)) = named {
                reader.problem(*at, format!("{} {says}", section.path_of(name)));
            }
            named.is_none()
        };
        let mut is_right = true;
        if cluster.is_some() {
            is_right &= problem(
                &workgroup,
                "workgroup",
                "stands beside a cluster: one of them has the database",
            );
        } else {
            is_right &= problem(
                &user,
                "user",
                "is a cluster's: in a workgroup it is the worker's identity",
            );
        }
        if secret.is_some() && cluster.is_some() {
            is_right &= problem(&user, "user", "is in the secret: write one of the two");
        }
        let is_url =
            |(url, _): &(String, usize)| url.starts_with("http://") || url.starts_with("https://");
        let no_url = endpoint.clone().filter(|endpoint| !is_url(endpoint));
        is_right &= problem(
            &no_url,
            "data_endpoint",
            "is no URL: write \"https://HOST\"",
        );
        let text = |given: Option<(String, usize)>| given.map(|(text, _)| text);
        let warehouse = match text(cluster) {
            Some(identifier) => Warehouse::Cluster {
                identifier,
                user: text(user),
            },
            None => Warehouse::Workgroup(text(workgroup)?),
        };
        let database = Database {
            name: text(name)?,
            warehouse,
            secret: text(secret),
        };
        is_right.then_some(Self::DataApi {
            database,
            endpoint: text(endpoint),
        })
    }

    /// The sink, as the worker.
    ///
    /// # Errors
    /// In words, what is missing for it.
    pub(super) fn open(
        &self,
        clients: &Clients,
        objects: &Access,
        load: Load,
    ) -> Result<Redshift, String> {
        let store = objects.open().map_err(|error| error.to_string())?;
        let sink = match self {
            Self::Protocol(address) => {
                let address = match std::env::var(PASSWORD) {
                    Ok(password) => address.clone().or_password(&password),
                    Err(_) => address.clone(),
                };
                Redshift::new(&address, store, load)
            }
            Self::DataApi { database, endpoint } => {
                let of_variable = || std::env::var(ENDPOINT_VARIABLE).ok();
                let service = Service {
                    region: clients.region.clone(),
                    endpoint: endpoint.clone().or_else(of_variable),
                    credentials: clients.credentials.clone(),
                    clock: Arc::new(SystemClock),
                };
                Redshift::by_data_api(service, database, store, load)
            }
        };
        sink.map_err(|error| error.to_string())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(address) => address.fmt(f),
            Self::DataApi { database, .. } => {
                let name = match &database.warehouse {
                    Warehouse::Cluster { identifier, .. } => identifier,
                    Warehouse::Workgroup(name) => name,
                };
                write!(f, "{name}/{} (Data API)", database.name)
            }
        }
    }
}
