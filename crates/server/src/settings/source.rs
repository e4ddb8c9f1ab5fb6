//! Where settings come from: a flag wins over `MILLSTREAM_…` in the environment, that over the file, that over the
//! default. One list of settings serves all three.

mod check;
mod invalid;

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_streams::LimitOverride;
use serde::{Deserialize, Deserializer};

use crate::choices::{DamagedRecords, DamagedTables, Limits, LogFailure, LogFormat, Switch};
use crate::engines::{Durability, EngineKind};

pub use invalid::InvalidSettings;

/// Shortest time that a client, or a queue, may be given.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Settings as somebody wrote them: what is absent comes from the next place, at last from the default.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SettingsSource {
    /// Address and port. Default 127.0.0.1:4566. Without --access-keys loopback addresses only, as any
    /// well-formed credentials are accepted.
    /// Port 0 takes a free port, which the first line of output names.
    #[arg(long, env = "MILLSTREAM_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Address and port of a listener of its own for /health and /metrics, which asks for no key: for whoever watches the
    /// server from elsewhere. Default none: both are on the port of the services, where another machine must present a
    /// key to see more than the status.
    #[arg(long, env = "MILLSTREAM_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<String>,
    /// TOML file of access keys, mode 0600. Default none: any well-formed credentials are accepted, on a loopback address
    /// only. With it every request must be signed with one of its keys, and the key's policies say what it may do.
    /// Read again at SIGHUP. `millstream keys` edits it.
    #[arg(long, env = "MILLSTREAM_ACCESS_KEYS", value_name = "FILE")]
    pub access_keys: Option<PathBuf>,
    /// File to which denials and control-plane calls are added, one JSON object a line. Default none: only to the log.
    /// Opened by its name again at SIGHUP.
    #[arg(long, env = "MILLSTREAM_AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// File with the master key: 32 bytes in base64, mode 0600. Default none: what is kept is not encrypted. With it the
    /// records of streams whose encryption is started, and all of commands, snapshots and metrics, are (tables are not). It
    /// cannot be done without again: losing the key is losing what is encrypted.
    #[arg(long, env = "MILLSTREAM_MASTER_KEY", value_name = "FILE")]
    pub master_key: Option<PathBuf>,
    /// Command for sh that prints the master key, instead of a file.
    #[arg(long, env = "MILLSTREAM_MASTER_KEY_COMMAND", value_name = "COMMAND")]
    pub master_key_command: Option<String>,
    /// File with the master key that the data folder's keys are still under: they are wrapped with --master-key anew.
    #[arg(long, env = "MILLSTREAM_MASTER_KEY_BEFORE", value_name = "FILE")]
    pub master_key_before: Option<PathBuf>,
    /// Certificate in PEM, with its intermediates. Default none: no encryption. Needs --tls-key. Read again at SIGHUP.
    #[arg(long, env = "MILLSTREAM_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM.
    #[arg(long, env = "MILLSTREAM_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Serve with a certificate that the server makes for itself and keeps in the data folder. Default false. Clients
    /// must be told to trust it; start-up says how.
    #[arg(long, env = "MILLSTREAM_TLS_SELF_SIGNED", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub tls_self_signed: Option<bool>,
    /// Folder of everything that is kept; created if absent. Default ./data. One server at a time.
    #[arg(long, env = "MILLSTREAM_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Account of the streams and tables of every access key that is not an account id itself: exactly 12 digits.
    /// Default 000000000000. An access key of 12 digits is its own account.
    #[arg(long, env = "MILLSTREAM_ACCOUNT_ID", value_name = "ID")]
    pub account_id: Option<String>,
    /// Time that streams spend in CREATING, UPDATING and DELETING beyond what the work takes, such as 500ms or 10s.
    /// Default 0s. Longer: applications meet the states that they meet on AWS. Shorter: tests are faster.
    #[arg(long, env = "MILLSTREAM_TRANSITION", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub transition: Option<Duration>,
    /// Most open shards of all provisioned streams of an account in a region, at least 1. Default: no limit. Over it
    /// CreateStream and resharding are refused with LimitExceededException. AWS's own is 20000 in its three largest
    /// regions and 1000 or 6000 elsewhere.
    #[arg(long, env = "MILLSTREAM_ACCOUNT_SHARDS_MAX", value_name = "COUNT")]
    pub account_shards_max: Option<usize>,
    /// Which of AWS's limits on rates hold: per shard, per operation, per day (`docs/limits.md`). Default off: only the
    /// process is protected. aws: what AWS documents, and account-shards-max as AWS has it unless that is set.
    #[arg(long, env = "MILLSTREAM_LIMITS", value_enum)]
    pub limits: Option<Limits>,
    /// Limits in place of AWS's own, for single accounts or streams; in the file only.
    #[arg(skip)]
    pub limit: Option<Vec<LimitOverride>>,
    /// When a record counts as stored. Default fsync: on the disk before the answer. os: once the operating system
    /// has it; faster on slow disks, and a power cut loses acknowledged records.
    #[arg(long, env = "MILLSTREAM_DURABILITY", value_enum)]
    pub durability: Option<Durability>,
    /// Free space in bytes on the data folder's disk below which records are refused with ServiceUnavailable. Default
    /// 268435456. Lower: more of the disk holds records. Higher: more is left to others and to compaction.
    #[arg(long, env = "MILLSTREAM_DISK_FREE_BYTES_MIN", value_name = "BYTES")]
    pub disk_free_bytes_min: Option<u64>,
    /// Memory in bytes for what came last, of all streams together: readers that are no further behind than it reaches never
    /// wait for the disk. Default 25165824. Higher: more readers, or slower ones, are served from memory. Lower: less memory;
    /// with 0 every read asks the operating system's cache or the disk.
    #[arg(long, env = "MILLSTREAM_TAIL_CACHE_BYTES", value_name = "BYTES")]
    pub tail_cache_bytes: Option<usize>,
    /// What the server does once a write of its log has failed for good. Default serve: reads go on, writes are refused,
    /// and /health says failed with status 503. exit: it ends with exit code 7, so that a supervisor starts it again.
    #[arg(long, env = "MILLSTREAM_LOG_FAILURE", value_enum)]
    pub log_failure: Option<LogFailure>,
    /// What keeps the logs. Default local: files in the data folder. memory: nothing is kept, tables included.
    #[arg(long, env = "MILLSTREAM_ENGINE", value_enum)]
    pub engine: Option<EngineKind>,
    /// Whether the committing thread asks the system for a real-time class. Default on, silently without where the
    /// system refuses. On: shorter waits for the disk on a busy machine. Off: an ordinary thread.
    #[arg(long, env = "MILLSTREAM_REALTIME", value_enum)]
    pub realtime: Option<Switch>,
    /// Time that accepted requests may take to finish after SIGTERM or SIGINT. Default 10s. Longer: slow clients
    /// get their answers. Shorter: the server ends sooner, and unfinished requests end without an answer.
    #[arg(long, env = "MILLSTREAM_SHUTDOWN_GRACE", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Option<Duration>,
    /// How log lines look, on standard error. Default text. RUST_LOG sets what is logged; default info.
    #[arg(long, env = "MILLSTREAM_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// Origins, besides the server's own, whose web pages may call the server, such as http://localhost:5173;
    /// several with commas; * is any. Default none. Every origin given can read and write all streams.
    #[arg(
        long,
        env = "MILLSTREAM_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub cors_origin: Option<Vec<String>>,
    /// Whether a browser that opens the server's address gets the web console. Default on. It asks the server by the API
    /// alone, with the reader's own access key where the server has keys; off, a browser is answered as AWS answers it.
    #[arg(long, env = "MILLSTREAM_CONSOLE", value_enum)]
    pub console: Option<Switch>,
    /// Most open connections, at least 1. Default 20000. One more is closed at once. Each idle one costs some KiB.
    #[arg(long, env = "MILLSTREAM_CONNECTIONS_MAX", value_name = "COUNT")]
    pub connections_max: Option<usize>,
    /// Most bytes of request bodies in memory, at least 33554432. Default 268435456. Over it requests are refused
    /// with ServiceUnavailable. Higher: more large puts at once. Lower: less memory.
    #[arg(long, env = "MILLSTREAM_BODIES_BYTES_MAX", value_name = "BYTES")]
    pub bodies_bytes_max: Option<usize>,
    /// Most bytes of GetRecords answers in memory, at least 33554432. Default 268435456. Over it reads are refused
    /// with ServiceUnavailable. Higher: more slow readers at once. Lower: less memory.
    #[arg(long, env = "MILLSTREAM_ANSWERS_BYTES_MAX", value_name = "BYTES")]
    pub answers_bytes_max: Option<usize>,
    /// Most bytes that open HTTP/2 requests count for, at least 1048576. Default 134217728. Each counts for 8 KiB beside
    /// its body, and no address gets more than four fifths. Over it requests are refused with REFUSED_STREAM. Higher:
    /// more subscriptions and waiting requests over HTTP/2. Lower: less memory.
    #[arg(long, env = "MILLSTREAM_REQUESTS_BYTES_MAX", value_name = "BYTES")]
    pub requests_bytes_max: Option<usize>,
    /// Most GetRecords calls and pushed events that may wait for the disk at the same time, at least 1. Default 32. Each
    /// may hold 10 MiB; others wait for their turn. What is in memory is read without.
    #[arg(long, env = "MILLSTREAM_READS_MAX", value_name = "COUNT")]
    pub reads_max: Option<usize>,
    /// Most bytes of a shard's log that one GetRecords call reads to count what lies behind its answer, where the caller asks
    /// for that (docs/scaling.md), at least 1048576. Default 67108864. Higher: larger backlogs are counted to the record.
    /// Lower: a look costs less; the rest is estimated.
    #[arg(long, env = "MILLSTREAM_BEHIND_BYTES_MAX", value_name = "BYTES")]
    pub behind_bytes_max: Option<usize>,
    /// Whether the server counts which partition keys take most of each shard, for `millstream streams hot` (docs/scaling.md).
    /// Default off. On: each put costs a little more, and each busy shard some memory, of 512 shards at most.
    #[arg(long, env = "MILLSTREAM_HOT_KEYS", value_enum)]
    pub hot_keys: Option<Switch>,
    /// What becomes of a read that meets records that are damaged on the disk. Default fail: nothing is skipped, and the
    /// error says how to go on. `millstream repair` is the other way.
    #[arg(long, env = "MILLSTREAM_RECORDS_DAMAGED", value_name = "HOW")]
    pub records_damaged: Option<DamagedRecords>,
    /// Time for a request's head, from its first byte. Default 10s. Later the connection is closed.
    #[arg(long, env = "MILLSTREAM_HEAD_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub head_timeout: Option<Duration>,
    /// Time for a request's body. Default 1m. Later the connection is closed. Longer: slower links may put large
    /// batches. Shorter: slow senders hold memory for less time.
    #[arg(long, env = "MILLSTREAM_BODY_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub body_timeout: Option<Duration>,
    /// Time that a client may take nothing of an answer that waits for it. Default 1m. Later the connection is
    /// closed.
    #[arg(long, env = "MILLSTREAM_WRITE_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub write_timeout: Option<Duration>,
    /// Time that a client may ask for nothing before its connection is closed, which may take twice as long. Default 5m.
    /// Longer: clients that come seldom connect less often. Shorter: connections that nobody uses are gone sooner.
    #[arg(long, env = "MILLSTREAM_IDLE_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub idle_timeout: Option<Duration>,
    /// Most bytes of requests that wait for one account's and region's tables, at least 1048576. Default 16777216.
    /// Over it requests are refused with ProvisionedThroughputExceededException.
    #[arg(long, env = "MILLSTREAM_TABLES_QUEUE_BYTES_MAX", value_name = "BYTES")]
    pub tables_queue_bytes_max: Option<usize>,
    /// Time that a request may wait for its account's and region's tables. Default 10s. Later it is refused, undone,
    /// with ProvisionedThroughputExceededException.
    #[arg(long, env = "MILLSTREAM_TABLES_QUEUE_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub tables_queue_timeout: Option<Duration>,
    /// Most pairs of account and region whose tables are open at a time, at least 1. Default 64. Each costs a thread
    /// and about 2 MiB; over it requests for others are refused until one was idle for a minute.
    #[arg(long, env = "MILLSTREAM_TABLES_DATABASES_MAX", value_name = "COUNT")]
    pub tables_databases_max: Option<usize>,
    /// What a start does that finds a file of tables missing or damaged. Default refuse: it does not start. leave-out: it
    /// starts, and requests for those tables are answered with an error that names the file.
    #[arg(long, env = "MILLSTREAM_TABLES_DAMAGED", value_name = "WHAT")]
    pub tables_damaged: Option<DamagedTables>,
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

macro_rules! fill {
    ($first:expr, $second:expr, $($field:ident),+ $(,)?) => {
        SettingsSource { $($field: $first.$field.or($second.$field),)+ }
    };
}

impl SettingsSource {
    /// Reads a TOML file whose keys are the flags' names.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or has an unknown key or a value of the wrong type.
    pub fn read(path: &Path) -> Result<Self, InvalidSettings> {
        let text = std::fs::read_to_string(path).map_err(|source| InvalidSettings::Unreadable {
            path: path.into(),
            source,
        })?;
        toml::from_str(&text).map_err(|error| InvalidSettings::File {
            path: path.into(),
            reason: error.to_string(),
        })
    }

    /// These settings, and `second`'s where these are absent.
    pub fn or(self, second: Self) -> Self {
        fill!(
            self,
            second,
            listen,
            admin_listen,
            access_keys,
            audit_log,
            master_key,
            master_key_command,
            master_key_before,
            tls_cert,
            tls_key,
            tls_self_signed,
            data_dir,
            account_id,
            transition,
            account_shards_max,
            limits,
            limit,
            durability,
            disk_free_bytes_min,
            tail_cache_bytes,
            log_failure,
            engine,
            realtime,
            shutdown_grace,
            log_format,
            cors_origin,
            console,
            connections_max,
            bodies_bytes_max,
            answers_bytes_max,
            requests_bytes_max,
            reads_max,
            behind_bytes_max,
            hot_keys,
            records_damaged,
            head_timeout,
            body_timeout,
            write_timeout,
            idle_timeout,
            tables_queue_bytes_max,
            tables_queue_timeout,
            tables_databases_max,
            tables_damaged,
        )
    }
}

#[cfg(test)]
mod tests;
