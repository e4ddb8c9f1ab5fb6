//! One command on its way into the log.

use std::time::Duration;

use bytes::Bytes;
use millstream_log::{Append, AppendError, AppendId, EntryKind, LogEngine, NotWritten, Place};
use millstream_types::{Randomness, random_bytes};
use tokio::time::Instant;

use super::ProposeError;
use super::outcomes::Watch;

/// An append that is not answered after this long has an unknown outcome.
const APPEND_PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between attempts to learn what became of a command.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// An entry with an id of its own.
#[derive(Debug)]
pub(super) struct Appending(Append);

impl Appending {
    /// `None` if the system gives no random numbers; a command without an id of its own must not be written.
    pub(super) fn new(place: Place, payload: Bytes, randomness: &dyn Randomness) -> Option<Self> {
        let id = random_bytes(randomness).ok()?;
        Some(Self(Append {
            place,
            kind: EntryKind::Data,
            payload,
            id: Some(AppendId(u128::from_le_bytes(id))),
        }))
    }

    /// Appends it and tells its offset. One whose outcome is unknown is sent again under its id, which does not
    /// duplicate it, as long as the engine is sure to recognise it.
    pub(super) async fn run(
        self,
        engine: &dyn LogEngine,
        watch: &Watch<'_>,
        deadline: Instant,
    ) -> Result<u64, ProposeError> {
        let ids_kept = engine.caps().append_ids_kept;
        let mut pause = PAUSE_MIN;
        let mut is_unknown = false;
        loop {
            match self.once(engine).await {
                Ok(offset) => return Ok(offset),
                Err(AppendError::NotWritten(reason)) if !is_unknown => {
                    return Err(ProposeError::NotWritten(reason));
                }
                // It takes no more writes: it will not tell.
                Err(AppendError::NotWritten(NotWritten::Stopped)) => break,
                Err(AppendError::NotWritten(_)) => {}
                Err(AppendError::OutcomeUnknown) => {
                    tracing::error!("the outcome of a command is unknown");
                    is_unknown = true;
                }
            }
            if Instant::now() + pause > deadline {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            // Half of them: those that are on their way now take some too.
            if self.newer(engine, watch, deadline).await >= (ids_kept as u64).div_ceil(2) {
                break;
            }
        }
        Err(ProposeError::OutcomeUnknown)
    }

    /// How many commands the log may have got since this one was sent first, whoever wrote them: what is followed here may
    /// be far behind, or have gone over a snapshot.
    async fn newer(&self, engine: &dyn LogEngine, watch: &Watch<'_>, deadline: Instant) -> u64 {
        let end = tokio::time::timeout_at(deadline, engine.barrier(self.0.place)).await;
        match end {
            Ok(Ok(end)) => end.saturating_sub(watch.began()),
            Ok(Err(_)) | Err(_) => u64::MAX,
        }
    }

    async fn once(&self, engine: &dyn LogEngine) -> Result<u64, AppendError> {
        let answers = engine.append_many(vec![self.0.clone()]);
        match tokio::time::timeout(APPEND_PATIENCE, answers).await {
            Ok(mut answers) => {
                let answer = answers.pop().unwrap_or(Err(AppendError::OutcomeUnknown));
                answer.map(|appended| appended.offset)
            }
            Err(_) => Err(AppendError::OutcomeUnknown),
        }
    }
}
