//! A service, what it stands on, and short forms of its calls.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millstream_log::contract::CountedRandomness;
pub(crate) use millstream_log::contract::ManualClock;
use millstream_log::{LogEngine, MemoryEngine, MemorySettings, MemorySnapshots};
use millstream_streams::{CallHooks, Caller, Failure, StreamService, StreamSettings};
pub(crate) use millstream_types::TimestampMs;
use millstream_types::{SequenceNumber, WallClock};
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{
    CreateStreamRequest, DeleteStreamRequest, DescribeStreamRequest, GetRecordsRequest,
    GetRecordsResponse, GetShardIteratorRequest, ListShardsRequest, ListShardsResponse,
    ListStreamsRequest, MergeShardsRequest, PutRecordRequest, PutRecordResponse, PutRecordsRequest,
    PutRecordsResponse, PutRecordsResultEntry, RecordData, RecordToPut, ScalingType, Shard,
    ShardIteratorType, SplitShardRequest, StreamDescription, UpdateShardCountRequest,
    UpdateShardCountResponse,
};
use millstream_wire::{ApiError, ErrorCode};

use crate::under::{Under, has_second};

pub(crate) const ACCOUNT: &str = "210987654321";
/// 2026-11-02T12:00:37.250Z
pub(crate) const START_MS: u64 = 1_793_620_837_250;

/// A service and what it stands on.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) randomness: Arc<CountedRandomness>,
    pub(crate) memory: Arc<MemoryEngine>,
    under: Arc<Under>,
    /// What the service stands on: the same logs.
    engine: Arc<dyn LogEngine>,
    pub(crate) snapshots: Arc<MemorySnapshots>,
    pub(crate) settings: StreamSettings,
    pub(crate) services: Services,
    pub(crate) caller: Caller,
}

/// What a call may be made to: one service, or several that stand on one engine and are called in turn.
#[derive(Default)]
pub(crate) struct Services {
    all: Vec<StreamService>,
    turns: AtomicUsize,
}

/// How often one that is behind lets the others go on. It has done all that it can long before.
const YIELDS_MAX: usize = 1_000;

impl Services {
    pub(crate) fn one(service: StreamService) -> Self {
        Self {
            all: vec![service],
            turns: AtomicUsize::new(0),
        }
    }

    pub(crate) fn all(&self) -> &[StreamService] {
        &self.all
    }

    async fn next(&self) -> &StreamService {
        let turn = self.turns.fetch_add(1, Ordering::SeqCst);
        let service = &self.all[turn % self.all.len()];
        let known = self.all.iter().map(StreamService::commands_followed).max();
        for _ in 0..YIELDS_MAX {
            if Some(service.commands_followed()) >= known {
                return service;
            }
            tokio::task::yield_now().await;
        }
        panic!("it does not follow the other");
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(StreamSettings::default()).await
    }

    pub(crate) async fn with(settings: StreamSettings) -> Self {
        Self::on(settings, |engine| engine).await
    }

    /// Always the same, keys and ids included.
    pub(crate) async fn seeded(settings: StreamSettings, seed: u64) -> Self {
        Self::made(settings, |engine| engine, seed).await
    }

    /// On an engine over the one under test.
    pub(crate) async fn on(
        settings: StreamSettings,
        engine: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>,
    ) -> Self {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        // No other world has its keys.
        let world = WORLDS.fetch_add(1, Ordering::SeqCst);
        Self::made(settings, engine, world).await
    }

    async fn made(
        settings: StreamSettings,
        engine: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>,
        seed: u64,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(TimestampMs(START_MS)));
        let randomness = Arc::new(CountedRandomness::new(seed));
        let memory = MemoryEngine::new(MemorySettings::default(), clock.clone());
        let memory = Arc::new(memory);
        // The service has an engine over the same logs; this one is only the handle to them.
        let under = Arc::new(Under::default());
        let engine = engine(under.on(memory.reopen()));
        let snapshots = Arc::new(MemorySnapshots::new());
        let mut world = Self {
            clock,
            randomness,
            memory,
            under,
            engine,
            snapshots,
            settings,
            services: Services::default(),
            caller: caller(),
        };
        world.open_all().await;
        world
    }

    /// Another service on the same engine.
    pub(crate) async fn beside(&self) -> Self {
        self.beside_on(|engine| engine).await
    }

    /// Another service, on an engine over the same one.
    pub(crate) async fn beside_on(
        &self,
        over: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>,
    ) -> Self {
        let mut beside = Self {
            clock: self.clock.clone(),
            randomness: self.randomness.clone(),
            memory: self.memory.clone(),
            under: self.under.clone(),
            engine: over(self.engine.clone()),
            snapshots: self.snapshots.clone(),
            settings: self.settings.clone(),
            services: Services::default(),
            caller: self.caller.clone(),
        };
        beside.services = Services::one(beside.open().await);
        beside
    }

    /// Kills the service and starts another one on the same logs.
    pub(crate) async fn crash(&mut self) {
        self.engine = self.under.on(self.memory.reopen());
        self.open_all().await;
    }

    /// Kills the service and starts another one, alone, on an engine over the same logs: that one counts its steps.
    pub(crate) async fn crash_onto(
        &mut self,
        engine: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>,
    ) {
        self.engine = engine(self.under.on(self.memory.reopen()));
        self.services = Services::default();
        self.services = Services::one(self.open().await);
    }

    /// A service on the engine, or two of them if the suite runs so.
    async fn open_all(&mut self) {
        self.services = Services::default();
        self.services = Services::one(self.open().await);
        if has_second() {
            self.services.all.push(self.open().await);
        }
    }

    async fn open(&self) -> StreamService {
        let (engine, snapshots) = (self.engine.clone(), &self.snapshots);
        open(
            engine,
            snapshots,
            &self.clock,
            &self.randomness,
            &self.settings,
        )
        .await
    }

    /// The one whose turn it is, once it knows all that the others do.
    pub(crate) async fn service(&self) -> &StreamService {
        self.services.next().await
    }

    /// As [`crash_onto`](Self::crash_onto); false if the service does not open.
    pub(crate) async fn try_crash_onto(
        &mut self,
        engine: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>,
    ) -> bool {
        let engine = engine(self.under.on(self.memory.reopen()));
        self.engine = engine.clone();
        let (snapshots, clock) = (self.snapshots.clone(), self.clock.clone());
        let (settings, hooks) = (self.settings.clone(), hooks(&self.randomness));
        match StreamService::open_with(engine, snapshots, clock, settings, hooks).await {
            Ok(service) => {
                self.services = Services::one(service);
                true
            }
            Err(_) => false,
        }
    }

    /// Kills the service and starts another one on the same logs, with hooks.
    pub(crate) async fn crash_with(&mut self, hooks: CallHooks) {
        let engine = self.under.on(self.memory.reopen());
        self.engine = engine.clone();
        let (snapshots, clock) = (self.snapshots.clone(), self.clock.clone());
        let settings = self.settings.clone();
        let opened = StreamService::open_with(engine, snapshots, clock, settings, hooks).await;
        self.services = Services::one(opened.expect("opens"));
    }

    pub(crate) async fn create(&self, name: &str, shards: u32) {
        let created = self
            .service()
            .await
            .create_stream(&self.caller, create(name, shards));
        created.await.expect("created");
    }

    pub(crate) async fn try_create(&self, name: &str, shards: u32) -> Result<(), ApiError> {
        let request = create(name, shards);
        let created = self
            .service()
            .await
            .create_stream(&self.caller, request)
            .await;
        created.map(drop).map_err(ApiError::from)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now().0
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.try_delete(name).await.expect("deleted");
    }

    pub(crate) async fn try_delete(&self, name: &str) -> Result<(), ApiError> {
        let request = DeleteStreamRequest {
            stream_name: Some(name.parse().unwrap()),
            stream_arn: None,
            enforce_consumer_deletion: None,
        };
        let deleted = self
            .service()
            .await
            .delete_stream(&self.caller, request)
            .await;
        deleted.map_err(ApiError::from)
    }

    pub(crate) async fn describe(&self, name: &str) -> StreamDescription {
        let described = self
            .service()
            .await
            .describe_stream(&self.caller, describe(name));
        described.await.expect("described").stream_description
    }

    pub(crate) async fn list_shards(&self, name: &str) -> Vec<Shard> {
        self.list_shards_with(|request| request.stream_name = Some(name.parse().unwrap()))
            .await
            .expect("listed")
            .shards
    }

    pub(crate) async fn list_shards_with(
        &self,
        change: impl FnOnce(&mut ListShardsRequest),
    ) -> Result<ListShardsResponse, ApiError> {
        let mut request = ListShardsRequest {
            stream_name: None,
            stream_arn: None,
            next_token: None,
            exclusive_start_shard_id: None,
            max_results: None,
            stream_creation_timestamp: None,
            shard_filter: None,
        };
        change(&mut request);
        let listed = self
            .service()
            .await
            .list_shards(&self.caller, request)
            .await;
        listed.map_err(ApiError::from)
    }

    pub(crate) async fn stream_names(&self) -> Vec<String> {
        let request = ListStreamsRequest {
            limit: None,
            exclusive_start_stream_name: None,
            next_token: None,
        };
        let listed = self
            .service()
            .await
            .list_streams(&self.caller, request)
            .await;
        let names = listed.expect("listed").stream_names;
        names.iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn split(&self, name: &str, shard: &str, key: u128) -> Result<(), ApiError> {
        let request = SplitShardRequest {
            stream_name: Some(name.parse().unwrap()),
            stream_arn: None,
            shard_to_split: shard.into(),
            new_starting_hash_key: key.to_string(),
        };
        let split = self
            .service()
            .await
            .split_shard(&self.caller, request)
            .await;
        split.map_err(ApiError::from)
    }

    pub(crate) async fn merge(
        &self,
        name: &str,
        shard: &str,
        adjacent: &str,
    ) -> Result<(), ApiError> {
        let request = MergeShardsRequest {
            stream_name: Some(name.parse().unwrap()),
            stream_arn: None,
            shard_to_merge: shard.into(),
            adjacent_shard_to_merge: adjacent.into(),
        };
        let merged = self
            .service()
            .await
            .merge_shards(&self.caller, request)
            .await;
        merged.map_err(ApiError::from)
    }

    pub(crate) async fn scale(
        &self,
        name: &str,
        target: u32,
    ) -> Result<UpdateShardCountResponse, ApiError> {
        let request = UpdateShardCountRequest {
            stream_name: Some(name.parse().unwrap()),
            stream_arn: None,
            target_shard_count: target,
            scaling_type: ScalingType::UniformScaling,
        };
        let scaled = self
            .service()
            .await
            .update_shard_count(&self.caller, request)
            .await;
        scaled.map_err(ApiError::from)
    }

    pub(crate) async fn put(&self, name: &str, key: &str, data: &[u8]) -> SequenceNumber {
        self.try_put(name, key, data).await.expect("stored")
    }

    pub(crate) async fn put_answer(&self, name: &str, key: &str, data: &[u8]) -> PutRecordResponse {
        let put = self
            .service()
            .await
            .put_record(&self.caller, put_request(name, key, data));
        put.await.expect("stored")
    }

    pub(crate) async fn try_put(
        &self,
        name: &str,
        key: &str,
        data: &[u8],
    ) -> Result<SequenceNumber, Failure> {
        let put = self
            .service()
            .await
            .put_record(&self.caller, put_request(name, key, data));
        put.await.map(|answer| answer.sequence_number)
    }

    pub(crate) async fn put_many(
        &self,
        name: &str,
        records: Vec<RecordToPut<'_>>,
    ) -> Result<Vec<PutRecordsResultEntry>, Failure> {
        let request = put_many_request(name, records);
        let put = self
            .service()
            .await
            .put_records(&self.caller, request)
            .await;
        put.map(|answer| answer.records)
    }

    pub(crate) async fn put_many_answer(
        &self,
        name: &str,
        records: Vec<RecordToPut<'_>>,
    ) -> PutRecordsResponse {
        let request = put_many_request(name, records);
        let put = self.service().await.put_records(&self.caller, request);
        put.await.expect("answered")
    }

    pub(crate) async fn iterator(&self, name: &str, shard: &str, start: Start<'_>) -> String {
        self.try_iterator(name, shard, start).await.expect("given")
    }

    pub(crate) async fn try_iterator(
        &self,
        name: &str,
        shard: &str,
        start: Start<'_>,
    ) -> Result<String, Failure> {
        let request = iterator_request(name, shard, start);
        let given = self
            .service()
            .await
            .get_shard_iterator(&self.caller, request)
            .await;
        given.map(|answer| answer.shard_iterator)
    }

    pub(crate) async fn get(&self, iterator: &str) -> GetRecordsResponse {
        self.try_get(iterator, None).await.expect("read")
    }

    pub(crate) async fn try_get(
        &self,
        iterator: &str,
        limit: Option<u32>,
    ) -> Result<GetRecordsResponse, Failure> {
        let request = GetRecordsRequest {
            shard_iterator: iterator.into(),
            limit,
            stream_arn: None,
        };
        self.service()
            .await
            .get_records(&self.caller, request)
            .await
    }

    /// Everything that a shard holds now, as (partition key, data).
    pub(crate) async fn read_shard(&self, name: &str, shard: &str) -> Vec<(String, Vec<u8>)> {
        let mut iterator = Some(self.iterator(name, shard, Start::TrimHorizon).await);
        let mut records = Vec::new();
        while let Some(from) = iterator {
            let answer = self.get(&from).await;
            let is_at_tip = answer.records.is_empty() && answer.millis_behind_latest == 0;
            records.extend(answer.records.iter().map(|record| {
                let key = String::from_utf8(record.partition_key().to_vec()).unwrap();
                (key, record.data().to_vec())
            }));
            iterator = answer.next_shard_iterator.filter(|_| !is_at_tip);
        }
        records
    }
}

fn put_request<'a>(name: &'a str, key: &'a str, data: &'a [u8]) -> PutRecordRequest<'a> {
    PutRecordRequest {
        stream_name: Some(name.into()),
        stream_arn: None,
        record: record(key, data),
        sequence_number_for_ordering: None,
    }
}

fn put_many_request<'a>(name: &'a str, records: Vec<RecordToPut<'a>>) -> PutRecordsRequest<'a> {
    PutRecordsRequest {
        stream_name: Some(name.into()),
        stream_arn: None,
        records,
    }
}

/// Where an iterator starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    TrimHorizon,
    Latest,
    At(&'a str),
    After(&'a str),
    Time(u64),
}

pub(crate) fn iterator_request(
    name: &str,
    shard: &str,
    start: Start<'_>,
) -> GetShardIteratorRequest {
    let (shard_iterator_type, number, time) = match start {
        Start::TrimHorizon => (ShardIteratorType::TrimHorizon, None, None),
        Start::Latest => (ShardIteratorType::Latest, None, None),
        Start::At(number) => (ShardIteratorType::AtSequenceNumber, Some(number), None),
        Start::After(number) => (ShardIteratorType::AfterSequenceNumber, Some(number), None),
        Start::Time(time) => (ShardIteratorType::AtTimestamp, None, Some(time)),
    };
    GetShardIteratorRequest {
        stream_name: Some(name.parse().unwrap()),
        stream_arn: None,
        shard_id: shard.into(),
        shard_iterator_type,
        starting_sequence_number: number.map(Into::into),
        timestamp: time.map(|ms| Timestamp(TimestampMs(ms))),
    }
}

pub(crate) async fn open(
    engine: Arc<dyn LogEngine>,
    snapshots: &Arc<MemorySnapshots>,
    clock: &Arc<ManualClock>,
    randomness: &Arc<CountedRandomness>,
    settings: &StreamSettings,
) -> StreamService {
    let (snapshots, clock) = (snapshots.clone(), clock.clone());
    let hooks = hooks(randomness);
    let opened = StreamService::open_with(engine, snapshots, clock, settings.clone(), hooks);
    opened.await.expect("opens")
}

fn hooks(randomness: &Arc<CountedRandomness>) -> CallHooks {
    CallHooks {
        randomness: Some(randomness.clone()),
        ..CallHooks::default()
    }
}

pub(crate) fn caller() -> Caller {
    Caller::anyone(ACCOUNT.parse().unwrap(), "eu-west-1".parse().unwrap())
}

pub(crate) fn create(name: &str, shards: u32) -> CreateStreamRequest {
    CreateStreamRequest {
        stream_name: name.parse().unwrap(),
        shard_count: Some(shards),
        stream_mode_details: None,
        tags: Default::default(),
        max_record_size_in_kib: None,
        warm_throughput_mibps: None,
        record_distribution_strategy: None,
    }
}

pub(crate) fn describe(name: &str) -> DescribeStreamRequest {
    DescribeStreamRequest {
        stream_name: Some(name.parse().unwrap()),
        stream_arn: None,
        limit: None,
        exclusive_start_shard_id: None,
    }
}

pub(crate) fn record<'a>(key: &'a str, data: &'a [u8]) -> RecordToPut<'a> {
    RecordToPut {
        partition_key: Some(Cow::Borrowed(key)),
        explicit_hash_key: None,
        data: RecordData::Raw(Cow::Borrowed(data)),
    }
}

/// Code and text of an error, as a client sees them.
pub(crate) fn on_wire<T: std::fmt::Debug, E: Into<ApiError>>(
    result: Result<T, E>,
) -> (ErrorCode, String) {
    let error: ApiError = result.expect_err("an error").into();
    (error.code, error.message)
}

pub(crate) const SHARD_0: &str = "shardId-000000000000";
pub(crate) const SHARD_1: &str = "shardId-000000000001";
pub(crate) const SHARD_2: &str = "shardId-000000000002";
pub(crate) const SHARD_3: &str = "shardId-000000000003";
