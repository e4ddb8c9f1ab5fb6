//! `kafka`: each item becomes a record of a topic. At least once; every item's id is in a header.
//!
//! A producer of its own for each shard, which brokers tell repetitions by: a batch of which nobody knows whether it was
//! appended goes again as it was, and is appended once. Only what a new process sends again is there twice. The protocol's
//! four requests are spoken here, in the versions that all brokers from 2.1 to 4 have in common.

mod answer;
mod batch;
mod cluster;
mod connection;
mod known;
mod login;
mod messages;
mod partition;
mod sasl;
mod sequences;
mod sink;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_https::checked_by;
use tokio_rustls::TlsConnector;

use self::cluster::{Cluster, How};
use self::sink::KafkaSink;
use crate::{FieldPath, Guarantee, Opener, Sink, SinkError};

pub use self::sasl::{Login, Mechanism};

/// Headers of each record: the item's id, and its revision.
pub const ID: &str = "millstream-id";
/// See [`ID`].
pub const REVISION: &str = "millstream-revision";

/// Once it has sent for so long it says what it knows: the caller's deadline is further away.
const SENDING_TIME: Duration = Duration::from_secs(15);
/// A request takes no longer, so that it ends before the caller's deadline.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(40);

/// What is written to, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Host and port of brokers that know the others, from one.
    pub brokers: Vec<(String, u16)>,
    /// The topic, which must exist.
    pub topic: String,
    /// Where a record's key comes from; without it, it is the partition key of the source's record.
    pub key: Option<FieldPath>,
    /// Whether connections are encrypted.
    pub tls: Option<Authorities>,
    /// Who asks.
    pub login: Option<Login>,
    /// How long one request may take; at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
}

/// What a broker's certificate is checked by.
#[derive(Debug, Clone)]
pub enum Authorities {
    /// Those that the machine trusts.
    OfMachine,
    /// Those of a PEM file.
    OfFile(PathBuf),
}

/// Opens sinks that write records. All of them share the connections.
#[derive(Debug, Clone)]
pub struct Kafka {
    cluster: Arc<Cluster>,
    key: Option<FieldPath>,
}

impl Kafka {
    /// Writes records. Nothing is sent yet.
    ///
    /// # Errors
    /// If nothing is there to check a broker's certificate by.
    pub fn new(settings: Settings) -> Result<Self, SinkError> {
        let connector = |authorities| {
            let config = checked_by(authorities)?;
            Ok::<_, SinkError>(Some(TlsConnector::from(Arc::new(config))))
        };
        let tls = match &settings.tls {
            None => None,
            Some(Authorities::OfMachine) => connector(None)?,
            Some(Authorities::OfFile(file)) => connector(Some(file.as_path()))?,
        };
        let how = How {
            tls,
            login: settings.login,
        };
        let cluster = Cluster::new(settings.brokers, settings.topic, how, settings.timeout);
        Ok(Self {
            cluster: Arc::new(cluster),
            key: settings.key,
        })
    }
}

impl Opener for Kafka {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        let (cluster, key) = (Arc::clone(&self.cluster), self.key.clone());
        Box::new(KafkaSink::new(cluster, key, SENDING_TIME))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }
}
