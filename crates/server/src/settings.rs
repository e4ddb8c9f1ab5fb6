//! Settings: checked once, at the start; nothing below here sees an unchecked value.

mod source;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use millstream_streams::{LimitOverrides, StreamSettings};
use millstream_tables::TableSettings;
use millstream_types::AccountId;

use crate::choices::{LogFailure, LogFormat};
use crate::engines::{self, EngineKind, LocalEngineSettings};
use crate::master_key::MasterKeySettings;

pub use source::{InvalidSettings, SettingsSource};

/// What a server runs with. Made by [`SettingsSource::check`]; `Settings::default()` is what a bare
/// `millstream serve` uses.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server listens. A loopback address, unless there are access keys.
    pub listen: SocketAddr,
    /// Where pages for who looks after the server have a listener of their own, which asks for no key.
    pub admin_listen: Option<SocketAddr>,
    /// The folder of everything that is kept. Unused by the memory engine.
    pub data_dir: PathBuf,
    /// The account of every access key that is not an account id itself.
    pub account_id: AccountId,
    /// What the streams run with.
    pub streams: StreamSettings,
    /// Which of AWS's limits on rates hold: its own, but for these; `None` for none.
    pub limits: Option<LimitOverrides>,
    /// What keeps the logs.
    pub engine: EngineKind,
    /// What the engine in the data folder runs with.
    pub local: LocalEngineSettings,
    /// What the server does once its log takes no more writes.
    pub log_failure: LogFailure,
    /// How long accepted requests may take to finish once the server was asked to stop.
    pub shutdown_grace: Duration,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Origins, besides the server's own, whose pages may call it; `*` is any.
    pub cors_origin: Vec<String>,
    /// Whether browsers get the web console.
    pub has_console: bool,
    /// The file of access keys; without one, any credentials are accepted.
    pub access_keys: Option<PathBuf>,
    /// The file that denials and changes are written to, besides the log.
    pub audit_log: Option<PathBuf>,
    /// Most refusals of a second that the audit log tells one by one: those of callers who are not known together, and
    /// those of each who is. The check of the settings says 100.
    pub audit_refusals_per_s_max: u64,
    /// What is kept is encrypted with; `None` is not at all.
    pub master_key: Option<MasterKeySettings>,
    /// How connections are encrypted; `None` is not at all.
    pub tls: Option<TlsSettings>,
    /// Bounds of the HTTP edge.
    pub http: HttpSettings,
    /// Bounds of the tables.
    pub tables: TableSettings,
}

/// Where the server's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSettings {
    /// Two files in PEM.
    Files {
        /// The certificate, and those that it was issued by up to the root.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A certificate that the server makes for itself and keeps in the data folder.
    SelfSigned,
}

/// What one server takes from the network before it refuses.
#[derive(Debug, Clone, Copy)]
pub struct HttpSettings {
    /// Most open connections; one more is closed at once.
    pub connections_max: usize,
    /// Most bytes of request bodies in memory at a time.
    pub bodies_bytes_max: usize,
    /// Most bytes of large answers in memory at a time, those that wait for a slow reader included.
    pub answers_bytes_max: usize,
    /// Most bytes that open HTTP/2 requests, and heads of requests that come in pieces, count for; each request counts for
    /// 8 KiB beside its body.
    pub requests_bytes_max: usize,
    /// How long a request's head may take from its first byte.
    pub head_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer; over HTTP/2 at most twice that.
    pub write_timeout: Duration,
    /// How long a client may ask for nothing; at most twice that.
    pub idle_timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            bodies_bytes_max: 256 * 1024 * 1024,
            answers_bytes_max: 256 * 1024 * 1024,
            requests_bytes_max: 128 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
        }
    }
}

impl Settings {
    /// Whether a browser that asks for a page gets the console itself, and not a page that says how to build it.
    pub fn serves_console(&self) -> bool {
        self.has_console && millstream_console::IS_BUILT
    }

    /// Lines of the start text: where everything is kept, and when a record counts as stored.
    pub fn engine_start_text(&self) -> String {
        engines::of(self.engine, &self.data_dir, &self.local).start_text()
    }
}

impl Default for Settings {
    fn default() -> Self {
        SettingsSource::default()
            .check()
            .expect("the defaults pass their own check")
    }
}
