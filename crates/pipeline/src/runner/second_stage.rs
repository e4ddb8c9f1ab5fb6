//! The second stage of windows: the pieces of all shards, merged; results to the sinks.
//!
//! Results go out in three steps: what is due is decided, the state with the decision is saved and checkpointed, and only
//! then the sinks get it. Whoever takes over after a crash starts from that state and sends the very same results again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_connectors::{Cut, Identity, Item, Origin};
use millstream_consumer::{
    BoxError, Checkpointer, ExtendedSequenceNumber, Failure, RecordBatch, RecordProcessor,
    ShardStart, Source,
};

use super::lanes::Lanes;
use super::progress::ShardCounter;
use super::{PieceStream, Shared, Stage, StateError, StateStore, cuts, evaluation};
use crate::window::{Merger, OpenShard, Piece, Plan, WindowResult};

const TICK: Duration = Duration::from_millis(200);
/// How often the shards of the source are looked at.
const SHARDS_INTERVAL: Duration = Duration::from_millis(1000);
/// The state is saved so often even if nothing goes out.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);
const LIST_TIME: Duration = Duration::from_secs(10);
const STOPPING: Duration = Duration::from_secs(5);
/// The shard that a piece without records names when the second stage moves itself on.
const OWN: &str = "(windows)";

pub(super) struct SecondStage {
    shard_id: String,
    counter: ShardCounter,
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    pieces: Arc<dyn PieceStream>,
    states: Arc<dyn StateStore>,
    source: Arc<dyn Source>,
    lanes: Lanes,
    merger: Merger,
    /// The last piece that is merged.
    place: Option<ExtendedSequenceNumber>,
    /// Where the state was last saved and checkpointed.
    saved: Option<ExtendedSequenceNumber>,
    saved_at: Instant,
    /// A decision waits for a piece of our own to come back.
    is_asked_for: bool,
    open: Vec<OpenShard>,
    open_at: Option<Instant>,
    next_tick: Instant,
}

impl SecondStage {
    pub(super) fn new(
        shard_id: &str,
        shared: Arc<Shared>,
        plan: Arc<Plan>,
        pieces: Arc<dyn PieceStream>,
        states: Arc<dyn StateStore>,
        source: Arc<dyn Source>,
    ) -> Self {
        Self {
            counter: shared.progress.shard(Stage::Windows, shard_id),
            lanes: Lanes::open(&shared, shard_id),
            shard_id: shard_id.to_owned(),
            shared,
            plan,
            pieces,
            states,
            source,
            merger: Merger::new(),
            place: None,
            saved: None,
            saved_at: Instant::now(),
            is_asked_for: false,
            open: Vec::new(),
            open_at: None,
            next_tick: Instant::now(),
        }
    }

    fn fail(&self, why: &str) -> BoxError {
        self.shared.fatal.fail(why);
        why.to_owned().into()
    }

    fn state_names(&self) -> String {
        format!("windows/{}/", self.shard_id)
    }

    fn state_name(&self, place: &ExtendedSequenceNumber) -> String {
        format!("{}{}", self.state_names(), cuts::name(place))
    }

    /// Forgets what those who died have left: no state before the checkpoint counts, now or ever.
    async fn sweep(&self, place: &ExtendedSequenceNumber) {
        let swept = self
            .states
            .sweep(&self.state_names(), &self.state_name(place))
            .await;
        match swept {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "rows of states that do not count any more are gone"),
            // They cost room and nothing else; the next one who starts tries again.
            Err(error) => tracing::warn!(%error, "states that do not count any more stay"),
        }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.shared.clock.now().0).unwrap_or(i64::MAX)
    }

    /// Learns which shards the source has, if that is not fresh.
    async fn look_at_shards(&mut self) -> Result<(), BoxError> {
        if self
            .open_at
            .is_some_and(|at| at.elapsed() < SHARDS_INTERVAL)
        {
            return Ok(());
        }
        let shards = tokio::time::timeout(LIST_TIME, self.source.list_shards()).await;
        let shards = shards.map_err(|_| "the shards of the source were not listed in time")??;
        let parents: BTreeMap<String, Vec<String>> = shards
            .iter()
            .map(|shard| {
                (
                    shard.shard_id.clone(),
                    shard.parent_shard_ids.iter().cloned().collect(),
                )
            })
            .collect();
        let open = shards.iter().filter(|shard| !shard.is_closed);
        let open = open.map(|shard| OpenShard {
            shard_id: shard.shard_id.clone(),
            parents: parents.clone(),
        });
        self.open = open.collect();
        self.open_at = Some(Instant::now());
        Ok(())
    }

    /// Saves the state as of the last piece, and checkpoints it.
    async fn save(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        let Some(place) = self.place.clone() else {
            return Ok(());
        };
        let state = serde_json::to_vec(&self.merger)?;
        self.states.save(&self.state_name(&place), &state).await?;
        checkpointer.checkpoint_at(&place).await?;
        if let Some(old) = self.saved.replace(place) {
            // One that stays behind costs room and nothing else.
            drop(self.states.remove(&self.state_name(&old)).await);
        }
        self.saved_at = Instant::now();
        Ok(())
    }

    /// Decides what is due and sends it.
    async fn advance(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.look_at_shards().await?;
        let now_ms = self.now_ms();
        if !self.merger.has_results() && self.merger.is_due(&self.plan, &self.open, now_ms) {
            if self.place == self.saved {
                // A state is written once for each place: the decision takes a place of its own.
                return self.move_on().await;
            }
            self.merger.decide(&self.plan, &self.open, now_ms);
        }
        if self.merger.has_results() {
            if self.place != self.saved && !self.save_or_move_on(checkpointer).await? {
                return Ok(());
            }
            self.send().await?;
        } else if self.saved_at.elapsed() >= SAVE_INTERVAL && self.place != self.saved {
            self.save_or_move_on(checkpointer).await?;
        }
        Ok(())
    }

    /// Puts a piece of our own, so that there is another place.
    async fn move_on(&mut self) -> Result<(), BoxError> {
        if !self.is_asked_for {
            self.pieces
                .put(&Piece::empty(&self.plan.fingerprint(), OWN))
                .await?;
            self.is_asked_for = true;
        }
        Ok(())
    }

    /// Saves; false if a predecessor has left another state at this place, so that it takes another one.
    async fn save_or_move_on(&mut self, checkpointer: &Checkpointer) -> Result<bool, BoxError> {
        match self.save(checkpointer).await {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.downcast_ref(), Some(StateError::Taken(_))) => {
                self.move_on().await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends what was decided, and waits until it has arrived.
    async fn send(&mut self) -> Result<(), BoxError> {
        let Some(place) = self.saved.clone() else {
            return Ok(());
        };
        let results = self.merger.outbox(&self.plan);
        self.counter.results_out(results.len());
        let items = results
            .into_iter()
            .map(|result| self.item(&place, result))
            .collect();
        let cut = Cut {
            shard_id: self.shard_id.clone(),
            first: cuts::name(&place),
        };
        let sent = async {
            self.lanes.send(items, place).await?;
            self.lanes.flush(&cut).await
        };
        let stop = self.shared.fatal.stop.clone();
        let sent = tokio::select! {
            sent = sent => sent,
            // A sink that takes nothing must not hold a stop up for ever: the state that was saved has the results.
            () = async { stop.cancelled().await; tokio::time::sleep(STOPPING).await } => return Ok(()),
        };
        sent.map_err(|failed| self.fail(&failed.to_string()))?;
        self.merger.sent(&self.plan, &self.open);
        Ok(())
    }

    fn item(&self, place: &ExtendedSequenceNumber, result: WindowResult) -> Item {
        let text = result.value.to_string();
        let id = format!(
            "{}:{}:{}",
            self.shared.pipeline.name, result.window_ms, result.by
        );
        let key: String = result.by.trim_matches('"').chars().take(256).collect();
        let origin = Origin {
            shard_id: self.shard_id.as_str().into(),
            sequence_number: place.sequence_number().into(),
            sub_sequence_number: 0,
            partition_key: if key.is_empty() { "-".to_owned() } else { key },
            arrived_ms: u64::try_from(result.window_ms).unwrap_or(0),
            data: Bytes::from(text),
        };
        Item {
            identity: Identity::Given(id.into()),
            revision: result.revision,
            bytes: evaluation::estimate(&result.value) + 256,
            origin: Arc::new(origin),
            value: result.value.into(),
            raw: None,
        }
    }

    fn merge(&mut self, batch: &RecordBatch) -> Result<(), BoxError> {
        for record in batch.records() {
            if self.place.as_ref() >= Some(&record.place) {
                continue;
            }
            let piece =
                Piece::from_bytes(&record.data).map_err(|error| self.fail(&error.to_string()))?;
            if piece.shard == OWN {
                self.is_asked_for = false;
            } else {
                let merged = self.merger.add(&self.plan, piece);
                merged.map_err(|error| self.fail(&error.to_string()))?;
                self.counter.piece_merged(record.data.len());
            }
            self.place = Some(record.place.clone());
        }
        let bytes = self.merger.bytes();
        if bytes > self.plan.state_bytes_max {
            let why = format!(
                "{} open windows take {bytes} bytes, more than window.state = {} allows: raise it, or count by fewer \
                 keys; nothing is lost, the pipeline goes on where it stopped",
                self.merger.windows_open(),
                self.plan.state_bytes_max
            );
            return Err(self.fail(&why));
        }
        Ok(())
    }
}

impl RecordProcessor for SecondStage {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        self.place = start.checkpoint.place().cloned();
        self.saved = self.place.clone();
        self.merger = match &self.place {
            None => Merger::new(),
            Some(place) => {
                let state = self.states.load(&self.state_name(place)).await?;
                self.sweep(place).await;
                serde_json::from_slice(&state)?
            }
        };
        // What was decided and may not have arrived.
        if self.merger.has_results() {
            self.look_at_shards().await?;
            self.send().await?;
        }
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        self.merge(batch)
            .map_err(|error| Failure::retry_after(STOPPING, error))?;
        let advanced = self.advance(checkpointer).await;
        advanced.map_err(|error| Failure::retry_after(TICK, error))
    }

    fn next_timer(&self) -> Option<Instant> {
        Some(self.next_tick)
    }

    async fn timer_fired(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.advance(checkpointer).await?;
        self.next_tick = Instant::now() + TICK;
        Ok(())
    }

    async fn shard_ended(&mut self, _: &Checkpointer) -> Result<(), BoxError> {
        let stream = self.shared.pipeline.intermediate_stream();
        Err(self.fail(&format!(
            "shard {} of the intermediate stream {stream} was split or merged: it must have one shard, for good",
            self.shard_id
        )))
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        // With results on their way, the state that was saved has to send them again.
        if !self.shared.fatal.is_failed() && !self.merger.has_results() && self.place != self.saved
        {
            self.save(checkpointer).await?;
        }
        Ok(())
    }
}
