//! `redshift`: rows of a table, loaded by COPY from objects on S3. Exactly once.
//!
//! A cut has one object and one manifest that names it, both with names that the cut gives. One transaction looks whether
//! the manifest was loaded, loads it, and notes that it was: whoever makes the cut again finds the note. The table of
//! notes is locked meanwhile, because Redshift keeps no key unique; so there is one COPY at a time into a table, however
//! many workers there are, and nobody who reads the table waits. The transaction goes over a connection, or by calls of the
//! Data API.

mod connection;
mod data_api;
mod loader;
mod loads;
mod statements;

use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use self::data_api::DataLoader;
use self::loader::Loader;
use self::loads::Loads;
use self::statements::Statements;
use super::postgres::{Address, Server};
use super::s3::{Prefix, S3};
use crate::format::{Compression, Format, Lines};
use crate::{Cut, Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

pub use self::data_api::{Database, Service, Warehouse};

/// Longest object of JSON that COPY takes.
const OBJECT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest prefix in bytes: a manifest's name is a column of 1024.
const PREFIX_BYTES_MAX: usize = 512;
/// How many times longer a value may be as JSON than in memory: each byte a `\u0000`.
const ESCAPED_MAX: usize = 6;

/// What is loaded, and from where.
#[derive(Debug, Clone)]
pub struct Load {
    /// The table, `table` or `schema.table`, which must exist.
    pub table: String,
    /// The table of what was loaded, made if it is absent; without it the table's name and `_millstream_loads`.
    pub loads: Option<String>,
    /// The role that Redshift reads the objects as: an ARN, or `default`.
    pub iam_role: String,
    /// The bucket of the objects.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// What the objects' names begin with: plain text.
    pub prefix: String,
    /// JSON or CSV.
    pub format: Lines,
    /// Whether the objects are compressed.
    pub compression: Compression,
}

/// Nothing can be loaded this way by anyone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLoad {
    /// The name has more than a schema and a table, or nothing.
    #[error("{0:?} is no name of a table: write \"table\" or \"schema.table\"")]
    Table(String),
    /// Neither an ARN nor the cluster's default.
    #[error("{0:?} is no role: write \"arn:aws:iam::ACCOUNT:role/NAME\" or \"default\"")]
    Role(String),
    /// It stands in a statement and in names of objects.
    #[error(
        "the prefix {0:?} is not plain: write at most {PREFIX_BYTES_MAX} letters, digits and any of / _ . - = +, without \
         braces"
    )]
    Prefix(String),
    /// Raw data has no columns.
    #[error("write json or csv: those go to columns by their names")]
    Format,
    /// The certificates cannot be read.
    #[error("the certificates that the server is checked by: {0}")]
    Certificates(String),
    /// The Data API cannot be called at that address.
    #[error("{0}")]
    Service(String),
}

/// Opens sinks that load a table, one cut at a time.
#[derive(Debug, Clone)]
pub struct Redshift {
    objects: S3,
    bucket: String,
    prefix: String,
    loader: Arc<dyn Loads>,
}

impl Load {
    /// Whether this can be loaded.
    ///
    /// # Errors
    /// See [`InvalidLoad`]; certificates and addresses are not looked at.
    pub fn check(&self) -> Result<(), InvalidLoad> {
        self.statements().map(|_| ())
    }

    fn statements(&self) -> Result<Statements, InvalidLoad> {
        let is_plain = |text: &str, more: &[u8]| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        let is_role = self.iam_role == "default"
            || (self.iam_role.starts_with("arn:") && is_plain(&self.iam_role, b":/_+=,.@-"));
        if !is_role {
            return Err(InvalidLoad::Role(self.iam_role.clone()));
        }
        let is_prefix = is_plain(&self.prefix, b"/_.-=+")
            && self.prefix.len() <= PREFIX_BYTES_MAX
            && Path::parse(&self.prefix).is_ok();
        if !is_prefix {
            return Err(InvalidLoad::Prefix(self.prefix.clone()));
        }
        Statements::of(self)
    }
}

impl Redshift {
    /// Loads into a table of the database at `address`, over one connection for all shards, from objects in `store`, which
    /// is the load's bucket. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`InvalidLoad`].
    pub fn new(
        address: &Address,
        store: Arc<dyn ObjectStore>,
        load: Load,
    ) -> Result<Self, InvalidLoad> {
        let statements = load.statements()?;
        let server =
            Server::new(address).map_err(|error| InvalidLoad::Certificates(error.to_string()))?;
        Self::by(
            Arc::new(Loader::new(Box::new(server), statements)),
            store,
            load,
        )
    }

    /// The same by calls of the Data API, which run in this database. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`InvalidLoad`].
    pub fn by_data_api(
        service: Service,
        database: &Database,
        store: Arc<dyn ObjectStore>,
        load: Load,
    ) -> Result<Self, InvalidLoad> {
        let statements = load.statements()?;
        let loader = DataLoader::new(service, database, statements);
        let loader = loader.map_err(|error| InvalidLoad::Service(error.message))?;
        Self::by(Arc::new(loader), store, load)
    }

    fn by(
        loader: Arc<dyn Loads>,
        store: Arc<dyn ObjectStore>,
        load: Load,
    ) -> Result<Self, InvalidLoad> {
        let prefix = load.prefix.parse::<Prefix>();
        let prefix = prefix.map_err(|_| InvalidLoad::Prefix(load.prefix.clone()))?;
        Ok(Self {
            objects: S3 {
                store,
                prefix,
                time: None,
                format: Format::Lines(load.format, load.compression),
            },
            bucket: load.bucket,
            prefix: load.prefix,
            loader,
        })
    }

    /// Puts the manifest of a cut whose object is there, and loads it, if that has not been done.
    async fn load(self, cut: Cut) -> Result<(), SinkError> {
        let object = self.objects.name(&self.prefix, &cut)?;
        let name = format!("{object}.manifest");
        let manifest = json!({
            "entries": [{ "url": self.url(object.as_ref()), "mandatory": true }]
        });
        let name = Path::parse(&name).map_err(|error| SinkError::of(&name, &error))?;
        let contents = Bytes::from(manifest.to_string());
        self.objects.put_json(name.clone(), contents).await?;
        self.loader.load(&self.url(name.as_ref())).await
    }

    fn url(&self, name: &str) -> String {
        format!("s3://{}/{name}", self.bucket)
    }

    /// Why COPY would not take the item, if it would not: one such row and none of the cut is loaded.
    fn refusal(&self, item: &Item) -> Option<String> {
        if !matches!(*item.value, Value::Object(_)) {
            return Some("only an object is a row".to_owned());
        }
        let may_be_too_long = matches!(self.objects.format, Format::Lines(Lines::Json, _))
            && item.bytes.saturating_mul(ESCAPED_MAX) > OBJECT_BYTES_MAX;
        (may_be_too_long && item.value.to_string().len() > OBJECT_BYTES_MAX)
            .then(|| format!("as JSON it is longer than the {OBJECT_BYTES_MAX} bytes of COPY"))
    }
}

impl Opener for Redshift {
    fn open(&self, shard_id: &str) -> Box<dyn Sink> {
        Box::new(RedshiftSink {
            to: self.clone(),
            objects: self.objects.open(shard_id),
            has_rows: false,
            loading: None,
        })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }
}

#[derive(Debug)]
struct RedshiftSink {
    to: Redshift,
    objects: Box<dyn Sink>,
    /// Whether the cut that is being flushed has any.
    has_rows: bool,
    /// The load of that cut. It may take longer than one flush may, so it goes on when that is dropped.
    loading: Option<AbortOnDropHandle<Result<(), SinkError>>>,
}

impl Sink for RedshiftSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let refusals: Vec<Option<String>> =
                items.iter().map(|item| self.to.refusal(item)).collect();
            if refusals.iter().all(Option::is_none) {
                return self.objects.deliver(items).await;
            }
            let taken = items.iter().zip(&refusals);
            let taken: Vec<Item> = taken
                .filter(|(_, refusal)| refusal.is_none())
                .map(|(item, _)| item.clone())
                .collect();
            let mut outcomes = self.objects.deliver(&taken).await?.into_iter();
            let each = refusals.into_iter().filter_map(|refusal| match refusal {
                Some(cause) => Some(Outcome::Rejected(cause)),
                None => outcomes.next(),
            });
            Ok(each.collect())
        })
    }

    fn unflushed_bytes(&self) -> usize {
        self.objects.unflushed_bytes()
    }

    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            self.has_rows |= self.objects.unflushed_bytes() > 0;
            self.objects.flush(cut).await?;
            if !self.has_rows {
                return Ok(());
            }
            let (to, cut) = (self.to.clone(), cut.clone());
            let loading = self
                .loading
                .get_or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(to.load(cut))));
            let loaded = loading.await;
            self.loading = None;
            loaded.map_err(|error| SinkError::of("a load", &error))??;
            self.has_rows = false;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
