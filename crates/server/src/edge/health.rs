//! `GET /health`.

use std::sync::Arc;

use http::StatusCode;
use millstream_log::{CounterValue, EngineStatus, LogEngine};
use millstream_streams::StreamService;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Answer, Page, Service};
use crate::engines::EngineWords;

/// What the server says of itself.
#[derive(Debug)]
pub(crate) struct Health {
    words: EngineWords,
    engine: Arc<dyn LogEngine>,
    streams: Option<StreamService>,
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
    /// What the engine tells of itself in numbers.
    storage: Map<String, Value>,
}

impl Health {
    pub(crate) fn new(
        words: EngineWords,
        engine: Arc<dyn LogEngine>,
        streams: Option<StreamService>,
    ) -> Self {
        Self {
            words,
            engine,
            streams,
        }
    }

    /// The answer: a 503 that says why once the stream service has failed, the log takes no more writes, or the disk
    /// has no room for records. Strangers hear the status alone.
    fn report(&self, has_failed: bool, is_stranger: bool) -> Answer {
        let log = self.engine.status().borrow().clone();
        let (http_status, status) = match &log {
            _ if has_failed => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
            EngineStatus::Serving => (StatusCode::OK, "ok"),
            EngineStatus::NoRoom | EngineStatus::Failed(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, log.name())
            }
        };
        let body = if is_stranger {
            serde_json::to_vec(&Status { status })
        } else {
            serde_json::to_vec(&Report {
                status,
                reason: self.words.reason(&log),
                version: env!("CARGO_PKG_VERSION"),
                durability: self.words.durability,
                engine: self.words.name,
                storage: self.storage(),
            })
        };
        let body = body.expect("texts and numbers");
        Answer {
            // No operation of AWS: nobody looks for the ids of one.
            service: Service::Bare,
            ..Answer::plain(http_status, "application/json", body)
        }
    }

    fn storage(&self) -> Map<String, Value> {
        let counters = self.engine.counters().into_iter();
        let number = |value| match value {
            CounterValue::Total(number) | CounterValue::Now(number) => Some(number.into()),
            // Times are for metrics.
            CounterValue::Times(_) => None,
        };
        counters
            .filter_map(|counter| Some((counter.name.to_owned(), number(counter.value)?)))
            .collect()
    }
}

impl Page for Health {
    fn path(&self) -> &'static str {
        "/health"
    }

    fn answer(&self, is_stranger: bool) -> Answer {
        let has_failed = self.streams.as_ref().is_some_and(StreamService::has_failed);
        self.report(has_failed, is_stranger)
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use millstream_log::contract::data;
    use millstream_log::{GroupId, LogId, LogSpec, MemoryEngine, MemorySettings};
    use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
    use millstream_log_local::{LocalEngine, LocalSettings};
    use millstream_types::SystemClock;

    use super::*;
    use crate::http::AnswerBody;

    const WORDS: EngineWords = EngineWords {
        name: "an engine",
        durability: "none",
        no_room: "full",
    };

    fn text(answer: Answer) -> String {
        match answer.body {
            AnswerBody::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            AnswerBody::Parts(_) => panic!("health comes whole"),
        }
    }

    /// Whoever was told that a put is lost finds health saying so, with the reason.
    #[test]
    fn a_failed_fsync_is_seen_at_once() {
        let disk = PowerCutDisk::new();
        let settings = LocalSettings {
            segment_bytes: vec![16 << 10],
            reserve_bytes: 16 << 10,
            free_space_floor_bytes: 0,
            ..LocalSettings::new("unused")
        };
        let opened = LocalEngine::open_on(Arc::new(disk.clone()), settings, Arc::new(SystemClock));
        let engine: Arc<dyn LogEngine> = Arc::new(opened.unwrap());
        let health = Health::new(WORDS, Arc::clone(&engine), None);
        let created = block_on(engine.create(GroupId(1), LogId(1), LogSpec::default()));
        assert_eq!(health.report(false, false).status, StatusCode::OK);
        disk.set_faults(Faults {
            next_sync_fails_on: Some("log-commit"),
            ..Faults::default()
        });
        let answers = block_on(engine.append_many(vec![data(created.unwrap(), "lost")]));
        assert!(answers[0].is_err());
        let answer = health.report(false, false);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let text = text(answer);
        assert!(
            text.contains(r#""status":"failed","reason":"segments/"#),
            "{text}"
        );
    }

    #[test]
    fn a_stranger_hears_the_status_and_nothing_else() {
        let engine = MemoryEngine::new(MemorySettings::default(), Arc::new(SystemClock));
        let health = Health::new(WORDS, Arc::new(engine), None);
        let text = |has_failed, is_stranger| text(health.report(has_failed, is_stranger));
        assert_eq!(text(false, true), r#"{"status":"ok"}"#);
        assert_eq!(text(true, true), r#"{"status":"failed"}"#);
        assert!(text(false, false).contains(env!("CARGO_PKG_VERSION")));
        assert!(text(false, false).contains(r#""entries":0"#));
    }
}
