//! What the service's clock says, from the `Date` of its answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use millstream_types::TimestampMs;

/// Notes the `Date` of the last answer to one call.
#[derive(Debug, Clone, Default)]
pub(super) struct AnswerDate(Arc<Mutex<Option<TimestampMs>>>);

impl AnswerDate {
    /// A moment no later than the service's work on the call, which took `elapsed` in all: the header has whole
    /// seconds, rounded down, and is written when the work is done.
    pub(super) fn at_or_before(&self, elapsed: Duration) -> Option<TimestampMs> {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let date = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        date.map(|date| TimestampMs(date.0.saturating_sub(elapsed_ms.saturating_add(1))))
    }

    fn note(&self, header: &str) {
        let parsed = DateTime::from_str(header, DateTimeFormat::HttpDate).ok();
        let date = parsed
            .and_then(|date| date.to_millis().ok())
            .and_then(|ms| u64::try_from(ms).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(TimestampMs);
    }
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(header) = context.response().headers().get("date") {
            self.note(header);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_is_never_later_than_the_work_of_the_service() {
        let date = AnswerDate::default();
        assert_eq!(date.at_or_before(Duration::ZERO), None);
        date.note("Sat, 28 Nov 2026 16:00:02 GMT");
        let second = 1_795_881_602_000;
        // Done at 1.999 s, answered at 2.1 s.
        let moment = date.at_or_before(Duration::from_millis(101)).unwrap();
        assert_eq!(moment, TimestampMs(second - 102));
        date.note("yesterday");
        assert_eq!(date.at_or_before(Duration::ZERO), None);
    }
}
