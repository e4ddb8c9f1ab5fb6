//! Shards in numbers: what a command copies, what closed ones cost, and how they are stored.

use super::*;
use crate::work;

/// The parent of a split, as it is stored once it is closed.
const ROW: &str =
    "ARAAAAAAAAAAAAAAAAAAAAAAAP/////////////////////E7cOuDYSOkMKzaAICAAAOhI6QwrNoAQ==";

struct Grown {
    catalog: Catalog,
    id: StreamId,
}

impl Grown {
    /// A stream of so many shards.
    fn new(shards: u32) -> Self {
        let mut grown = Self {
            catalog: Catalog::default(),
            id: StreamId(1),
        };
        grown.apply(Command::Stream(StreamCommand::BeginCreateStream {
            stream: spec("meters", shards),
            account_shards_max: None,
        }));
        grown.settle();
        grown
    }

    fn apply(&mut self, command: Command) {
        let entry = CommandEntry::new(TimestampMs(START_MS), command);
        self.catalog.apply(&entry).unwrap();
    }

    /// Finishes what has begun.
    fn settle(&mut self) {
        while let Some(command) = finish(self.stream(), START_MS) {
            self.apply(command);
        }
    }

    fn scale(&mut self, target: u32) {
        let id = self.id;
        self.apply(Command::Shard(ShardCommand::BeginUpdateShardCount {
            id,
            target,
            account_shards_max: None,
            per_day_max: None,
        }));
        self.settle();
    }

    fn stream(&self) -> &Stream {
        self.catalog.get(self.id).unwrap()
    }

    /// Shards that the command copied or read.
    fn work_of(&mut self, command: Command) -> usize {
        work::taken();
        self.apply(command);
        work::taken()
    }

    fn tag(&self) -> Command {
        Command::Tag(TagCommand::AddTags {
            resource: Tagged::Stream(self.id),
            tags: [("team".to_owned(), "north".to_owned())].into(),
        })
    }
}

#[test]
fn what_does_not_concern_shards_copies_none() {
    let mut grown = Grown::new(10_000);
    let (id, tag) = (grown.id, grown.tag());
    let register = Command::Consumer(ConsumerCommand::BeginRegisterConsumer {
        id,
        name: "billing".parse().unwrap(),
        tags: Default::default(),
    });
    let retention = Command::Stream(StreamCommand::IncreaseRetention { id, hours: 48 });
    for command in [tag, register, retention] {
        assert_eq!(grown.work_of(command.clone()), 0, "{command:?}");
    }
    let other = Command::Stream(StreamCommand::BeginCreateStream {
        stream: spec("other", 1),
        account_shards_max: Some(20_000),
    });
    assert_eq!(grown.work_of(other), 0);
}

#[test]
fn a_split_copies_the_open_shards_and_a_chunk_however_many_are_closed() {
    let mut grown = Grown::new(4);
    for _ in 0..200 {
        grown.scale(8);
        grown.scale(4);
    }
    assert!(grown.stream().shard_count() > 2_000);
    let parent = grown.stream().open_shards()[0];
    let split = Command::Shard(ShardCommand::BeginSplitShard {
        id: grown.id,
        shard: parent.id,
        new_starting_hash_key: HashKey(parent.range.end.0 / 2),
        account_shards_max: None,
    });
    assert!(grown.work_of(split) <= 4);
    let finish = finish(grown.stream(), START_MS).unwrap();
    assert!(grown.work_of(finish) <= 5 + 64);
    work::taken();
    assert_eq!(grown.stream().children_of(parent.id).count(), 2);
    assert!(work::taken() <= 64);
    let oldest: Vec<_> = grown.stream().shards().take(10).map(|one| one.id).collect();
    let forget = Command::Shard(ShardCommand::RemoveShards {
        id: grown.id,
        shards: oldest.clone(),
    });
    assert!(grown.work_of(forget) <= 2 * 64);
    assert!(oldest.iter().all(|id| grown.stream().shard(*id).is_none()));
    assert_eq!(
        Catalog::decode(&grown.catalog.encode()).unwrap(),
        grown.catalog
    );
}

#[test]
fn closed_shards_are_small_in_memory_and_in_snapshots() {
    let mut grown = Grown::new(500);
    for _ in 0..8 {
        grown.scale(1000);
        grown.scale(500);
    }
    let closed = grown.stream().shard_count() - 500;
    assert_eq!(closed, 8 * 1500);
    assert!(grown.stream().closed.bytes() < 40 * closed);
    assert!(grown.catalog.encode().len() < 56 * closed + 400 * 500);
    // Each is still what it was.
    let tiled = grown.stream().shards().filter(|one| one.is_closed());
    assert_eq!(tiled.count(), closed);
    for shard in grown.stream().shards() {
        assert_eq!(grown.stream().shard(shard.id), Some(shard));
    }
}

/// Closed shards as they were stored among the open ones, and as they are stored now: both are readable for ever.
#[test]
fn both_stored_forms_of_closed_shards_are_frozen() {
    let mut grown = Grown::new(1);
    grown.apply(Command::Shard(ShardCommand::BeginSplitShard {
        id: grown.id,
        shard: shard(0),
        new_starting_hash_key: HashKey(10),
        account_shards_max: None,
    }));
    grown.settle();
    let head = concat!(
        r#"{"v":1,"last_stream_id":1,"last_log_id":3,"namesakes":[],"namesakes_floor_s":0,"streams":[{"id":1,"#,
        r#""key":{"account":"210987654321","region":"eu-west-1","name":"meters"},"created_ms":1793620837250,"#,
        r#""status":"ACTIVE","mode":"PROVISIONED","retention_hours":24,"max_record_size_kib":1024,"#,
        r#""tags":{"team":"grid"},"shards":["#,
    );
    let closed = concat!(
        r#"{"id":0,"range":{"start":"0","end":"340282366920938463463374607431768211455"},"#,
        r#""created_s":1793620834,"opened_ms":1793620837250,"log":1,"#,
        r#""place":"010000000000000000000000000000000000000000000000","#,
        r#""state":{"closed":{"end":7,"closed_ms":1793620837250}}},"#,
    );
    let open = concat!(
        r#"{"id":1,"range":{"start":"0","end":"9"},"parent":0,"created_s":1793620837,"opened_ms":1793620837251,"log":2,"#,
        r#""place":"020000000000000000000000000000000000000000000000","state":"open"},"#,
        r#"{"id":2,"range":{"start":"10","end":"340282366920938463463374607431768211455"},"parent":0,"#,
        r#""created_s":1793620837,"opened_ms":1793620837251,"log":3,"#,
        r#""place":"030000000000000000000000000000000000000000000000","state":"open"}]"#,
    );
    let tail = r#""next_shard_index":3,"last_created_s":1793620837}]}"#;
    let before = format!("{head}{closed}{open},{tail}");
    let now = format!(r#"{head}{open},"closed":["{ROW}"],{tail}"#);
    let encoded = grown.catalog.encode();
    assert_eq!(std::str::from_utf8(&encoded).unwrap(), now);
    assert_eq!(Catalog::decode(now.as_bytes()).unwrap(), grown.catalog);
    assert_eq!(Catalog::decode(before.as_bytes()).unwrap(), grown.catalog);
    let damaged = now.replace(ROW, &format!("AA{}", &ROW[2..]));
    assert!(Catalog::decode(damaged.as_bytes()).is_err());
}
