//! The server as a whole: what it opens, in which order, and how it ends.

mod at_rest;
mod bind;
mod watch;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream_cloudwatch::CloudWatch;
use millstream_log::{EngineStatus, LogEngine};
use millstream_metrics::StreamMetrics;
use millstream_sealing::KeyRing as DataKeys;
use millstream_streams::{AwsLimits, CallHooks, StreamService, StreamSettings};
use millstream_tables::{TableService, TablesOpenError};
use millstream_types::{CallRecorder, WallClock};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::absent::Absent;
use crate::access_keys::{InvalidKeys, KeyRing};
use crate::audit::Audit;
use crate::backup::{BackupError, Backups, Control, refuse_marked};
use crate::cloudwatch::{CloudWatchEdge, Keeping, Unkept};
use crate::console::Console;
use crate::edge::{
    Access, Authenticator, Edge, Front, Health, Pages, PagesAlone, Recorders, RequestIds,
    RequestLog,
};
use crate::engines::{self, EngineOpenError, EngineWords, OpenEngine, ServedEngine};
use crate::http::{ByteBudget, Listening, Shared, Stopping};
use crate::kinesis::Kinesis;
use crate::master_key::KeysError;
use crate::metrics::{CallMetrics, MetricsPage, Watched};
use crate::process::{connections_within, open_files_limit};
use crate::services::Services;
use crate::settings::{HttpSettings, Settings};
use crate::sts::Sts;
use crate::tables::TablesEdge;
use crate::tls::{Tls, TlsError};
use at_rest::AtRest;
use watch::{Fault, fault};

pub use bind::bind;

/// Bounds of the listener for pages: a few programs ask it, now and then.
const ADMIN_CONNECTIONS_MAX: usize = 64;
const ADMIN_REQUESTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What closing files gets even if requests took all of the shutdown grace.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

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
    /// The data folder is a backup, or not whole.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The log engine does not open.
    #[error(transparent)]
    Engine(#[from] EngineOpenError),
    /// The data folder's keys cannot be used.
    #[error(transparent)]
    MasterKey(#[from] KeysError),
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

/// An open server.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    edge: Arc<Edge<Services>>,
    connections: Shared,
    connections_text: String,
    /// The listener of pages for who looks after the server.
    admin: Option<TcpListener>,
    engine: Arc<dyn LogEngine>,
    words: EngineWords,
    streams: StreamService,
    tables: TableService,
    /// By which backups are asked for.
    control: Option<Control>,
    keys_at_rest: Option<Arc<DataKeys>>,
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
    /// The log takes no more writes, and the server ended by itself as [`Settings::log_failure`] says.
    LogFailed,
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
        let (connections_max, connections_text) = connections_max(&settings);
        settings.http.connections_max = connections_max;
        let ids = RequestIds::new().map_err(|error| OpenError::Random(error.to_string()))?;
        let served = engines::of(settings.engine, &settings.data_dir, &settings.local);
        let folder = data_folder(&*served)?;
        let admin = settings.admin_listen.map(bind).transpose()?;
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
        folder.as_deref().map_or(Ok(()), refuse_marked)?;
        let OpenEngine {
            engine,
            snapshots,
            pin,
        } = served.open(Arc::clone(&clock)).await?;
        // Behind the lock of the data folder.
        let master = settings.master_key.clone();
        let sealed = at_rest::seal(master, folder.clone(), &engine, &snapshots).await;
        let AtRest {
            engine,
            snapshots,
            keys: keys_at_rest,
        } = match sealed {
            Ok(sealed) => sealed,
            Err(error) => {
                stop_engine(&*engine).await;
                return Err(error);
            }
        };
        let tables = match open_tables(folder.clone(), &settings).await {
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
        let control = folder.clone().zip(pin).and_then(|(folder, pin)| {
            let (tables, clock) = (tables.clone(), Arc::clone(&clock));
            control(Backups {
                folder,
                pin,
                keys: keys_at_rest.clone(),
                tables,
                clock,
            })
        });
        let metrics = Unkept::new(Arc::clone(&engine), Arc::clone(&clock));
        let limits = settings.limits.clone();
        let limits = limits.map(|limits| AwsLimits::new(Arc::clone(&clock), limits));
        let hooks = CallHooks {
            admission: limits.map(|limits| Arc::new(limits) as _),
            recorder: Some(Arc::clone(&metrics.metrics) as _),
            scaling: Some(Arc::<Audit>::clone(&audit)),
            keys: keys_at_rest.clone(),
        };
        let opened = StreamService::open_with(
            Arc::clone(&engine),
            Arc::clone(&snapshots),
            clock,
            stream_settings,
            hooks,
        )
        .await;
        let streams = match opened {
            Ok(streams) => streams,
            Err(error) => {
                let lost = at_rest::refuse_lost(folder, &*engine, &*snapshots).await;
                stop_engine(&*engine).await;
                return Err(lost.err().unwrap_or(OpenError::Streams(error)));
            }
        };
        let stream_metrics = Arc::clone(&metrics.metrics);
        let metrics = metrics.keep(&streams);
        let connections = Shared::new(&settings.http);
        let health = Health::new(served.words(), Arc::clone(&engine), Some(streams.clone()));
        let edge = edge(Parts {
            settings: &settings,
            ids,
            authenticator,
            audit: &audit,
            engine: &engine,
            streams: &streams,
            stream_metrics,
            tables: &tables,
            cloudwatch: CloudWatch::new(metrics.store.clone()),
            connections: &connections,
            health,
        });
        Ok(Self {
            admin,
            settings,
            edge: Arc::new(edge),
            connections,
            connections_text,
            engine,
            words: served.words(),
            streams,
            tables,
            control,
            keys_at_rest,
            metrics,
            reloading: Reloading {
                keys,
                tls,
                audit: Some(Arc::clone(&audit)),
            },
            audit,
        })
    }

    /// Where pages for who looks after the server are on a listener of their own.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.local_addr().ok()
    }

    /// A line for the start text if there may be fewer connections than are set, else nothing.
    pub fn connections_start_text(&self) -> &str {
        &self.connections_text
    }

    /// A line for the start text that says what is encrypted; nothing if nobody wants anything to be.
    pub fn encryption_start_text(&self) -> String {
        at_rest::start_text(
            self.keys_at_rest.as_deref(),
            self.streams.encrypted_streams(),
        )
    }

    /// Lines for the start text if the log takes no records, else nothing.
    pub fn log_start_text(&self) -> String {
        let status = self.engine.status().borrow().clone();
        match status {
            EngineStatus::Serving => String::new(),
            EngineStatus::NoRoom | EngineStatus::Failed(_) => {
                let reason = self.words.reason(&status).unwrap_or_default();
                format!("  log           {}: {reason}\n", status.name())
            }
        }
    }

    /// What reads files again while the server runs.
    pub fn reloading(&self) -> Reloading {
        self.reloading.clone()
    }

    /// Serves until `shutdown` is ready, then finishes what was accepted and closes everything, in the time of
    /// [`Settings::shutdown_grace`].
    ///
    /// Dropping the future ends the server at once, as a kill would.
    pub async fn run(mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Ended {
        let stopping = Stopping::default();
        let listening = Listening::new(
            Arc::clone(&self.edge),
            self.settings.http,
            self.connections.clone(),
            self.settings.shutdown_grace,
            self.reloading.tls.clone(),
            stopping.clone(),
        );
        let admin = self.admin.take();
        let admin = admin.map(|listener| (self.admin_listening(stopping.clone()), listener));
        let stop = async {
            let on_failure = self.settings.log_failure;
            let fault = tokio::select! {
                () = shutdown => None,
                fault = fault(&self.engine, &self.streams, &self.audit, on_failure) => Some(fault),
            };
            tracing::info!("stopping: no new connections");
            // They would go on for minutes; their clients subscribe again elsewhere.
            self.streams.end_subscriptions();
            stopping.stop();
            fault
        };
        let admin_accept = async {
            let (listening, listener) = admin?;
            Arc::clone(&listening).accept(listener).await;
            Some(listening)
        };
        let control = async {
            if let Some(control) = &self.control {
                control.serve(stopping.stopped()).await;
            }
        };
        let accept = Arc::clone(&listening).accept(listener);
        let ((), admin, fault, ()) = tokio::join!(accept, admin_accept, stop, control);
        // Nobody asks any more, and the next server makes its own.
        drop(self.control.take());
        let is_clean = self.close(&listening).await;
        if let Some(admin) = admin {
            // Whoever watches the server sees it until the end, and not longer.
            admin.finish(Duration::ZERO).await;
        }
        tracing::info!("stopped");
        match (fault, is_clean) {
            (Some(Fault::Streams), _) => Ended::Failed,
            (Some(Fault::Log), _) => Ended::LogFailed,
            (None, true) => Ended::Cleanly,
            (None, false) => Ended::CutOff,
        }
    }

    fn admin_listening(&self, stopping: Stopping) -> Arc<Listening<PagesAlone>> {
        let settings = HttpSettings {
            connections_max: ADMIN_CONNECTIONS_MAX,
            requests_bytes_max: ADMIN_REQUESTS_BYTES_MAX,
            ..self.settings.http
        };
        let is_loopback = |address: SocketAddr| address.ip().is_loopback();
        let handler = PagesAlone {
            pages: Arc::clone(&self.edge.pages),
            access: Access::new(
                Vec::new(),
                self.settings.admin_listen.is_none_or(is_loopback),
            ),
            ids: Arc::clone(&self.edge.ids),
        };
        Listening::new(
            Arc::new(handler),
            settings,
            Shared::new(&settings),
            self.settings.shutdown_grace,
            self.reloading.tls.clone(),
            stopping,
        )
    }

    /// From the outside to the inside, so that nothing accepted meets something closed.
    async fn close(&self, listening: &Listening<Edge<Services>>) -> bool {
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

/// As many connections as are set, or as there are descriptors for: the rest of those is for records and tables. And a
/// line for the start text if those are fewer.
fn connections_max(settings: &Settings) -> (usize, String) {
    let set = settings.http.connections_max;
    let Some(open_files_max) = open_files_limit() else {
        return (set, String::new());
    };
    let max = connections_within(open_files_max, settings.tables.databases_max);
    if max >= set {
        return (set, String::new());
    }
    let text = format!(
        "  connections   at most {max} of {set}: the limit of open files is {open_files_max}\n"
    );
    (max, text)
}

/// What the edge is made of.
struct Parts<'a> {
    settings: &'a Settings,
    ids: RequestIds,
    authenticator: Arc<Authenticator>,
    audit: &'a Arc<Audit>,
    engine: &'a Arc<dyn LogEngine>,
    streams: &'a StreamService,
    stream_metrics: Arc<StreamMetrics>,
    tables: &'a TableService,
    cloudwatch: CloudWatch,
    connections: &'a Shared,
    health: Health,
}

fn edge(parts: Parts<'_>) -> Edge<Services> {
    let (settings, streams, audit) = (parts.settings, parts.streams, parts.audit);
    let bodies = ByteBudget::new(settings.http.bodies_bytes_max);
    let answers = ByteBudget::new(settings.http.answers_bytes_max);
    let calls = Arc::new(CallMetrics::default());
    let watched = Watched {
        engine: Arc::clone(parts.engine),
        streams: streams.clone(),
        stream_metrics: parts.stream_metrics,
        budgets: [
            ("bodies", Arc::clone(&bodies)),
            ("answers", Arc::clone(&answers)),
            ("requests", Arc::clone(&parts.connections.requests)),
        ],
        connections: parts.connections.connections.clone(),
    };
    let metrics = MetricsPage::new(Arc::clone(&calls), watched);
    Edge {
        access: Access::new(settings.cors_origin.clone(), settings.access_keys.is_none()),
        ids: Arc::new(parts.ids),
        front: Front {
            authenticator: parts.authenticator,
            bodies: Arc::clone(&bodies),
            is_audited: audit.is_on(),
        },
        services: Services {
            kinesis: Kinesis {
                streams: streams.clone(),
                answers: Arc::clone(&answers),
                subscriber_timeout: settings.http.write_timeout,
            },
            tables: TablesEdge {
                bodies: Arc::clone(&bodies),
                answers: Arc::clone(&answers),
                tables: parts.tables.clone(),
            },
            cloudwatch: CloudWatchEdge {
                cloudwatch: parts.cloudwatch,
                bodies,
                answers,
            },
            sts: Sts,
            absent: Absent,
        },
        pages: Arc::new(Pages(vec![Box::new(parts.health), Box::new(metrics)])),
        site: settings.has_console.then(|| Box::new(Console) as _),
        recorders: recorders(audit, calls),
    }
}

/// Who hears of calls, one after the other.
fn recorders(audit: &Arc<Audit>, calls: Arc<CallMetrics>) -> Recorders {
    let audit: Arc<dyn CallRecorder> = Arc::<Audit>::clone(audit);
    Recorders(vec![audit, Arc::new(RequestLog), calls])
}

fn audit(settings: &Settings, clock: Arc<dyn WallClock>) -> Result<Arc<Audit>, OpenError> {
    let path = settings.audit_log.as_deref();
    let is_logged = settings.access_keys.is_some();
    let audit = Audit::open(path, is_logged, settings.audit_refusals_per_s_max, clock);
    audit.map(Arc::new).map_err(|source| OpenError::AuditLog {
        path: path.unwrap_or(Path::new("")).to_owned(),
        source,
    })
}

/// The data folder, absolute; `None` for memory.
fn data_folder(served: &dyn ServedEngine) -> Result<Option<PathBuf>, OpenError> {
    let Some(folder) = served.folder() else {
        return Ok(None);
    };
    std::path::absolute(folder)
        .map(Some)
        .map_err(|source| OpenError::DataFolder {
            folder: folder.to_owned(),
            source,
        })
}

/// Looks at the files of tables, which reads the disk.
async fn open_tables(
    folder: Option<PathBuf>,
    settings: &Settings,
) -> Result<TableService, OpenError> {
    let tables = settings.tables;
    let opened = tokio::task::spawn_blocking(move || TableService::open(folder, tables)).await;
    match opened {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// A server without it serves all the same.
fn control(backups: Backups) -> Option<Control> {
    let bound = Control::bind(backups);
    bound
        .inspect_err(|error| tracing::warn!(%error, "no backup can be asked for: the socket in the data folder cannot be made"))
        .ok()
}

async fn stop_engine(engine: &dyn LogEngine) {
    if let Err(error) = engine.stop().await {
        tracing::warn!(%error, "the log engine did not stop cleanly");
    }
}
