//! The service as a whole: opening, stopping, and what its operations share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{ServiceCommand, Stream, TokenKey};
use millstream_log::{EngineError, LogEngine, SnapshotStore};
use millstream_sealing::KeyRingError;
use millstream_types::limits::{PUT_RECORDS_BYTES_MAX, PUT_RECORDS_COUNT_MAX};
use millstream_types::{
    AccountId, CallRecorder, EncryptionType, MetricsName, NoRandomness, Randomness, Region,
    Reshards, StreamName, SystemRandomness, WallClock, random_bytes,
};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::changing::Changing;
use crate::command_log::{self, CommandLog, CommandLogError, ProposeError};
use crate::envelope;
use crate::hot_keys::HotShards;
use crate::life_cycle::{ConsumerLifeCycle, LifeCycle};
use crate::on_demand::{Keeper, Traffic};
use crate::put::Spread;
use crate::read::{Damage, ReadTurns};
use crate::record_keys::RecordKeys;
use crate::retention::Retention;
use crate::subscriptions::Subscriptions;
use crate::tasks::Tasks;
use crate::tokens::Tokens;
use crate::view::View;
use crate::{Admission, CallHooks, Failure, SkippedDamage, StreamSettings};

/// How often what limits keep is looked through.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);

/// The stream service: one method for each operation of the API.
///
/// Cheap to clone; all clones are one service. Dropping the last one stops its tasks without waiting for them: what
/// was acknowledged is durable, and what had begun is finished at the next opening.
#[derive(Debug, Clone)]
pub struct StreamService {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Arc<dyn LogEngine>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) settings: StreamSettings,
    pub(crate) view: Arc<View>,
    pub(crate) commands: CommandLog,
    pub(crate) tokens: Tokens,
    pub(crate) retention: Arc<Retention>,
    pub(crate) read_turns: ReadTurns,
    pub(crate) damage: Damage,
    pub(crate) spread: Spread,
    pub(crate) record_keys: RecordKeys,
    pub(crate) traffic: Arc<Traffic>,
    /// If keys are counted.
    pub(crate) hot_keys: Option<Arc<HotShards>>,
    keeper: Arc<Keeper>,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) admission: Option<Arc<dyn Admission>>,
    pub(crate) recorder: Option<Arc<dyn CallRecorder>>,
    /// Calls that are being served.
    calls: TaskTracker,
    stopping: CancellationToken,
    /// What proposes commands besides the calls.
    workers: Arc<Tasks>,
    /// What follows the command log; stopped last.
    follower: Tasks,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.workers.cancel();
        self.follower.cancel();
    }
}

/// Why a call is not served at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotServing {
    Stopping,
    Failed,
}

/// Why a service does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine cannot keep the largest request, or recognises no append that is sent again.
    #[error(
        "the log engine's limits are too low: an entry of {entry_bytes} bytes and one append id are needed"
    )]
    Caps {
        /// Bytes that one entry must be able to hold.
        entry_bytes: usize,
    },
    /// The catalog cannot be read.
    #[error("the catalog cannot be read")]
    Catalog(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The first command was not written.
    #[error("the catalog cannot be written")]
    FirstCommand(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gives no random numbers.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The engine's own check failed.
    #[error("the log engine")]
    Engine(#[from] EngineError),
    /// A key of an encrypted stream cannot be kept.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
}

impl From<CommandLogError> for OpenError {
    fn from(error: CommandLogError) -> Self {
        Self::Catalog(Box::new(error))
    }
}

impl StreamService {
    /// Opens the service on an engine: reads the catalog and resumes what a crash interrupted.
    ///
    /// Several services may stand on one engine, in one process or in several if the engine admits that: what one
    /// changes, the others follow. Each counts its own subscriptions. Needs a tokio runtime with a timer.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing runs then.
    pub async fn open(
        engine: Arc<dyn LogEngine>,
        snapshots: Arc<dyn SnapshotStore>,
        clock: Arc<dyn WallClock>,
        settings: StreamSettings,
    ) -> Result<Self, OpenError> {
        Self::open_with(engine, snapshots, clock, settings, CallHooks::default()).await
    }

    /// As [`open`](Self::open), with somebody who is asked before each call and told of it afterwards.
    ///
    /// # Errors
    /// As `open`.
    pub async fn open_with(
        engine: Arc<dyn LogEngine>,
        snapshots: Arc<dyn SnapshotStore>,
        clock: Arc<dyn WallClock>,
        settings: StreamSettings,
        hooks: CallHooks,
    ) -> Result<Self, OpenError> {
        check(&*engine)?;
        let randomness = hooks
            .randomness
            .unwrap_or_else(|| Arc::new(SystemRandomness));
        let changing = Arc::new(Changing::default());
        let (view, follower, commands) = command_log::open(
            Arc::clone(&engine),
            snapshots,
            (Arc::clone(&clock), Arc::clone(&randomness)),
            Arc::clone(&changing),
            &settings,
        )
        .await?;
        let follower_tasks = Tasks::default();
        follower_tasks.spawn("command log", |stop| follower.run(stop));
        let token_key = token_key(&view, &commands, &*randomness).await?;
        let tokens = Tokens::new(&token_key, &*randomness)?;
        let workers = Arc::new(Tasks::default());
        let subscriptions = Arc::new(Subscriptions::default());
        let consumers = Arc::new(ConsumerLifeCycle::new(
            Arc::clone(&view),
            commands.clone(),
            Arc::clone(&changing),
            Arc::clone(&subscriptions),
            settings.transition,
        ));
        let tasks = Arc::clone(&workers);
        workers.spawn("consumer changes", |stop| consumers.supervise(tasks, stop));
        let record_keys = RecordKeys::open(hooks.keys, &view, settings.computing).await?;
        let life_cycle = Arc::new(LifeCycle {
            engine: Arc::clone(&engine),
            record_keys: record_keys.clone(),
            view: Arc::clone(&view),
            commands: commands.clone(),
            changing,
            transition: settings.transition,
            running: Mutex::new(BTreeSet::new()),
        });
        let tasks = Arc::clone(&workers);
        workers.spawn("stream changes", |stop| life_cycle.supervise(tasks, stop));
        let retention = Arc::new(Retention::new(
            Arc::clone(&engine),
            Arc::clone(&clock),
            Arc::clone(&view),
            commands.clone(),
        ));
        let (task, interval) = (Arc::clone(&retention), settings.retention_interval);
        workers.spawn("retention", |stop| task.run(interval, stop));
        let traffic = Arc::new(Traffic::default());
        let keeper = Arc::new(Keeper::new(
            Arc::clone(&clock),
            Arc::clone(&view),
            commands.clone(),
            Arc::clone(&traffic),
            hooks.scaling,
        ));
        let (task, interval) = (Arc::clone(&keeper), settings.scaling_interval);
        workers.spawn("on-demand streams", |stop| task.run(interval, stop));
        let hot_keys = settings
            .counts_hot_keys
            .then(|| Arc::new(HotShards::new(Arc::clone(&clock))));
        if let Some(hot_keys) = hot_keys.clone() {
            workers.spawn("hot keys", |stop| hot_keys.run(stop));
        }
        if let Some(admission) = hooks.admission.clone() {
            workers.spawn("limits", |stop| tidy(admission, stop));
        }
        let inner = Inner {
            engine,
            clock,
            read_turns: ReadTurns::new(settings.reads_max),
            damage: Damage::new(settings.skips_damaged_records),
            settings,
            view,
            commands,
            tokens,
            retention,
            spread: Spread::default(),
            record_keys,
            traffic,
            hot_keys,
            keeper,
            subscriptions,
            admission: hooks.admission,
            recorder: hooks.recorder,
            calls: TaskTracker::new(),
            stopping: CancellationToken::new(),
            workers,
            follower: follower_tasks,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Stops: refuses new calls, lets those in flight and the commands that wait finish, stores the catalog and joins
    /// the tasks. True if everything had ended after `grace`; the engine may be stopped then.
    ///
    /// Idempotent. What had begun and is not finished (a split, say) is resumed at the next opening.
    pub async fn stop(&self, grace: Duration) -> bool {
        let inner = &self.inner;
        let deadline = Instant::now() + grace;
        inner.stopping.cancel();
        inner.subscriptions.close();
        inner.calls.close();
        let calls_ended = tokio::time::timeout_at(deadline, inner.calls.wait()).await;
        let left = || deadline.saturating_duration_since(Instant::now());
        let workers_ended = inner.workers.stop(left()).await;
        let follower_ended = inner.follower.stop(left()).await;
        calls_ended.is_ok() && workers_ended && follower_ended
    }

    /// Up to which place of the command log this service has followed: every command below has taken effect here. Of two
    /// on one engine, the one with the lower place does not know yet what the other does.
    pub fn commands_followed(&self) -> u64 {
        self.inner.commands.followed()
    }

    /// How many subscriptions are open.
    pub fn subscriptions_open(&self) -> usize {
        self.inner.subscriptions.open()
    }

    /// Ends all subscriptions, cleanly, and gives no more; everything else goes on. For whoever must end the
    /// connections before the service.
    pub fn end_subscriptions(&self) {
        self.inner.subscriptions.close();
    }

    /// Looks at every log once for records that are past retention, without the pauses of the task that does so in
    /// the background, and forgets closed shards that hold no records any more. Reads are exact without it.
    ///
    /// # Errors
    /// While the service is stopping.
    pub async fn enforce_retention(&self) -> Result<(), Failure> {
        let _in_flight = self.in_flight()?;
        self.inner.retention.pass().await;
        Ok(())
    }

    /// Looks once at what on-demand streams took since the last look, and has their shards split and merged, without the
    /// pauses of the task that does so in the background. What was begun may not be done when this returns.
    ///
    /// # Errors
    /// While the service is stopping.
    pub async fn scale_on_demand(&self) -> Result<(), Failure> {
        let _in_flight = self.in_flight()?;
        self.inner.keeper.look().await;
        Ok(())
    }

    /// How many shards of on-demand streams were split, and how many pairs of them merged, since the service opened.
    pub fn on_demand_reshards(&self, of: Reshards) -> u64 {
        self.inner.keeper.begun(of)
    }

    /// What readers passed over because it is damaged; see [`StreamSettings::skips_damaged_records`].
    pub fn skipped_damage(&self) -> SkippedDamage {
        self.inner.damage.skipped()
    }

    /// How many streams are shown as encrypted. Without [`CallHooks::keys`] none of them is.
    pub fn encrypted_streams(&self) -> usize {
        let is_shown = |stream: &&Arc<Stream>| stream.encryption_type() == EncryptionType::Kms;
        let view = &self.inner.view;
        view.read(|catalog| catalog.streams().filter(is_shown).count())
    }

    /// The metrics of single shards that are switched on for a stream; none if it is not there.
    pub fn shard_level_metrics(
        &self,
        account: &AccountId,
        region: &Region,
        stream: &StreamName,
    ) -> Vec<MetricsName> {
        let stream = self.inner.view.find(account, region, stream.as_str());
        let metrics = stream.map(|stream| stream.shard_level_metrics.iter().copied().collect());
        metrics.unwrap_or_default()
    }

    /// Whether one of the service's tasks failed. It serves no calls then; end the process.
    pub fn has_failed(&self) -> bool {
        self.inner.workers.have_failed() || self.inner.follower.have_failed()
    }

    /// Counts as in flight until the token is dropped.
    pub(crate) fn in_flight(&self) -> Result<TaskTrackerToken, NotServing> {
        let token = self.inner.calls.token();
        // The token comes first: a stop that begins now either waits for it or is seen here.
        if self.inner.stopping.is_cancelled() {
            return Err(NotServing::Stopping);
        }
        if self.has_failed() {
            return Err(NotServing::Failed);
        }
        Ok(token)
    }
}

fn check(engine: &dyn LogEngine) -> Result<(), OpenError> {
    let entry_bytes = envelope::size_bytes_max(PUT_RECORDS_COUNT_MAX, PUT_RECORDS_BYTES_MAX);
    let caps = engine.caps();
    if caps.entry_bytes_max < entry_bytes || caps.append_ids_kept == 0 {
        return Err(OpenError::Caps { entry_bytes });
    }
    Ok(())
}

/// Frees what limits keep of calls that are past, while no call does.
async fn tidy(admission: Arc<dyn Admission>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(TIDY_INTERVAL))
        .await
        .is_some()
    {
        admission.tidy();
    }
}

/// The catalog's token key; made and proposed at the first opening.
async fn token_key(
    view: &View,
    commands: &CommandLog,
    randomness: &dyn Randomness,
) -> Result<TokenKey, OpenError> {
    if let Some(key) = view.read(|catalog| catalog.token_key().copied()) {
        return Ok(key);
    }
    let key = TokenKey::new(random_bytes(randomness)?);
    match commands.propose(ServiceCommand::SetTokenKey { key }).await {
        Ok(_) => Ok(key),
        // Another service on this engine was quicker.
        Err(ProposeError::Rejected(reason)) => {
            let found = view.read(|catalog| catalog.token_key().copied());
            found.ok_or_else(|| OpenError::FirstCommand(Box::new(reason)))
        }
        Err(error) => Err(OpenError::FirstCommand(Box::new(error))),
    }
}
