//! `GET /health`.

use http::StatusCode;
use serde::Serialize;

use super::Answer;
use crate::settings::{Durability, EngineKind};

/// What the server says of itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
    durability: &'static str,
    engine: &'static str,
}

impl Health {
    pub(crate) fn new(durability: Durability, engine: EngineKind) -> Self {
        Self {
            status: "ok",
            version: env!("CARGO_PKG_VERSION"),
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

    /// The answer; once the stream service has failed, a 503 that says so.
    pub(crate) fn answer(&self, has_failed: bool) -> Answer {
        let (http_status, status) = if has_failed {
            (StatusCode::SERVICE_UNAVAILABLE, "failed")
        } else {
            (StatusCode::OK, self.status)
        };
        let now = Self {
            status,
            ..self.clone()
        };
        let body = serde_json::to_vec(&now).expect("four plain texts");
        Answer::plain(http_status, "application/json", body)
    }
}
