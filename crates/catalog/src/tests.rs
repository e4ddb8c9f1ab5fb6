//! The catalog under random commands, and its stored forms byte by byte.

mod consumers;
mod quotas;
mod refused;
mod settings;
mod shards;

use std::collections::{BTreeMap, BTreeSet};

use millstream_log::Place;
use millstream_types::{
    ConsumerStatus, HashKey, MetricsName, RecordDistributionStrategy, ShardId, StreamMode,
    StreamStatus, TimestampMs,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const START_MS: u64 = 1_793_620_837_250;

fn key(name: &str) -> StreamKey {
    StreamKey {
        account: "210987654321".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn shard(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

fn spec(name: &str, shard_count: u32) -> StreamSpec {
    StreamSpec {
        key: key(name),
        mode: StreamMode::Provisioned,
        shard_count,
        retention_hours: 24,
        max_record_size_kib: 1024,
        tags: [("team".to_owned(), "grid".to_owned())].into(),
        warm_throughput_mibps: None,
        record_distribution: RecordDistributionStrategy::UserPartitionKey,
    }
}

fn place(log: u64) -> Place {
    let mut bytes = [0; Place::BYTES];
    bytes[..8].copy_from_slice(&log.to_le_bytes());
    Place::from_bytes(bytes)
}

fn created(shards: &[NewShard]) -> Vec<CreatedLog> {
    let log = |shard: &NewShard| CreatedLog {
        shard: shard.id,
        place: place(shard.log.0),
    };
    shards.iter().map(log).collect()
}

/// The command that finishes what a stream has begun.
fn finish(stream: &Stream, now_ms: u64) -> Option<Command> {
    let id = stream.id;
    if stream.status == StreamStatus::Deleting {
        return Some(Command::Stream(StreamCommand::FinishDeleteStream { id }));
    }
    match stream.change.as_ref()? {
        Change::Create { shards } => Some(Command::Stream(StreamCommand::FinishCreateStream {
            id,
            logs: created(shards),
        })),
        Change::Update { .. } => Some(Command::Stream(StreamCommand::FinishUpdateSetting { id })),
        change @ (Change::Reshard { .. } | Change::Scale { .. }) => {
            let reshards = change.reshards();
            let parents = reshards.iter().flat_map(|(parents, _)| *parents);
            let children = reshards.iter().flat_map(|(_, children)| created(children));
            Some(Command::Shard(ShardCommand::FinishReshard {
                id,
                closed: parents
                    .map(|shard| ClosedShard {
                        shard: *shard,
                        end: 7,
                        closed_ms: TimestampMs(now_ms),
                    })
                    .collect(),
                logs: children.collect(),
            }))
        }
    }
}

/// The command that would end the transition that a consumer may be in.
fn finish_consumer(stream: &Stream, consumer: &Consumer) -> Command {
    let (id, consumer_key) = (stream.id, consumer.key.clone());
    match consumer.status {
        ConsumerStatus::Deleting => Command::Consumer(ConsumerCommand::FinishDeregisterConsumer {
            id,
            consumer: consumer_key,
        }),
        ConsumerStatus::Creating | ConsumerStatus::Active => {
            Command::Consumer(ConsumerCommand::FinishRegisterConsumer {
                id,
                consumer: consumer_key,
            })
        }
    }
}

/// Something to try; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Action {
    Create {
        name: u8,
        shards: u32,
    },
    Delete {
        name: u8,
        enforce: bool,
    },
    Finish {
        name: u8,
    },
    Split {
        name: u8,
        shard: usize,
        key: u128,
    },
    Merge {
        name: u8,
        shard: usize,
    },
    Scale {
        name: u8,
        target: u32,
    },
    Follow {
        name: u8,
        shard: usize,
        key: u128,
    },
    Peak {
        name: u8,
        bytes_per_s: u64,
    },
    Retention {
        name: u8,
        hours: u32,
        longer: bool,
    },
    Forget {
        name: u8,
    },
    Register {
        name: u8,
        consumer: u8,
    },
    Deregister {
        name: u8,
        consumer: u8,
    },
    FinishConsumer {
        name: u8,
        consumer: u8,
    },
    AddTags {
        name: u8,
        consumer: Option<u8>,
        from: u8,
        count: u8,
    },
    RemoveTags {
        name: u8,
        consumer: Option<u8>,
        from: u8,
        count: u8,
    },
    Update {
        name: u8,
        setting: Setting,
        is_limited: bool,
    },
    Commit {
        enabled: bool,
        minimum_ms: u64,
    },
}

fn setting() -> impl Strategy<Value = Setting> {
    let mode = prop_oneof![Just(StreamMode::OnDemand), Just(StreamMode::Provisioned)];
    let metrics = || {
        let names = prop::sample::subsequence(MetricsName::EVERY.to_vec(), 0..=7);
        names.prop_map(|names| names.into_iter().collect())
    };
    let strategy = prop_oneof![
        Just(RecordDistributionStrategy::Auto),
        Just(RecordDistributionStrategy::UserPartitionKey),
    ];
    prop_oneof![
        prop::option::of("alias/[a-z]{1,5}").prop_map(|key_id| Setting::Encryption { key_id }),
        (mode, prop::option::of(0..9u32)).prop_map(|(mode, warm_throughput_mibps)| Setting::Mode {
            mode,
            warm_throughput_mibps,
        }),
        (1024..10_241u32).prop_map(|kib| Setting::MaxRecordSize { kib }),
        (0..9u32).prop_map(|mibps| Setting::WarmThroughput { mibps }),
        metrics().prop_map(|metrics| Setting::EnableMetrics { metrics }),
        metrics().prop_map(|metrics| Setting::DisableMetrics { metrics }),
        strategy.prop_map(|strategy| Setting::RecordDistribution { strategy }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let name = 0..3u8;
    prop_oneof![
        2 => (name.clone(), 1..5u32).prop_map(|(name, shards)| Action::Create { name, shards }),
        1 => (name.clone(), any::<bool>()).prop_map(|(name, enforce)| Action::Delete { name, enforce }),
        6 => name.clone().prop_map(|name| Action::Finish { name }),
        4 => (name.clone(), 0..9usize, any::<u128>())
            .prop_map(|(name, shard, key)| Action::Split { name, shard, key }),
        3 => (name.clone(), 0..9usize).prop_map(|(name, shard)| Action::Merge { name, shard }),
        2 => (name.clone(), 1..12u32)
            .prop_map(|(name, target)| Action::Scale { name, target }),
        3 => (name.clone(), 0..9usize, any::<u128>())
            .prop_map(|(name, shard, key)| Action::Follow { name, shard, key }),
        1 => (name.clone(), any::<u64>())
            .prop_map(|(name, bytes_per_s)| Action::Peak { name, bytes_per_s }),
        1 => (name.clone(), 24..100u32, any::<bool>())
            .prop_map(|(name, hours, longer)| Action::Retention { name, hours, longer }),
        4 => (name.clone(), 0..8u8).prop_map(|(name, consumer)| Action::Register { name, consumer }),
        2 => (name.clone(), 0..8u8).prop_map(|(name, consumer)| Action::Deregister { name, consumer }),
        6 => (name.clone(), 0..8u8)
            .prop_map(|(name, consumer)| Action::FinishConsumer { name, consumer }),
        1 => name.clone().prop_map(|name| Action::Forget { name }),
        1 => (name.clone(), prop::option::of(0..8u8), 0..60u8, 1..60u8)
            .prop_map(|(name, consumer, from, count)| Action::AddTags { name, consumer, from, count }),
        1 => (name.clone(), prop::option::of(0..8u8), 0..60u8, 1..60u8)
            .prop_map(|(name, consumer, from, count)| Action::RemoveTags { name, consumer, from, count }),
        4 => (name, setting(), any::<bool>()).prop_map(|(name, setting, is_limited)| Action::Update {
            name,
            setting,
            is_limited,
        }),
        1 => (any::<bool>(), 0..100_000u64)
            .prop_map(|(enabled, minimum_ms)| Action::Commit { enabled, minimum_ms }),
    ]
}

fn command(catalog: &Catalog, action: &Action, now_ms: u64) -> Option<Command> {
    let name_of = |name: &u8| format!("stream-{name}");
    let find = |name: &u8| {
        let key = key(&name_of(name));
        catalog.find(&key.account, &key.region, key.name.as_str())
    };
    Some(match action {
        Action::Create { name, shards } => Command::Stream(StreamCommand::BeginCreateStream {
            stream: spec(&name_of(name), *shards),
            account_shards_max: None,
        }),
        Action::Delete { name, enforce } => Command::Stream(StreamCommand::BeginDeleteStream {
            id: find(name)?.id,
            enforce_consumer_deletion: *enforce,
        }),
        Action::Register { name, consumer } => {
            Command::Consumer(ConsumerCommand::BeginRegisterConsumer {
                id: find(name)?.id,
                name: format!("consumer-{consumer}").parse().unwrap(),
                tags: [("team".to_owned(), "grid".to_owned())].into(),
            })
        }
        Action::Deregister { name, consumer } => {
            let stream = find(name)?;
            Command::Consumer(ConsumerCommand::BeginDeregisterConsumer {
                id: stream.id,
                consumer: stream
                    .consumer(&format!("consumer-{consumer}"))?
                    .key
                    .clone(),
            })
        }
        Action::FinishConsumer { name, consumer } => {
            let stream = find(name)?;
            finish_consumer(stream, stream.consumer(&format!("consumer-{consumer}"))?)
        }
        Action::Finish { name } => finish(find(name)?, now_ms)?,
        Action::Split { name, shard, key } => {
            let stream = find(name)?;
            let open = stream
                .open_shards()
                .get(shard % stream.open_shards().len().max(1))?;
            let (start, end) = (open.range.start.0, open.range.end.0);
            let width = (end - start).max(1);
            Command::Shard(ShardCommand::BeginSplitShard {
                id: stream.id,
                shard: open.id,
                new_starting_hash_key: HashKey(start + key % width),
                account_shards_max: None,
            })
        }
        Action::Merge { name, shard } => {
            let stream = find(name)?;
            let first = shard % stream.open_shards().len().max(1);
            let mut open = stream.open_shards().iter().skip(first);
            Command::Shard(ShardCommand::BeginMergeShards {
                id: stream.id,
                shard: open.next()?.id,
                adjacent_shard: open.next()?.id,
            })
        }
        Action::Scale { name, target } => Command::Shard(ShardCommand::BeginUpdateShardCount {
            id: find(name)?.id,
            target: *target,
            account_shards_max: None,
            per_day_max: None,
        }),
        Action::Follow { name, shard, key } => {
            let stream = find(name)?;
            let open = stream.open_shards();
            let split = open.get(shard % open.len().max(1))?;
            let (start, end) = (split.range.start.0, split.range.end.0);
            let width = (end - start).max(1);
            // Those that follow, if there are two.
            let merges = open[(shard % open.len()) + 1..].chunks_exact(2);
            Command::Shard(ShardCommand::BeginScaleOnDemand {
                id: stream.id,
                splits: vec![SplitAt {
                    shard: split.id,
                    new_starting_hash_key: HashKey(start + key % width),
                }],
                merges: merges.map(|pair| (pair[0].id, pair[1].id)).collect(),
            })
        }
        Action::Peak { name, bytes_per_s } => Command::Stream(StreamCommand::NoteWritePeak {
            id: find(name)?.id,
            bytes_per_s: *bytes_per_s,
        }),
        Action::Retention {
            name,
            hours,
            longer,
        } => {
            let (id, hours) = (find(name)?.id, *hours);
            match longer {
                true => Command::Stream(StreamCommand::IncreaseRetention { id, hours }),
                false => Command::Stream(StreamCommand::DecreaseRetention { id, hours }),
            }
        }
        Action::Forget { name } => {
            let stream = find(name)?;
            let closed = stream.shards().filter(|shard| shard.is_closed());
            Command::Shard(ShardCommand::RemoveShards {
                id: stream.id,
                shards: closed.map(|shard| shard.id).collect(),
            })
        }
        Action::AddTags {
            name,
            consumer,
            from,
            count,
        } => Command::Tag(TagCommand::AddTags {
            resource: tagged(find(name)?, *consumer)?,
            tags: keys(*from, *count)
                .map(|key| (key, now_ms.to_string()))
                .collect(),
        }),
        Action::RemoveTags {
            name,
            consumer,
            from,
            count,
        } => Command::Tag(TagCommand::RemoveTags {
            resource: tagged(find(name)?, *consumer)?,
            keys: keys(*from, *count).collect(),
        }),
        Action::Update {
            name,
            setting,
            is_limited,
        } => Command::Stream(StreamCommand::UpdateSetting {
            id: find(name)?.id,
            setting: setting.clone(),
            per_day_max: is_limited.then_some(2),
            account_shards_max: is_limited.then_some(9),
        }),
        Action::Commit {
            enabled,
            minimum_ms,
        } => Command::Service(ServiceCommand::UpdateCommitment {
            account: key("any").account,
            region: key("any").region,
            enabled: *enabled,
            minimum_ms: *minimum_ms,
        }),
    })
}

/// The stream, or the consumer with this number.
fn tagged(stream: &Stream, consumer: Option<u8>) -> Option<Tagged> {
    let Some(number) = consumer else {
        return Some(Tagged::Stream(stream.id));
    };
    let consumer = stream.consumer(&format!("consumer-{number}"))?;
    Some(Tagged::Consumer {
        stream: stream.id,
        key: consumer.key.clone(),
    })
}

fn keys(from: u8, count: u8) -> impl Iterator<Item = String> {
    (from..from + count).map(|number| format!("key-{number}"))
}

/// What must hold over the whole history.
#[derive(Default)]
struct History {
    /// Stream, shard and creation second of every log there ever was.
    logs: BTreeMap<u64, (StreamId, ShardId, u64)>,
    /// Stream id and youngest creation second of the latest life of each name.
    names: BTreeMap<String, (StreamId, u64)>,
    parents: BTreeSet<(StreamId, ShardId)>,
    /// The stream and the latest second of each consumer's ARN without its second.
    consumers: BTreeMap<(String, String), (StreamId, u64)>,
}

impl History {
    fn check(&mut self, catalog: &Catalog) {
        check_counts(catalog);
        for stream in catalog.streams() {
            let name = stream.key.name.to_string();
            let oldest_s = shards_of(stream).map(|(_, _, created_s)| created_s).min();
            if let Some((id, youngest_s)) = self.names.get(&name)
                && *id != stream.id
            {
                assert!(*id < stream.id, "ids of streams are not used again");
                assert!(oldest_s.is_none_or(|oldest_s| oldest_s > *youngest_s));
            }
            for (log, id, created_s) in shards_of(stream) {
                let shard = (stream.id, id, created_s);
                let known = self.logs.entry(log).or_insert(shard);
                assert_eq!(*known, shard, "ids of logs are not used again");
                assert!(created_s <= stream.last_created_s);
            }
            self.names.insert(name, (stream.id, stream.last_created_s));
            check_tiling(stream);
            check_settings(stream);
            self.check_parents(stream);
            self.check_consumers(stream);
        }
    }

    /// At most so many, in order of name, and no ARN is ever given twice.
    fn check_consumers(&mut self, stream: &Stream) {
        assert!(stream.consumers.len() <= 20);
        let creating = stream
            .consumers
            .iter()
            .filter(|one| one.status == ConsumerStatus::Creating);
        assert!(creating.count() <= 5);
        assert!(
            stream
                .consumers
                .is_sorted_by(|a, b| a.key.name < b.key.name)
        );
        for consumer in &stream.consumers {
            let name = (stream.key.name.to_string(), consumer.key.name.to_string());
            let now = (stream.id, consumer.key.created_s);
            let before = self.consumers.insert(name, now).unwrap_or(now);
            assert!(before == now || before.1 < now.1, "{before:?} {now:?}");
            assert!(before.0 <= now.0);
        }
    }

    fn check_parents(&mut self, stream: &Stream) {
        for child in stream.shards() {
            for parent in child.parent.into_iter().chain(child.adjacent_parent) {
                self.parents.insert((stream.id, parent));
                if let Some(parent) = stream.shard(parent) {
                    assert!(parent.is_closed());
                    assert!(stream.children_of(parent.id).any(|one| one == child));
                    assert!(child.created_s > parent.created_s);
                    assert!(
                        child.starting_sequence_number() > parent.ending_sequence_number().unwrap()
                    );
                }
            }
        }
    }
}

fn shards_of(stream: &Stream) -> impl Iterator<Item = (u64, ShardId, u64)> {
    let new: Vec<&NewShard> = match &stream.change {
        Some(Change::Create { shards }) => shards.iter().collect(),
        Some(change) => {
            let reshards = change.reshards().into_iter();
            reshards.flat_map(|(_, children)| children).collect()
        }
        None => Vec::new(),
    };
    let new = new
        .into_iter()
        .map(|shard| (shard.log.0, shard.id, shard.created_s));
    let shards = stream.shards();
    shards
        .map(|shard| (shard.log.0, shard.id, shard.created_s))
        .chain(new)
}

/// What is counted along the way is what counting anew gives.
fn check_counts(catalog: &Catalog) {
    let (account, region) = (key("any").account, key("any").region);
    let streams = || catalog.streams();
    let shards: usize = streams().map(|stream| stream.shards().count()).sum();
    assert_eq!(catalog.shard_count(), shards as u64);
    let in_quota: u64 = streams().map(|stream| stream.shards_in_quota()).sum();
    assert_eq!(catalog.shards_in_quota(&account, &region), in_quota);
    let on_demand = streams().filter(|stream| stream.mode == StreamMode::OnDemand);
    assert_eq!(
        catalog.on_demand_streams(&account, &region),
        on_demand.count() as u64
    );
}

fn check_settings(stream: &Stream) {
    assert!(stream.tags.len() <= 50);
    assert!(stream.consumers.iter().all(|one| one.tags.len() <= 50));
    assert!((1024..=10_240).contains(&stream.max_record_size_kib));
    if stream.mode == StreamMode::Provisioned {
        assert_eq!(stream.warm_throughput_mibps, None);
        let by_key = RecordDistributionStrategy::UserPartitionKey;
        assert_eq!(stream.record_distribution, by_key);
    }
    let is_updating = stream.status == StreamStatus::Updating;
    let changes_while_updating = !matches!(stream.change, None | Some(Change::Create { .. }));
    assert_eq!(is_updating, changes_while_updating);
}

fn check_tiling(stream: &Stream) {
    let ranges: Vec<_> = stream
        .open_shards()
        .iter()
        .map(|shard| shard.range)
        .collect();
    if !stream.is_usable() && ranges.is_empty() {
        return;
    }
    assert_eq!(ranges[0].start, HashKey::MIN);
    assert_eq!(ranges[ranges.len() - 1].end, HashKey::MAX);
    assert!(
        ranges
            .windows(2)
            .all(|pair| pair[0].is_followed_by(&pair[1]))
    );
    for range in ranges {
        for key in [range.start, range.end] {
            let position = stream.route(key).unwrap();
            assert_eq!(stream.open_shards()[position].range, range);
        }
    }
}

proptest! {
    #[test]
    fn random_commands_keep_the_rules_and_replay(
        actions in vec((action(), prop_oneof![3 => 0..2_000i64, 1 => -90_000..400_000_000i64]), 1..80),
        snapshot_at in any::<prop::sample::Index>(),
    ) {
        let mut live = Catalog::default();
        let mut history = History::default();
        let mut log = Vec::new();
        let mut snapshot = None;
        let snapshot_at = snapshot_at.index(actions.len());
        let mut now_ms = START_MS;
        for (number, (action, step_ms)) in actions.iter().enumerate() {
            if number == snapshot_at {
                snapshot = Some((live.encode(), log.len()));
            }
            now_ms = now_ms.saturating_add_signed(*step_ms);
            let Some(command) = command(&live, action, now_ms) else { continue };
            let entry = CommandEntry::new(TimestampMs(now_ms), command);
            let before = live.clone();
            let checked = live.decide(&entry).map(drop);
            prop_assert_eq!(&live, &before);
            let applied = live.apply(&entry);
            prop_assert_eq!(applied.map(drop), checked);
            if applied.is_err() {
                prop_assert_eq!(&live, &before);
            }
            history.check(&live);
            log.push(entry.encode());
        }
        let mut replayed = Catalog::default();
        for bytes in &log {
            // Rejected commands are in the log of this test too: a replay rejects them again.
            replayed.apply(&CommandEntry::decode(bytes).unwrap()).ok();
        }
        prop_assert_eq!(&replayed, &live);
        let (state, next) = snapshot.unwrap();
        let mut restored = Catalog::decode(&state).unwrap();
        for bytes in &log[next..] {
            restored.apply(&CommandEntry::decode(bytes).unwrap()).ok();
        }
        prop_assert_eq!(&restored, &live);
        prop_assert_eq!(restored.encode(), live.encode());
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(CommandEntry::decode(&bytes).is_err());
        prop_assert!(Catalog::decode(&bytes).is_err());
    }
}

#[test]
fn what_deleted_streams_leave_behind_is_bounded() {
    let mut catalog = Catalog::default();
    let mut now_ms = START_MS;
    for number in 0..2_000 {
        now_ms += 600_000;
        let apply = |catalog: &mut Catalog, command| {
            let entry = CommandEntry::new(TimestampMs(now_ms), command);
            catalog.apply(&entry).unwrap()
        };
        let begin = Command::Stream(StreamCommand::BeginCreateStream {
            stream: spec(&format!("stream-{number}"), 1),
            account_shards_max: None,
        });
        let id = apply(&mut catalog, begin).stream.unwrap();
        let delete = Command::Stream(StreamCommand::BeginDeleteStream {
            id,
            enforce_consumer_deletion: false,
        });
        apply(&mut catalog, delete);
        apply(
            &mut catalog,
            Command::Stream(StreamCommand::FinishDeleteStream { id }),
        );
    }
    // 144 were deleted within a day; a sweep follows every 256.
    assert!(
        catalog.namesakes.len() <= 400,
        "{}",
        catalog.namesakes.len()
    );
    assert!(catalog.by_name.is_empty());
    // The clock steps back by a month: the first stream's name is still safe.
    let begin = Command::Stream(StreamCommand::BeginCreateStream {
        stream: spec("stream-0", 1),
        account_shards_max: None,
    });
    let long_ago = TimestampMs(START_MS - 30 * 86_400_000);
    let id = catalog
        .apply(&CommandEntry::new(long_ago, begin))
        .unwrap()
        .stream
        .unwrap();
    assert!(catalog.get(id).unwrap().last_created_s > START_MS / 1000 + 600 - 3);
}

/// Every command, as it is stored. These bytes are in the logs of existing installations: they never change.
#[test]
fn stored_commands_are_frozen() {
    let id = StreamId(3);
    let logs = vec![CreatedLog {
        shard: shard(1),
        place: place(0x0102),
    }];
    let logs_text = r#"[{"shard":1,"place":"020100000000000000000000000000000000000000000000"}]"#;
    let update = |setting| {
        Command::Stream(StreamCommand::UpdateSetting {
            id,
            setting,
            per_day_max: None,
            account_shards_max: None,
        })
    };
    let cases = [
        (
            Command::Service(ServiceCommand::SetTokenKey { key: TokenKey::new([0xa5; 32]) }),
            format!(r#"{{"set_token_key":{{"key":"{}"}}}}"#, "a5".repeat(32)),
        ),
        (
            Command::Stream(StreamCommand::BeginCreateStream { stream: spec("meters", 2), account_shards_max: Some(9) }),
            r#"{"begin_create_stream":{"stream":{"key":{"account":"210987654321","region":"eu-west-1","name":"meters"},"mode":"PROVISIONED","shard_count":2,"retention_hours":24,"max_record_size_kib":1024,"tags":{"team":"grid"}},"account_shards_max":9}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::FinishCreateStream { id, logs: logs.clone() }),
            format!(r#"{{"finish_create_stream":{{"id":3,"logs":{logs_text}}}}}"#),
        ),
        (
            Command::Stream(StreamCommand::BeginDeleteStream { id, enforce_consumer_deletion: false }),
            r#"{"begin_delete_stream":{"id":3}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::BeginDeleteStream { id, enforce_consumer_deletion: true }),
            r#"{"begin_delete_stream":{"id":3,"enforce_consumer_deletion":true}}"#.into(),
        ),
        (Command::Stream(StreamCommand::FinishDeleteStream { id }), r#"{"finish_delete_stream":{"id":3}}"#.into()),
        (
            Command::Shard(ShardCommand::BeginSplitShard {
                id,
                shard: shard(1),
                new_starting_hash_key: HashKey::MAX,
                account_shards_max: None,
            }),
            r#"{"begin_split_shard":{"id":3,"shard":1,"new_starting_hash_key":"340282366920938463463374607431768211455"}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::BeginMergeShards { id, shard: shard(1), adjacent_shard: shard(2) }),
            r#"{"begin_merge_shards":{"id":3,"shard":1,"adjacent_shard":2}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::BeginUpdateShardCount { id, target: 6, account_shards_max: Some(9), per_day_max: None }),
            r#"{"begin_update_shard_count":{"id":3,"target":6,"account_shards_max":9}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::BeginUpdateShardCount { id, target: 6, account_shards_max: None, per_day_max: Some(10) }),
            r#"{"begin_update_shard_count":{"id":3,"target":6,"per_day_max":10}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::BeginScaleOnDemand {
                id,
                splits: vec![SplitAt { shard: shard(0), new_starting_hash_key: HashKey(10) }],
                merges: Vec::new(),
            }),
            r#"{"begin_scale_on_demand":{"id":3,"splits":[{"shard":0,"new_starting_hash_key":"10"}]}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::BeginScaleOnDemand { id, splits: Vec::new(), merges: vec![(shard(1), shard(2))] }),
            r#"{"begin_scale_on_demand":{"id":3,"merges":[[1,2]]}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::NoteWritePeak { id, bytes_per_s: 3_145_728 }),
            r#"{"note_write_peak":{"id":3,"bytes_per_s":3145728}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::FinishReshard {
                id,
                closed: vec![ClosedShard { shard: shard(0), end: 5, closed_ms: TimestampMs(6) }],
                logs,
            }),
            format!(r#"{{"finish_reshard":{{"id":3,"closed":[{{"shard":0,"end":5,"closed_ms":6}}],"logs":{logs_text}}}}}"#),
        ),
        (
            Command::Stream(StreamCommand::IncreaseRetention { id, hours: 48 }),
            r#"{"increase_retention":{"id":3,"hours":48}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::DecreaseRetention { id, hours: 24 }),
            r#"{"decrease_retention":{"id":3,"hours":24}}"#.into(),
        ),
        (
            Command::Shard(ShardCommand::RemoveShards { id, shards: vec![shard(0), shard(4)] }),
            r#"{"remove_shards":{"id":3,"shards":[0,4]}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::BeginCreateStream {
                stream: StreamSpec {
                    mode: StreamMode::OnDemand,
                    warm_throughput_mibps: Some(9),
                    record_distribution: RecordDistributionStrategy::Auto,
                    ..spec("meters", 4)
                },
                account_shards_max: None,
            }),
            r#"{"begin_create_stream":{"stream":{"key":{"account":"210987654321","region":"eu-west-1","name":"meters"},"mode":"ON_DEMAND","shard_count":4,"retention_hours":24,"max_record_size_kib":1024,"tags":{"team":"grid"},"warm_throughput_mibps":9,"record_distribution":"AUTO"}}}"#.into(),
        ),
        (
            Command::Tag(TagCommand::AddTags { resource: Tagged::Stream(id), tags: [("a".into(), "b".into())].into() }),
            r#"{"add_tags":{"resource":{"stream":3},"tags":{"a":"b"}}}"#.into(),
        ),
        (
            Command::Tag(TagCommand::RemoveTags {
                resource: Tagged::Consumer {
                    stream: id,
                    key: ConsumerKey { name: "billing".parse().unwrap(), created_s: 1_793_620_900 },
                },
                keys: ["a".into()].into(),
            }),
            r#"{"remove_tags":{"resource":{"consumer":{"stream":3,"key":{"name":"billing","created_s":1793620900}}},"keys":["a"]}}"#.into(),
        ),
        (
            Command::Tag(TagCommand::RemoveTags { resource: Tagged::Stream(id), keys: ["a".into(), "b".into()].into() }),
            r#"{"remove_tags":{"resource":{"stream":3},"keys":["a","b"]}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::UpdateSetting {
                id,
                setting: Setting::Encryption { key_id: Some("alias/aws/kinesis".into()) },
                per_day_max: Some(25),
                account_shards_max: None,
            }),
            r#"{"update_setting":{"id":3,"setting":{"encryption":{"key_id":"alias/aws/kinesis"}},"per_day_max":25}}"#.into(),
        ),
        (
            update(Setting::Encryption { key_id: None }),
            r#"{"update_setting":{"id":3,"setting":{"encryption":{"key_id":null}}}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::UpdateSetting {
                id,
                setting: Setting::Mode { mode: StreamMode::Provisioned, warm_throughput_mibps: None },
                per_day_max: Some(2),
                account_shards_max: Some(9),
            }),
            r#"{"update_setting":{"id":3,"setting":{"mode":{"mode":"PROVISIONED"}},"per_day_max":2,"account_shards_max":9}}"#.into(),
        ),
        (
            update(Setting::Mode { mode: StreamMode::OnDemand, warm_throughput_mibps: Some(7) }),
            r#"{"update_setting":{"id":3,"setting":{"mode":{"mode":"ON_DEMAND","warm_throughput_mibps":7}}}}"#.into(),
        ),
        (
            update(Setting::MaxRecordSize { kib: 2048 }),
            r#"{"update_setting":{"id":3,"setting":{"max_record_size":{"kib":2048}}}}"#.into(),
        ),
        (
            update(Setting::WarmThroughput { mibps: 50 }),
            r#"{"update_setting":{"id":3,"setting":{"warm_throughput":{"mibps":50}}}}"#.into(),
        ),
        (
            update(Setting::EnableMetrics { metrics: MetricsName::EVERY.into() }),
            r#"{"update_setting":{"id":3,"setting":{"enable_metrics":{"metrics":["IncomingBytes","IncomingRecords","OutgoingBytes","OutgoingRecords","WriteProvisionedThroughputExceeded","ReadProvisionedThroughputExceeded","IteratorAgeMilliseconds"]}}}}"#.into(),
        ),
        (
            update(Setting::DisableMetrics { metrics: [MetricsName::IncomingBytes].into() }),
            r#"{"update_setting":{"id":3,"setting":{"disable_metrics":{"metrics":["IncomingBytes"]}}}}"#.into(),
        ),
        (
            update(Setting::RecordDistribution { strategy: RecordDistributionStrategy::Auto }),
            r#"{"update_setting":{"id":3,"setting":{"record_distribution":{"strategy":"AUTO"}}}}"#.into(),
        ),
        (
            Command::Stream(StreamCommand::FinishUpdateSetting { id }),
            r#"{"finish_update_setting":{"id":3}}"#.into(),
        ),
        (
            Command::Service(ServiceCommand::UpdateCommitment {
                account: key("meters").account,
                region: key("meters").region,
                enabled: true,
                minimum_ms: 86_400_000,
            }),
            r#"{"update_commitment":{"account":"210987654321","region":"eu-west-1","enabled":true,"minimum_ms":86400000}}"#.into(),
        ),
    ];
    for (command, text) in cases {
        let entry = CommandEntry::new(TimestampMs(1_793_620_837_250), command);
        let stored = format!(r#"{{"v":1,"at_ms":1793620837250,"command":{text}}}"#);
        assert_eq!(std::str::from_utf8(&entry.encode()).unwrap(), stored);
        assert_eq!(CommandEntry::decode(stored.as_bytes()).unwrap(), entry);
    }
}

#[test]
fn the_token_key_is_not_shown() {
    let key = TokenKey::new([0xa5; 32]);
    let entry = CommandEntry::new(
        TimestampMs(1),
        Command::Service(ServiceCommand::SetTokenKey { key }),
    );
    let mut catalog = Catalog::default();
    catalog.apply(&entry).unwrap();
    let shown = format!("{entry:?} {catalog:?}");
    assert!(shown.contains("TokenKey(..)"));
    assert!(!shown.contains("165") && !shown.contains("a5"), "{shown}");
}

#[test]
fn unknown_commands_versions_and_fields_stop_the_reader() {
    for bytes in [
        r#"{"v":2,"at_ms":1,"command":{"begin_delete_stream":{"id":3}}}"#,
        r#"{"v":1,"at_ms":1,"command":{"paint_stream":{"id":3}}}"#,
        r#"{"v":1,"at_ms":1,"command":{"begin_delete_stream":{"id":3,"softly":true}}}"#,
        r#"{"v":1,"at_ms":1,"why":"","command":{"begin_delete_stream":{"id":3}}}"#,
        r#"{"v":1,"at_ms":1,"command":{"begin_delete_stream":{"id":3}}} "x""#,
    ] {
        assert!(CommandEntry::decode(bytes.as_bytes()).is_err(), "{bytes}");
    }
    assert!(matches!(
        Catalog::decode(br#"{"v":2}"#),
        Err(InvalidSnapshot::Version(2))
    ));
}

/// A snapshot of the first version: it must be readable for ever.
#[test]
fn stored_snapshots_are_frozen() {
    let stored = concat!(
        r#"{"v":1,"token_key":"0707070707070707070707070707070707070707070707070707070707070707","last_stream_id":2,"#,
        r#""last_log_id":4,"namesakes":[{"key":{"account":"210987654321","region":"eu-west-1","name":"old"},"#,
        r#""created_s":1793620834}],"namesakes_floor_s":0,"streams":[{"id":2,"key":{"account":"210987654321","#,
        r#""region":"eu-west-1","name":"meters"},"created_ms":1793620837250,"status":"UPDATING","#,
        r#""mode":"PROVISIONED","retention_hours":24,"max_record_size_kib":1024,"tags":{"team":"grid"},"#,
        r#""shards":[{"id":0,"range":{"start":"0","end":"340282366920938463463374607431768211455"},"#,
        r#""created_s":1793620834,"opened_ms":1793620837250,"log":2,"#,
        r#""place":"020000000000000000000000000000000000000000000000","state":"closing"}],"next_shard_index":3,"#,
        r#""last_created_s":1793620837,"change":{"reshard":{"parents":[0],"children":[{"id":1,"#,
        r#""range":{"start":"0","end":"9"},"created_s":1793620837,"log":3},{"id":2,"range":{"start":"10","#,
        r#""end":"340282366920938463463374607431768211455"},"created_s":1793620837,"log":4}]}}}]}"#,
    );
    let mut catalog = Catalog::default();
    let mut apply = |command| {
        let entry = CommandEntry::new(TimestampMs(START_MS), command);
        let id = catalog.apply(&entry).unwrap().stream;
        id.and_then(|id| catalog.get(id).cloned())
    };
    apply(Command::Service(ServiceCommand::SetTokenKey {
        key: TokenKey::new([7; 32]),
    }));
    for name in ["old", "meters"] {
        let begin = Command::Stream(StreamCommand::BeginCreateStream {
            stream: spec(name, 1),
            account_shards_max: None,
        });
        let stream = apply(begin).unwrap();
        apply(finish(&stream, START_MS).unwrap());
    }
    apply(Command::Stream(StreamCommand::BeginDeleteStream {
        id: StreamId(1),
        enforce_consumer_deletion: false,
    }));
    apply(Command::Stream(StreamCommand::FinishDeleteStream {
        id: StreamId(1),
    }));
    apply(Command::Shard(ShardCommand::BeginSplitShard {
        id: StreamId(2),
        shard: shard(0),
        new_starting_hash_key: HashKey(10),
        account_shards_max: None,
    }));
    assert_eq!(std::str::from_utf8(&catalog.encode()).unwrap(), stored);
    assert_eq!(Catalog::decode(stored.as_bytes()).unwrap(), catalog);
}

/// What an installation of the first version stored, commands one by one and the snapshot after them: it is read for
/// ever, and what it means does not change.
#[test]
fn a_folder_of_the_first_version_is_read() {
    let commands = include_str!("tests/first_version/commands.jsonl");
    let snapshot = include_str!("tests/first_version/snapshot.json");
    let mut catalog = Catalog::default();
    let mut rejected = 0;
    for line in commands.lines() {
        let entry = CommandEntry::decode(line.as_bytes()).unwrap();
        assert_eq!(std::str::from_utf8(&entry.encode()).unwrap(), line);
        rejected += usize::from(catalog.apply(&entry).is_err());
    }
    // One creates a stream that is there.
    assert_eq!(rejected, 1);
    assert_eq!(std::str::from_utf8(&catalog.encode()).unwrap(), snapshot);
    assert_eq!(Catalog::decode(snapshot.as_bytes()).unwrap(), catalog);
    // Each command is there, so that none is read by chance only; of those that came later the forms are frozen above.
    let later = ["begin_scale_on_demand", "note_write_peak"];
    for name in [
        ServiceCommand::NAMES,
        StreamCommand::NAMES,
        ShardCommand::NAMES,
        ConsumerCommand::NAMES,
        TagCommand::NAMES,
    ]
    .concat()
    .into_iter()
    .filter(|name| !later.contains(name))
    {
        let named = format!(r#""command":{{"{name}":"#);
        assert!(commands.contains(&named), "{name}");
    }
}
