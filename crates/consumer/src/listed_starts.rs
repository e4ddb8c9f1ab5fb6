//! Where the shards of the stream start, as of a moment that the asker names.
//!
//! An iterator is asked for by the names of stream and shard. If the stream was deleted and created again meanwhile, it is
//! one of the new stream's shard, which may follow another one that nobody has read. A listing that was asked for after the
//! iterator had come, and in which the shard still starts where its lease says, shows that it was not.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::source::in_time;
use crate::{ExtendedSequenceNumber, ReadError, Source};

#[derive(Debug)]
pub(crate) struct ListedStarts {
    source: Arc<dyn Source>,
    /// The last listing. Who waits for the lock is served by the listing of whoever has it, if that came late enough.
    listed: Mutex<Option<Listed>>,
}

#[derive(Debug)]
struct Listed {
    asked_at: Instant,
    starts: BTreeMap<String, ExtendedSequenceNumber>,
}

impl ListedStarts {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            listed: Mutex::new(None),
        }
    }

    /// Whether the shard starts at `start` in a listing that was asked for after `opened_at`.
    pub(crate) async fn is_start(
        &self,
        start: &ExtendedSequenceNumber,
        shard_id: &str,
        opened_at: Instant,
    ) -> Result<bool, ReadError> {
        let mut listed = self.listed.lock().await;
        let starts = match &*listed {
            Some(known) if known.asked_at > opened_at => &known.starts,
            _ => {
                let asked_at = Instant::now();
                let shards = in_time(self.source.list_shards()).await?;
                let starts = shards.into_iter().filter_map(|shard| {
                    let start = shard.starting_sequence_number?;
                    Some((shard.shard_id, start))
                });
                let starts = starts.collect();
                &listed.insert(Listed { asked_at, starts }).starts
            }
        };
        Ok(starts.get(shard_id) == Some(start))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::testing::MemoryStream;

    #[tokio::test(start_paused = true)]
    async fn only_a_listing_that_was_asked_for_later_counts() {
        let stream = MemoryStream::new(2);
        let starts = ListedStarts::new(Arc::new(stream.clone()));
        let start: ExtendedSequenceNumber = "1".parse().unwrap();
        let is_start = |opened_at| starts.is_start(&start, "shardId-000000000000", opened_at);

        let first_opened = Instant::now();
        advance(Duration::from_secs(1)).await;
        assert!(is_start(first_opened).await.unwrap());
        stream.recreate(2);
        // What was opened before the listing was opened before the stream was created again.
        assert!(is_start(first_opened).await.unwrap());
        assert!(!is_start(Instant::now()).await.unwrap());
        assert!(
            !starts
                .is_start(&start, "shardId-000000000009", first_opened)
                .await
                .unwrap()
        );
    }
}
