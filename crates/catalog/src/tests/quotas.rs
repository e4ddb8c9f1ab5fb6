//! Quotas of shards.

use super::*;

#[test]
fn quotas_count_provisioned_shards_open_or_to_come() {
    let mut catalog = Catalog::default();
    let mut apply = |command| {
        let entry = CommandEntry::new(TimestampMs(START_MS), command);
        catalog
            .apply(&entry)
            .map(|applied| catalog.get(applied.stream.unwrap()).cloned())
    };
    let begin = |name, shards, mode| {
        Command::Stream(StreamCommand::BeginCreateStream {
            stream: StreamSpec {
                mode,
                ..spec(name, shards)
            },
            account_shards_max: Some(4),
        })
    };
    let refused = |current, additional| {
        Err(Rejected::TooManyShards {
            current,
            limit: 4,
            additional,
        })
    };
    let provisioned = StreamMode::Provisioned;
    assert_eq!(apply(begin("a", 5, provisioned)).map(drop), refused(0, 5));
    let stream = apply(begin("a", 3, provisioned)).unwrap().unwrap();
    assert_eq!(apply(begin("b", 2, provisioned)).map(drop), refused(3, 2));
    apply(finish(&stream, START_MS).unwrap()).unwrap();
    assert_eq!(apply(begin("b", 2, provisioned)).map(drop), refused(3, 2));
    let split = |index| {
        Command::Shard(ShardCommand::BeginSplitShard {
            id: stream.id,
            shard: shard(index),
            new_starting_hash_key: HashKey(u128::from(index) * (u128::MAX / 3) + 1_000),
            account_shards_max: Some(4),
        })
    };
    let stream = apply(split(0)).unwrap().unwrap();
    apply(finish(&stream, START_MS).unwrap()).unwrap();
    assert_eq!(apply(split(1)).map(drop), refused(4, 1));
    assert!(apply(begin("c", 4, StreamMode::OnDemand)).is_ok());
    let huge = Command::Stream(StreamCommand::BeginCreateStream {
        stream: spec("d", 10_001),
        account_shards_max: None,
    });
    let too_many = Rejected::TooManyShards {
        current: 0,
        limit: 10_000,
        additional: 10_001,
    };
    assert_eq!(apply(huge).map(drop), Err(too_many));
}
