//! `GET /health`.

use std::sync::Arc;

use http::StatusCode;
use millstream_log_local::{LocalEngine, LocalStats};
use serde::Serialize;

use super::{Answer, Service};
use crate::settings::{Durability, EngineKind};

/// What the server says of itself.
#[derive(Debug)]
pub(crate) struct Health {
    durability: &'static str,
    engine: &'static str,
    local: Option<Arc<LocalEngine>>,
}

/// What a stranger is told.
#[derive(Serialize)]
struct Status {
    status: &'static str,
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    /// Why it is not ok.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    version: &'static str,
    durability: &'static str,
    engine: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<Storage>,
}

/// What the engine on disk has done since the start.
#[derive(Serialize)]
struct Storage {
    commits: u64,
    entries: u64,
    fsyncs: u64,
    written_bytes: u64,
    segments: u64,
    tail_cache_bytes: u64,
    /// What readers can reach, and all files; then the kinds of files whose sum that is.
    live_bytes: u64,
    disk_bytes: u64,
    sealed_bytes: u64,
    open_bytes: u64,
    prepared_bytes: u64,
    kept_room_bytes: u64,
    compaction_bytes: u64,
    manifest_bytes: u64,
}

impl From<LocalStats> for Storage {
    fn from(stats: LocalStats) -> Self {
        Self {
            commits: stats.commits,
            entries: stats.entries,
            fsyncs: stats.fsyncs,
            written_bytes: stats.written_bytes,
            segments: stats.segments,
            tail_cache_bytes: stats.tail_cache_bytes,
            live_bytes: stats.live_bytes,
            disk_bytes: stats.disk_bytes,
            sealed_bytes: stats.sealed_bytes,
            open_bytes: stats.open_bytes,
            prepared_bytes: stats.prepared_bytes,
            kept_room_bytes: stats.kept_room_bytes,
            compaction_bytes: stats.compaction_bytes,
            manifest_bytes: stats.manifest_bytes,
        }
    }
}

impl Health {
    pub(crate) fn new(
        durability: Durability,
        engine: EngineKind,
        local: Option<Arc<LocalEngine>>,
    ) -> Self {
        Self {
            local,
            durability: match (engine, durability) {
                (EngineKind::Memory, _) => "none",
                (EngineKind::Local, Durability::Fsync) => "fsync",
                (EngineKind::Local, Durability::Os) => "os",
            },
            engine: match engine {
                EngineKind::Local => "local",
                EngineKind::Memory => "memory",
            },
        }
    }

    /// The answer: a 503 that says why once the stream service has failed, the log takes no more writes, or the disk
    /// has no room for records. Strangers hear the status alone.
    pub(crate) fn answer(&self, has_failed: bool, is_stranger: bool) -> Answer {
        let failure = self.local.as_ref().and_then(|local| local.failure());
        let has_room = self.local.as_ref().is_none_or(|local| local.has_room());
        let (http_status, status, reason) = if has_failed || failure.is_some() {
            (StatusCode::SERVICE_UNAVAILABLE, "failed", failure)
        } else if !has_room {
            let reason = "the disk has no room: records are refused, reads go on";
            let reason = Some(reason.to_owned());
            (StatusCode::SERVICE_UNAVAILABLE, "no room", reason)
        } else {
            (StatusCode::OK, "ok", None)
        };
        let report = Report {
            status,
            reason,
            version: env!("CARGO_PKG_VERSION"),
            durability: self.durability,
            engine: self.engine,
            storage: self.local.as_ref().map(|local| local.stats().into()),
        };
        let body = if is_stranger {
            serde_json::to_vec(&Status { status })
        } else {
            serde_json::to_vec(&report)
        };
        let body = body.expect("texts and numbers");
        Answer {
            // No operation of AWS: nobody looks for the ids of one.
            service: Service::Bare,
            ..Answer::plain(http_status, "application/json", body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::AnswerBody;

    #[test]
    fn a_stranger_hears_the_status_and_nothing_else() {
        let health = Health::new(Durability::Fsync, EngineKind::Memory, None);
        let text = |has_failed, is_stranger| match health.answer(has_failed, is_stranger).body {
            AnswerBody::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            AnswerBody::Parts(_) => panic!("health comes whole"),
        };
        assert_eq!(text(false, true), r#"{"status":"ok"}"#);
        assert_eq!(text(true, true), r#"{"status":"failed"}"#);
        assert!(text(false, false).contains(env!("CARGO_PKG_VERSION")));
    }
}
