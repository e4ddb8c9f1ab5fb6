//! The server as a whole: what it opens, in which order, and how it ends.

mod assembly;
mod at_rest;
mod bind;
mod open_error;
mod opening;
mod running;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;

use millstream_cloudwatch::CloudWatch;
use millstream_log::{EngineStatus, LogEngine};
use millstream_sealing::KeyRing as DataKeys;
use millstream_streams::{AwsLimits, CallHooks, StreamService};
use millstream_tables::TableService;
use millstream_types::{SystemRandomness, WallClock};
use tokio::net::TcpListener;

use crate::access_keys::KeyRing;
use crate::audit::Audit;
use crate::backup::{Backups, Control, refuse_marked};
use crate::cloudwatch::{Keeping, Unkept};
use crate::edge::{Authenticator, Edge, Health, RequestIds};
use crate::engines::{self, EngineWords, OpenEngine};
use crate::http::Shared;
use crate::services::Services;
use crate::settings::Settings;
use crate::tls::Tls;
use assembly::{Parts, edge};
use at_rest::AtRest;
use opening::{audit, connections_max, control, data_folder, open_tables, stop_engine};

pub use bind::bind;
pub use open_error::OpenError;
pub use running::Ended;

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
        let ids = RequestIds::new(&SystemRandomness)?;
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
            randomness: Some(Arc::new(SystemRandomness)),
            admission: limits.map(|limits| Arc::new(limits) as _),
            recorder: Some(Arc::clone(&metrics.metrics) as _),
            scaling: Some(Arc::<Audit>::clone(&audit)),
            keys: keys_at_rest.clone(),
        };
        let opened = StreamService::open_with(
            Arc::clone(&engine),
            Arc::clone(&snapshots),
            clock,
            settings.streams.clone(),
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
}
