//! What the server asks of its process: room for open files, and where log lines go.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Raises the limit of open files to the most that the system allows: each connection and each open segment needs one.
/// Returns the limit; `None` is none. A refusal leaves it as it was.
pub fn raise_open_files_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_err() {
        return limit.current;
    }
    getrlimit(Resource::Nofile).current
}

/// Sends log lines to standard error, `RUST_LOG` permitting, from `info` on without it. To be called once.
pub fn log_to_standard_error(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
