//! When the command began, as the service's clock has it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use tokio::time::Instant;

/// Notes the `Date` of the first answer.
#[derive(Debug, Clone)]
pub(super) struct FirstAnswer {
    asked_at: Instant,
    moment: Arc<Mutex<Option<DateTime>>>,
}

impl FirstAnswer {
    pub(super) fn new() -> Self {
        Self {
            asked_at: Instant::now(),
            moment: Arc::default(),
        }
    }

    /// A moment no later than the service's work on the first call: the header has whole seconds, rounded down, and is
    /// written when the work is done. `None` if the service does not tell its time.
    pub(super) fn at_or_before(&self) -> Option<DateTime> {
        *self.slot()
    }

    fn note(&self, header: &str, elapsed: Duration) {
        let moment = DateTime::from_str(header, DateTimeFormat::HttpDate)
            .ok()
            .and_then(|date| date.to_millis().ok())
            .zip(i64::try_from(elapsed.as_millis()).ok())
            .map(|(date_ms, elapsed_ms)| DateTime::from_millis(date_ms - elapsed_ms - 1));
        let mut slot = self.slot();
        if slot.is_none() {
            *slot = moment;
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<DateTime>> {
        self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for FirstAnswer {
    fn name(&self) -> &'static str {
        "FirstAnswer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(header) = context.response().headers().get("date") {
            self.note(header, self.asked_at.elapsed());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_answer_counts_and_never_too_late() {
        let first = FirstAnswer::new();
        assert_eq!(first.at_or_before(), None);
        first.note("Thu, 01 Jan 1970 00:01:00 GMT", Duration::from_millis(1500));
        first.note("Thu, 01 Jan 1970 00:02:00 GMT", Duration::ZERO);
        assert_eq!(first.at_or_before(), Some(DateTime::from_millis(58_499)));
    }
}
