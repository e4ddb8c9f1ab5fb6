//! Records that cannot be processed: to the dead letters with their cause, or the pipeline stops.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millstream_connectors::{Item, Rejects};
use millstream_consumer::{DeadLetters, ExtendedSequenceNumber, ParkedRecord, Record};
use tokio::time::{sleep, timeout};

use super::{Fatal, StageProgress};
use crate::file::Pipeline;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
const ATTEMPT_TIME: Duration = Duration::from_secs(30);

/// Keeps what cannot be processed.
#[derive(Debug)]
pub(super) struct Rejections {
    application: String,
    stream: String,
    letters: Option<Arc<dyn DeadLetters>>,
    fatal: Arc<Fatal>,
    progress: StageProgress,
}

impl Rejections {
    pub(super) fn new(
        pipeline: &Pipeline,
        letters: Option<Arc<dyn DeadLetters>>,
        fatal: Arc<Fatal>,
        progress: StageProgress,
    ) -> Self {
        Self {
            application: pipeline.name.clone(),
            stream: pipeline.source.stream.clone(),
            letters,
            fatal,
            progress,
        }
    }

    /// Keeps a record, however long that takes. An error means that the pipeline stops.
    pub(super) async fn keep(
        &self,
        shard_id: &str,
        record: &Record,
        cause: &str,
    ) -> Result<(), String> {
        let place = &record.place;
        self.progress.rejected(cause);
        let Some(letters) = &self.letters else {
            let why = format!(
                "record {place} of shard {shard_id} cannot be processed, and the file has no [dead_letter]: {cause}"
            );
            self.fatal.fail(&why);
            return Err(why);
        };
        let mut pause = PAUSE_MIN;
        loop {
            let parked = ParkedRecord::new(
                &self.application,
                &self.stream,
                shard_id,
                record.clone(),
                cause,
                1,
            );
            let error = match timeout(ATTEMPT_TIME, letters.park(parked)).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            tracing::error!(shard_id, %place, error, "record could not be put on the dead letters; trying again");
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        tracing::debug!(shard_id, %place, cause, "record rejected");
        Ok(())
    }
}

/// What sinks reject.
#[derive(Debug, Clone)]
pub(super) struct RejectedItems(pub(super) Arc<Rejections>);

impl Rejects for RejectedItems {
    fn reject(
        &self,
        sink: &str,
        item: Item,
        cause: String,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let rejections = Arc::clone(&self.0);
        let cause = format!("sink {sink} refuses {}: {cause}", item.id());
        Box::pin(async move {
            let origin = &item.origin;
            let place =
                ExtendedSequenceNumber::new(&origin.sequence_number, origin.sub_sequence_number);
            let place = place.map_err(|error| error.to_string())?;
            let mut record = Record::new(place, origin.partition_key.clone(), origin.data.clone());
            record.arrived_at =
                Some(SystemTime::UNIX_EPOCH + Duration::from_millis(origin.arrived_ms));
            rejections.keep(&origin.shard_id, &record, &cause).await
        })
    }
}
