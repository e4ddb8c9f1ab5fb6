//! The server as a whole: what it opens, in which order, and how it ends.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream_cloudwatch::CloudWatch;
use millstream_log::LogEngine;
use millstream_log_local::LocalEngine;
use millstream_streams::{CallHooks, StreamService, StreamSettings};
use millstream_tables::{TableService, TablesOpenError};
use millstream_types::WallClock;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

use crate::absent::Absent;
use crate::access_keys::{InvalidKeys, KeyRing};
use crate::audit::Audit;
use crate::cloudwatch::{CloudWatchEdge, Keeping, Unkept};
use crate::edge::{Access, Authenticator, Edge, Health, RequestIds};
use crate::engine::{self, EngineOpenError, OpenEngine};
use crate::http::{ByteBudget, Listening, Stopping};
use crate::kinesis::Kinesis;
use crate::process::{connections_within, open_files_limit};
use crate::settings::{EngineKind, Settings};
use crate::sts::Sts;
use crate::tables::TablesEdge;
use crate::tls::{Tls, TlsError};

/// Connections that the system holds until the server takes them.
const BACKLOG: u32 = 4096;
/// A client that is silent for so long is asked by the system whether it is still there, then each interval.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 4;
/// What closing files gets even if requests took all of the shutdown grace.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// How often the server looks whether its stream service still works.
const FAILURE_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Why the server cannot start. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody listens there.
    #[error(
        "{0} is in use: another server runs there. Stop it, or choose another port with --listen"
    )]
    AddressInUse(SocketAddr),
    /// The system does not let the server listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The folder cannot be made or written.
    #[error("the data folder {folder} cannot be written: {source}. Choose another with --data-dir")]
    DataFolder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The system does not tell the server of signals.
    #[error("the system delivers no signals")]
    Signals(#[source] io::Error),
    /// The system gives no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The access keys cannot be used.
    #[error(transparent)]
    Keys(#[from] InvalidKeys),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The audit log cannot be written.
    #[error("the audit log {path} cannot be written")]
    AuditLog {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The log engine does not open.
    #[error(transparent)]
    Engine(#[from] EngineOpenError),
    /// The files of tables cannot be used.
    #[error(transparent)]
    Tables(#[from] TablesOpenError),
    /// The stream service does not open.
    #[error(
        "the stream service does not open. If its files are damaged, `millstream verify` says what that costs and \
         `millstream repair` makes a folder of the rest"
    )]
    Streams(#[source] millstream_streams::OpenError),
}

/// Listens on an address; connections wait until the server runs.
///
/// # Errors
/// If somebody else listens there, or the system refuses.
pub fn bind(address: SocketAddr) -> Result<TcpListener, OpenError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Without it a port stays taken for a minute after a server with open connections ended.
        socket.set_reuseaddr(true)?;
        // Accepted sockets inherit it: a client whose machine is gone is noticed within two minutes.
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_TIME)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => OpenError::AddressInUse(address),
        _ => OpenError::Listen { address, source },
    })
}

/// An open server.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    edge: Arc<Edge>,
    engine: Arc<dyn LogEngine>,
    streams: StreamService,
    tables: TableService,
    metrics: Keeping,
    reloading: Reloading,
    audit: Arc<Audit>,
}

/// What a running server reads again when it is asked to.
#[derive(Debug, Clone, Default)]
pub struct Reloading {
    keys: Option<Arc<KeyRing>>,
    tls: Option<Arc<Tls>>,
    audit: Option<Arc<Audit>>,
}

impl Reloading {
    /// Reads access keys and certificate again, and opens the audit log by its name again. What cannot be used stays as
    /// it was, and the log says so. Reads files.
    pub fn reload(&self) {
        if let Some(keys) = &self.keys {
            keys.reload();
        }
        if let Some(tls) = &self.tls {
            tls.reload();
        }
        if let Some(audit) = &self.audit {
            audit.reopen();
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was accepted was finished and everything is closed.
    Cleanly,
    /// The shutdown grace passed before that. What was acknowledged is kept all the same.
    CutOff,
    /// The stream service failed and the server ended by itself; the log says why.
    Failed,
}

impl Server {
    /// Opens everything that the server keeps.
    ///
    /// # Errors
    /// If anything cannot be opened. Nothing is left running.
    pub async fn open(
        mut settings: Settings,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, OpenError> {
        settings.http.connections_max = connections_max(&settings);
        let ids = RequestIds::new().map_err(|error| OpenError::Random(error.to_string()))?;
        let keys = settings.access_keys.as_deref().map(KeyRing::open);
        let keys = keys.transpose()?.map(Arc::new);
        let tls = Tls::open(&settings)?.map(Arc::new);
        let audit = audit(&settings, Arc::clone(&clock))?;
        let authenticator = Arc::new(match &keys {
            None => Authenticator::Anyone(settings.account_id.clone()),
            Some(keys) => Authenticator::Keys {
                keys: Arc::clone(keys),
                clock: Arc::clone(&clock),
            },
        });
        let OpenEngine {
            engine,
            snapshots,
            local,
        } = engine::open(&settings, Arc::clone(&clock)).await?;
        // Behind the lock of the data folder.
        let tables = match open_tables(&settings).await {
            Ok(tables) => tables,
            Err(error) => {
                stop_engine(&*engine).await;
                return Err(error);
            }
        };
        let stream_settings = StreamSettings {
            transition: settings.transition,
            account_shards_max: settings.account_shards_max,
            reads_max: settings.http.reads_max,
            skips_damaged_records: settings.http.skips_damaged_records,
            ..StreamSettings::default()
        };
        let metrics = Unkept::new(Arc::clone(&engine), Arc::clone(&clock));
        let hooks = CallHooks {
            recorder: Some(Arc::clone(&metrics.metrics) as _),
            ..CallHooks::default()
        };
        let opened = StreamService::open_with(
            Arc::clone(&engine),
            snapshots,
            clock,
            stream_settings,
            hooks,
        )
        .await;
        let streams = match opened {
            Ok(streams) => streams,
            Err(error) => {
                stop_engine(&*engine).await;
                return Err(OpenError::Streams(error));
            }
        };
        let metrics = metrics.keep(&streams);
        let edge = edge(
            &settings,
            ids,
            authenticator,
            &audit,
            &Opened {
                streams: &streams,
                tables: &tables,
                metrics: &metrics,
            },
            local,
        );
        Ok(Self {
            settings,
            edge: Arc::new(edge),
            engine,
            streams,
            tables,
            metrics,
            reloading: Reloading {
                keys,
                tls,
                audit: Some(Arc::clone(&audit)),
            },
            audit,
        })
    }

    /// What reads files again while the server runs.
    pub fn reloading(&self) -> Reloading {
        self.reloading.clone()
    }

    /// Serves until `shutdown` is ready, then finishes what was accepted and closes everything, in the time of
    /// [`Settings::shutdown_grace`].
    ///
    /// Dropping the future ends the server at once, as a kill would.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Ended {
        let stopping = Stopping::default();
        let listening = Listening::new(
            Arc::clone(&self.edge),
            self.settings.http,
            self.settings.shutdown_grace,
            self.reloading.tls.clone(),
            stopping.clone(),
        );
        let stop = async {
            let has_failed = tokio::select! {
                () = shutdown => false,
                () = failure(&self.streams, &self.audit) => true,
            };
            tracing::info!("stopping: no new connections");
            // They would go on for minutes; their clients subscribe again elsewhere.
            self.streams.end_subscriptions();
            stopping.stop();
            has_failed
        };
        let ((), has_failed) = tokio::join!(Arc::clone(&listening).accept(listener), stop);
        let is_clean = self.close(&listening).await;
        tracing::info!("stopped");
        match (has_failed, is_clean) {
            (true, _) => Ended::Failed,
            (false, true) => Ended::Cleanly,
            (false, false) => Ended::CutOff,
        }
    }

    /// From the outside to the inside, so that nothing accepted meets something closed.
    async fn close(&self, listening: &Listening<Edge>) -> bool {
        let deadline = Instant::now() + self.settings.shutdown_grace;
        let left = || deadline.saturating_duration_since(Instant::now());
        let are_answered = listening.finish(left()).await;
        if !are_answered {
            tracing::warn!("requests were cut off after the shutdown grace");
        }
        let have_streams_ended = self.streams.stop(left()).await;
        if !have_streams_ended {
            tracing::warn!("streams had not stopped in the shutdown grace");
        }
        if !self.metrics.stop(left()).await {
            tracing::warn!("metrics were not all kept in the shutdown grace");
        }
        let stopped = tokio::time::timeout(left().max(CLOSE_GRACE), self.engine.stop()).await;
        let has_engine_ended = match stopped {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the log engine did not stop cleanly");
                false
            }
            Err(_) => {
                tracing::warn!("the log engine had not stopped in the shutdown grace");
                false
            }
        };
        let are_tables_closed = self.tables.stop(left().max(CLOSE_GRACE)).await;
        if !are_tables_closed {
            tracing::warn!("tables were not closed in the shutdown grace");
        }
        let audit = Arc::clone(&self.audit);
        let closed = tokio::task::spawn_blocking(move || audit.close());
        let closing = tokio::time::timeout(left().max(CLOSE_GRACE), closed).await;
        if closing.is_err() {
            tracing::warn!("the audit log was not written in the shutdown grace");
        }
        are_answered && have_streams_ended && has_engine_ended && are_tables_closed
    }
}

/// Ready once the stream service has failed. Until then the audit log tells what it only counted.
async fn failure(streams: &StreamService, audit: &Audit) {
    let mut look = tokio::time::interval(FAILURE_LOOK_INTERVAL);
    loop {
        look.tick().await;
        audit.tell_counted();
        if streams.has_failed() {
            tracing::error!("the stream service failed: the server ends");
            return;
        }
    }
}

/// As many connections as are set, or as there are descriptors for: the rest of those is for records and tables.
fn connections_max(settings: &Settings) -> usize {
    let set = settings.http.connections_max;
    let Some(open_files_max) = open_files_limit() else {
        return set;
    };
    let max = set.min(connections_within(
        open_files_max,
        settings.tables.databases_max,
    ));
    if max < set {
        tracing::warn!(
            open_files_max,
            connections_max = max,
            "the limit of open files leaves room for fewer connections than --connections-max says"
        );
    }
    max
}

/// What stands behind the services.
struct Opened<'a> {
    streams: &'a StreamService,
    tables: &'a TableService,
    metrics: &'a Keeping,
}

fn edge(
    settings: &Settings,
    ids: RequestIds,
    authenticator: Arc<Authenticator>,
    audit: &Arc<Audit>,
    opened: &Opened<'_>,
    local: Option<Arc<LocalEngine>>,
) -> Edge {
    let Opened {
        streams,
        tables,
        metrics,
    } = *opened;
    let bodies = ByteBudget::new(settings.http.bodies_bytes_max);
    let answers = ByteBudget::new(settings.http.answers_bytes_max);
    Edge {
        access: Access::new(settings.cors_origin.clone(), settings.access_keys.is_none()),
        health: Health::new(settings.durability, settings.engine, local),
        ids,
        audit: Arc::clone(audit),
        kinesis: Kinesis {
            is_audited: audit.is_on(),
            authenticator: Arc::clone(&authenticator),
            streams: streams.clone(),
            bodies: Arc::clone(&bodies),
            answers: Arc::clone(&answers),
            subscriber_timeout: settings.http.write_timeout,
        },
        cloudwatch: CloudWatchEdge {
            cloudwatch: CloudWatch::new(metrics.store.clone()),
            is_audited: audit.is_on(),
            authenticator: Arc::clone(&authenticator),
            bodies: Arc::clone(&bodies),
            answers: Arc::clone(&answers),
        },
        sts: Sts {
            is_audited: audit.is_on(),
            authenticator: Arc::clone(&authenticator),
            bodies: Arc::clone(&bodies),
        },
        absent: Absent {
            bodies: Arc::clone(&bodies),
        },
        tables: TablesEdge {
            is_audited: audit.is_on(),
            authenticator,
            bodies,
            answers,
            tables: tables.clone(),
        },
    }
}

fn audit(settings: &Settings, clock: Arc<dyn WallClock>) -> Result<Arc<Audit>, OpenError> {
    let path = settings.audit_log.as_deref();
    let audit = Audit::open(path, settings.access_keys.is_some(), clock);
    audit.map(Arc::new).map_err(|source| OpenError::AuditLog {
        path: path.unwrap_or(Path::new("")).to_owned(),
        source,
    })
}

/// Looks at the files of tables, which reads the disk.
async fn open_tables(settings: &Settings) -> Result<TableService, OpenError> {
    let data_dir = match settings.engine {
        EngineKind::Memory => None,
        EngineKind::Local => {
            let absolute = std::path::absolute(&settings.data_dir);
            let absolute = absolute.map_err(|source| OpenError::DataFolder {
                folder: settings.data_dir.clone(),
                source,
            })?;
            Some(absolute)
        }
    };
    let tables = settings.tables;
    let opened = tokio::task::spawn_blocking(move || TableService::open(data_dir, tables)).await;
    match opened {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

async fn stop_engine(engine: &dyn LogEngine) {
    if let Err(error) = engine.stop().await {
        tracing::warn!(%error, "the log engine did not stop cleanly");
    }
}
