//! What the server asks of its process: room for open files, and where log lines go.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

use crate::choices::LogFormat;

/// Files of one database: its own, its log, the log's index, and one while it is opened.
const DATABASE_FILES: usize = 4;
/// Files of the process itself: standard streams, the runtime's, listener, settings that are read again.
const OWN_FILES: usize = 64;

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

/// The limit of open files that is in force; `None` is none.
pub(crate) fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many connections a limit of open files has room for. A quarter of it is for segments of records, so that the
/// next segment opens whatever clients do; each database of tables has up to four files; at least one connection is left.
pub(crate) fn connections_within(open_files_max: u64, databases_max: usize) -> usize {
    let files = usize::try_from(open_files_max).unwrap_or(usize::MAX);
    let kept = (files / 4)
        .saturating_add(databases_max.saturating_mul(DATABASE_FILES))
        .saturating_add(OWN_FILES);
    files.saturating_sub(kept).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_records_and_tables() {
        assert_eq!(
            connections_within(524_288, 64),
            524_288 - 131_072 - 256 - 64
        );
        assert_eq!(connections_within(1_024, 64), 1_024 - 256 - 256 - 64);
        assert_eq!(connections_within(256, 64), 1);
        assert!(connections_within(u64::MAX, usize::MAX) >= 1);
    }
}
