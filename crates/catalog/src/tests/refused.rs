//! What the catalog refuses, whoever proposes it: a replay must come to the same, and no gateway is trusted to have
//! asked.

use super::*;
use millstream_log::{GroupId, LogId};

/// A catalog with one stream.
struct One {
    catalog: Catalog,
    id: StreamId,
    now_ms: u64,
}

impl One {
    /// ACTIVE, with so many shards.
    fn new(shards: u32) -> Self {
        let mut one = Self {
            catalog: Catalog::default(),
            id: StreamId(1),
            now_ms: START_MS,
        };
        one.apply(create("meters", shards, None)).unwrap();
        one.settle();
        one
    }

    fn apply(&mut self, command: impl Into<Command>) -> Result<(), Rejected> {
        let entry = CommandEntry::new(TimestampMs(self.now_ms), command.into());
        let before = self.catalog.clone();
        let applied = self.catalog.apply(&entry).map(drop);
        if applied.is_err() {
            assert_eq!(self.catalog, before, "what is refused changes nothing");
        }
        applied
    }

    fn stream(&self) -> Stream {
        Stream::clone(self.catalog.get(self.id).unwrap())
    }

    fn settle(&mut self) {
        while let Some(command) = finish(&self.stream(), self.now_ms) {
            self.apply(command).unwrap();
        }
    }

    fn split(&self, index: u32, key: u128) -> ShardCommand {
        ShardCommand::BeginSplitShard {
            id: self.id,
            shard: shard(index),
            new_starting_hash_key: HashKey(key),
            account_shards_max: None,
        }
    }

    fn merge(&self, index: u32) -> ShardCommand {
        ShardCommand::BeginMergeShards {
            id: self.id,
            shard: shard(index),
            adjacent_shard: shard(index + 1),
        }
    }

    fn scale(&self, target: u32, account_shards_max: Option<u64>) -> ShardCommand {
        ShardCommand::BeginUpdateShardCount {
            id: self.id,
            target,
            account_shards_max,
            per_day_max: None,
        }
    }

    fn retention(&self, hours: u32, is_longer: bool) -> StreamCommand {
        let id = self.id;
        match is_longer {
            true => StreamCommand::IncreaseRetention { id, hours },
            false => StreamCommand::DecreaseRetention { id, hours },
        }
    }

    fn commit_to(&mut self, enabled: bool, minimum_ms: u64) {
        let StreamKey {
            account, region, ..
        } = key("any");
        let command = ServiceCommand::UpdateCommitment {
            account,
            region,
            enabled,
            minimum_ms,
        };
        self.apply(command).unwrap();
    }
}

fn create(name: &str, shards: u32, warm_throughput_mibps: Option<u32>) -> StreamCommand {
    let mode = match warm_throughput_mibps {
        Some(_) => StreamMode::OnDemand,
        None => StreamMode::Provisioned,
    };
    StreamCommand::BeginCreateStream {
        stream: StreamSpec {
            mode,
            warm_throughput_mibps,
            ..spec(name, shards)
        },
        account_shards_max: None,
    }
}

#[test]
fn while_a_stream_changes_no_other_change_begins() {
    let mut one = One::new(4);
    let split = one.split(0, 1_000);
    one.apply(split).unwrap();
    let changing = one.stream();
    let other_shard = one.stream().open_shards()[2].range.start.0 + 1_000;
    let id = one.id;
    let others: [Command; 6] = [
        one.split(2, other_shard).into(),
        one.merge(2).into(),
        one.scale(8, None).into(),
        one.retention(48, true).into(),
        one.retention(24, false).into(),
        StreamCommand::UpdateSetting {
            id,
            setting: Setting::MaxRecordSize { kib: 2048 },
            per_day_max: None,
            account_shards_max: None,
        }
        .into(),
    ];
    for other in others {
        let refused = one.apply(other.clone());
        let updating = Err(Rejected::NotActive(StreamStatus::Updating));
        assert_eq!(refused, updating, "{other:?}");
    }
    assert_eq!(one.stream(), changing);
    one.settle();
    assert_eq!(one.stream().open_shards().len(), 5);
}

#[test]
fn a_reshard_ends_with_the_shards_that_it_began_with_and_no_others() {
    let mut one = One::new(3);
    let split = one.split(0, 1_000);
    one.apply(split).unwrap();
    let Some(Command::Shard(ShardCommand::FinishReshard { id, closed, logs })) =
        finish(&one.stream(), START_MS)
    else {
        panic!("a split has begun");
    };
    let other = vec![ClosedShard {
        shard: shard(1),
        ..closed[0]
    }];
    let twice = [closed.clone(), closed.clone()].concat();
    let more_logs = [logs.clone(), logs[..1].to_vec()].concat();
    for (closed, logs) in [
        (other, logs.clone()),
        (twice, logs.clone()),
        (Vec::new(), logs.clone()),
        (closed.clone(), more_logs),
        (closed.clone(), logs[..1].to_vec()),
        (closed.clone(), Vec::new()),
    ] {
        let finish = ShardCommand::FinishReshard { id, closed, logs };
        assert_eq!(
            one.apply(finish.clone()),
            Err(Rejected::NotBegun),
            "{finish:?}"
        );
    }
    let finish = ShardCommand::FinishReshard { id, closed, logs };
    one.apply(finish.clone()).unwrap();
    assert_eq!(one.apply(finish), Err(Rejected::NotBegun), "once");
}

/// A time between the ends of two parents would belong to no shard for some of the keys.
#[test]
fn both_parents_of_a_merge_end_when_the_later_one_does() {
    let mut one = One::new(2);
    let merge = one.merge(0);
    one.apply(merge).unwrap();
    let Some(Command::Shard(ShardCommand::FinishReshard { id, closed, logs })) =
        finish(&one.stream(), START_MS)
    else {
        panic!("a merge has begun");
    };
    let ends = [START_MS + 700, START_MS + 20];
    let closed = closed
        .into_iter()
        .zip(ends)
        .map(|(closed, end)| ClosedShard {
            closed_ms: TimestampMs(end),
            ..closed
        });
    let closed = closed.collect();
    one.apply(ShardCommand::FinishReshard { id, closed, logs })
        .unwrap();
    let shards: Vec<Shard> = one.stream().shards().collect();
    let at = TimestampMs(START_MS + 700);
    for parent in &shards[..2] {
        assert!(matches!(parent.state, ShardState::Closed { closed_ms, .. } if closed_ms == at));
        assert!(parent.was_open_at(at));
    }
    assert_eq!(shards[2].opened_ms, TimestampMs(START_MS + 701));
}

#[test]
fn a_shard_that_takes_records_is_not_removed() {
    let mut one = One::new(2);
    let split = one.split(0, 1_000);
    one.apply(split).unwrap();
    one.settle();
    let before = one.stream();
    let remove = |indexes: &[u32]| ShardCommand::RemoveShards {
        id: StreamId(1),
        shards: indexes.iter().copied().map(shard).collect(),
    };
    for shards in [&[1][..], &[0, 1], &[0, 2], &[3]] {
        assert_eq!(
            one.apply(remove(shards)),
            Err(Rejected::NotBegun),
            "{shards:?}"
        );
    }
    assert_eq!(one.stream(), before);
    one.apply(remove(&[0])).unwrap();
    assert_eq!(one.stream().shard_count(), 3);
    assert_eq!(one.stream().shard(shard(0)), None);
}

#[test]
fn a_split_leaves_each_child_more_than_one_hash_key() {
    let mut one = One::new(2);
    let range = one.stream().open_shards()[1].range;
    for key in [
        0,
        range.start.0 - 1,
        range.start.0,
        range.start.0 + 1,
        range.end.0,
    ] {
        let split = one.split(1, key);
        assert_eq!(
            one.apply(split),
            Err(Rejected::SplitKeyOutside(range)),
            "{key}"
        );
    }
    for key in [range.start.0 + 2, range.end.0 - 1] {
        let mut one = One::new(2);
        let split = one.split(1, key);
        one.apply(split).unwrap();
    }
}

#[test]
fn a_period_of_retention_is_the_one_that_was_asked_for_last() {
    let mut one = One::new(1);
    let kept = |one: &One| {
        (
            one.stream().retention_hours,
            one.stream().retention_ms() / 3_600_000,
        )
    };
    for (hours, is_longer) in [
        (72, true),
        (72, true),
        (48, false),
        (48, false),
        (24, false),
    ] {
        let change = one.retention(hours, is_longer);
        one.apply(change).unwrap();
        assert_eq!(kept(&one), (hours, u64::from(hours)));
    }
    let longer = one.retention(48, true);
    one.apply(longer).unwrap();
    let shorter = one.retention(47, true);
    assert_eq!(one.apply(shorter), Err(Rejected::RetentionIsLonger(48)));
    let longer = one.retention(49, false);
    assert_eq!(one.apply(longer), Err(Rejected::RetentionIsShorter(48)));
    assert_eq!(kept(&one), (48, 48));
}

#[test]
fn a_quota_holds_for_every_way_to_more_shards() {
    let mut one = One::new(4);
    let refused = |additional| {
        Err(Rejected::TooManyShards {
            current: 4,
            limit: 6,
            additional,
        })
    };
    let scale = one.scale(8, Some(6));
    assert_eq!(one.apply(scale), refused(4));
    let scale = one.scale(6, Some(6));
    one.apply(scale).unwrap();
    // Those to come count while they come.
    let other = StreamCommand::BeginCreateStream {
        stream: spec("other", 1),
        account_shards_max: Some(6),
    };
    let full = Rejected::TooManyShards {
        current: 6,
        limit: 6,
        additional: 1,
    };
    assert_eq!(one.apply(other.clone()), Err(full));
    one.settle();
    assert_eq!(one.apply(other), Err(full));
    let scale = one.scale(3, Some(1));
    one.apply(scale).unwrap();
}

#[test]
fn a_stream_with_consumers_goes_only_if_they_are_to_go_too() {
    let mut one = One::new(1);
    let (id, name) = (one.id, "billing".parse().unwrap());
    let begin = ConsumerCommand::BeginRegisterConsumer {
        id,
        name,
        tags: Default::default(),
    };
    one.apply(begin).unwrap();
    let delete = |enforce_consumer_deletion| StreamCommand::BeginDeleteStream {
        id,
        enforce_consumer_deletion,
    };
    assert_eq!(one.apply(delete(false)), Err(Rejected::HasConsumers));
    one.apply(delete(true)).unwrap();
    assert_eq!(one.stream().status, StreamStatus::Deleting);
}

#[test]
fn a_consumer_takes_a_policy_while_it_is_active() {
    let mut one = One::new(1);
    let id = one.id;
    let begin = ConsumerCommand::BeginRegisterConsumer {
        id,
        name: "billing".parse().unwrap(),
        tags: Default::default(),
    };
    one.apply(begin).unwrap();
    let consumer = one.stream().consumer("billing").unwrap().key.clone();
    let text = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let put = ConsumerCommand::PutConsumerPolicy {
        id,
        consumer: consumer.clone(),
        policy: ResourcePolicy::parse(text).unwrap(),
    };
    let delete = ConsumerCommand::DeleteConsumerPolicy {
        id,
        consumer: consumer.clone(),
    };
    let inactive = Err(Rejected::ConsumerNotActive);
    assert_eq!(one.apply(put.clone()), inactive, "CREATING");
    let finish = ConsumerCommand::FinishRegisterConsumer {
        id,
        consumer: consumer.clone(),
    };
    one.apply(finish).unwrap();
    one.apply(put.clone()).unwrap();
    let deregister = ConsumerCommand::BeginDeregisterConsumer {
        id,
        consumer: consumer.clone(),
    };
    one.apply(deregister).unwrap();
    assert_eq!(one.apply(put), inactive, "DELETING");
    assert_eq!(one.apply(delete), inactive, "DELETING");
    let policy = one.stream().consumer("billing").unwrap().policy.clone();
    assert_eq!(policy.unwrap().text(), text);
}

#[test]
fn warm_throughput_needs_a_commitment_that_lasts_as_long_as_it_was_made_for() {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    let mut one = One::new(1);
    let warm = |name: &str| create(name, 4, Some(10));
    assert_eq!(one.apply(warm("a")), Err(Rejected::NoCommitment));
    one.commit_to(true, 24 * HOUR_MS);
    one.apply(warm("a")).unwrap();
    one.now_ms += HOUR_MS;
    one.commit_to(false, 24 * HOUR_MS);
    one.now_ms += 23 * HOUR_MS - 1;
    one.apply(warm("b")).unwrap();
    one.now_ms += 1;
    assert_eq!(one.apply(warm("c")), Err(Rejected::NoCommitment));
}

/// What is in a log that the catalog has lost belongs to nobody: no new stream gets it.
#[test]
fn after_a_repair_no_stream_gets_the_logs_of_one_that_is_lost() {
    let mut one = One::new(2);
    let snapshot = millstream_log::Snapshot {
        offset: 2,
        state: one.catalog.encode(),
    };
    let salvaged = SalvagedCatalog::read(&[snapshot], &[], 5, &|from, to| vec![(from, to)]);
    let salvaged = salvaged.unwrap();
    assert_eq!(salvaged.missing(), [(2, 5)]);
    let found = [
        (GroupId(1), LogId(1)),
        (GroupId(1), LogId(2)),
        (GroupId(6), LogId(17)),
        (GroupId::COMMANDS, LogId(900)),
        (GroupId::METRICS, LogId(901)),
    ];
    let snapshot = salvaged.into_snapshot(&found);
    assert_eq!(snapshot.offset, 5);
    one.catalog = Catalog::decode(&snapshot.state).unwrap();
    one.apply(create("new", 1, None)).unwrap();
    let StreamKey {
        account, region, ..
    } = key("new");
    let new = one.catalog.find(&account, &region, "new").unwrap();
    assert_eq!(new.id, StreamId(7));
    let Some(Change::Create { shards }) = &new.change else {
        panic!("it is being created");
    };
    assert_eq!(shards[0].log, LogId(18));
}

/// A split at the middle has two children of one width: nothing of the parent is left out and nothing is there twice.
#[test]
fn the_closed_parent_of_a_split_stays_with_its_children() {
    let mut one = One::new(1);
    let split = one.split(0, u128::MAX / 2);
    one.apply(split).unwrap();
    one.settle();
    let stream = one.stream();
    assert_eq!(stream.shard_count(), 3);
    let parent = stream.shard(shard(0)).unwrap();
    assert!(parent.is_closed());
    let children: Vec<ShardId> = stream
        .children_of(parent.id)
        .map(|child| child.id)
        .collect();
    assert_eq!(children, [shard(1), shard(2)]);
    let ranges: Vec<_> = stream
        .open_shards()
        .iter()
        .map(|child| child.range)
        .collect();
    assert_eq!(
        (ranges[0].start, ranges[1].end),
        (parent.range.start, parent.range.end)
    );
    assert!(ranges[0].is_followed_by(&ranges[1]));
}
