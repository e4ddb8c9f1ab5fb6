//! Splits and merges, with records on their way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_streams::StreamSettings;
use millstream_types::{SequenceNumber, ShardId};
use millstream_wire::ErrorCode;
use millstream_wire::shapes::{StreamStatus, UpdateShardCountResponse};
use tokio::sync::Notify;

use crate::faulty_engine::{Fault, FaultyEngine};
use crate::world::*;

const HALF: u128 = 1 << 127;

#[tokio::test]
async fn a_split_shard_ends_with_its_children() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let last = world.put("meters", "k", b"before").await;
    let latest = world.iterator("meters", SHARD_0, Start::Latest).await;
    world.clock.advance_ms(5_000);
    world.split("meters", SHARD_0, HALF).await.expect("split");

    let stream = world.describe("meters").await;
    assert_eq!(stream.stream_status, StreamStatus::Active);
    let [parent, low, high] = &stream.shards[..] else {
        panic!("three shards");
    };
    let ending = parent.sequence_number_range.ending_sequence_number.as_ref();
    let ending: SequenceNumber = ending.expect("closed").parse().unwrap();
    assert_eq!(ending.seq_ix(), SequenceNumber::SEQ_IX_MAX);
    assert!(ending > last);
    assert_eq!(high.hash_key_range.starting_hash_key.0, HALF);
    for child in [low, high] {
        assert_eq!(child.parent_shard_id.as_deref(), Some(SHARD_0));
        assert_eq!(child.adjacent_parent_shard_id, None);
        let start: SequenceNumber = child
            .sequence_number_range
            .starting_sequence_number
            .parse()
            .unwrap();
        assert!(start > ending);
    }

    // The last records come with an iterator; the answer after them ends the shard.
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let records = world.get(&iterator).await;
    assert_eq!(
        (records.records.len(), records.millis_behind_latest),
        (1, 0)
    );
    assert_eq!(records.child_shards, None);
    world.clock.advance_ms(70);
    let ended_by = [
        records.next_shard_iterator.expect("not yet the end"),
        latest,
        world.iterator("meters", SHARD_0, Start::Latest).await,
        world
            .iterator("meters", SHARD_0, Start::After(&last.to_string()))
            .await,
        world
            .iterator("meters", SHARD_0, Start::After(&ending.to_string()))
            .await,
        world
            .iterator("meters", SHARD_0, Start::Time(START_MS + 5_070))
            .await,
    ];
    for iterator in ended_by {
        let end = world.get(&iterator).await;
        assert!(end.records.is_empty());
        assert_eq!(end.next_shard_iterator, None);
        assert_eq!(end.millis_behind_latest, 70);
        let children = end.child_shards.expect("the end names the children");
        let ids: Vec<_> = children.iter().map(|child| &child.shard_id[..]).collect();
        assert_eq!(ids, [SHARD_1, SHARD_2]);
        assert!(
            children
                .iter()
                .all(|child| child.parent_shards == [SHARD_0])
        );
        assert_eq!(children[0].hash_key_range, low.hash_key_range);
    }
}

#[tokio::test]
async fn merged_shards_end_with_one_child_of_both() {
    let world = World::new().await;
    world.create("meters", 2).await;
    world.merge("meters", "0", "1").await.expect("merged");
    let stream = world.describe("meters").await;
    let child = &stream.shards[2];
    assert_eq!(child.parent_shard_id.as_deref(), Some(SHARD_0));
    assert_eq!(child.adjacent_parent_shard_id.as_deref(), Some(SHARD_1));
    for parent in [SHARD_0, SHARD_1] {
        let iterator = world.iterator("meters", parent, Start::TrimHorizon).await;
        let end = world.get(&iterator).await;
        let children = end.child_shards.expect("the end names the child");
        assert_eq!(children.len(), 1);
        assert_eq!(children[0].shard_id, SHARD_2);
        assert_eq!(children[0].parent_shards, [SHARD_0, SHARD_1]);
    }
    let number = world.put("meters", "any", b"x").await;
    assert_eq!(number.shard_index(), 2);
}

#[tokio::test]
async fn what_cannot_be_split_or_merged_is_refused_with_the_texts_of_aws() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let find = |shard: &str| {
        let text =
            format!("Could not find shard {shard} in stream meters under account {ACCOUNT}.");
        (ErrorCode::ResourceNotFound, text)
    };
    assert_eq!(
        on_wire(world.split("meters", "shardId-x", 5).await),
        find("shardId-x")
    );
    assert_eq!(
        on_wire(world.split("meters", "9", 5).await),
        find("shardId-000000000009")
    );
    assert_eq!(
        on_wire(world.merge("meters", "0", "shardId-7").await),
        find("shardId-000000000007")
    );
    let missing = on_wire(world.split("nope", "0", 5).await);
    let text = format!("Stream nope under account {ACCOUNT} not found.");
    assert_eq!(missing, (ErrorCode::ResourceNotFound, text));
    for key in [0, 1, HALF - 1, u128::MAX] {
        let text = format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {SHARD_0} in stream meters under account \
             {ACCOUNT} is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's \
             EndingHashKey {}.",
            HALF - 1
        );
        let refused = on_wire(world.split("meters", "0", key).await);
        assert_eq!(refused, (ErrorCode::InvalidArgument, text));
    }
    for (first, second) in [("1", "0"), ("0", "0")] {
        let (code, text) = on_wire(world.merge("meters", first, second).await);
        assert_eq!(code, ErrorCode::InvalidArgument);
        let expected = format!(
            "Shards shardId-00000000000{first} and shardId-00000000000{second} in stream meters under account \
             {ACCOUNT} are not an adjacent pair of shards eligible for merging"
        );
        assert_eq!(text, expected);
    }
    world
        .split("meters", "0", 2)
        .await
        .expect("the smallest key that splits");
    let ended = on_wire(world.split("meters", "0", 2).await);
    let text = format!(
        "Shard {SHARD_0} in stream meters under account {ACCOUNT} has already been merged or split, and thus is not \
         eligible for merging or splitting."
    );
    assert_eq!(ended, (ErrorCode::InvalidArgument, text));
    let on_demand = millstream_wire::shapes::CreateStreamRequest {
        shard_count: None,
        ..create("demand", 1)
    };
    world
        .service()
        .await
        .create_stream(&world.caller, on_demand)
        .await
        .expect("created");
    let text =
        format!("Request is invalid. Stream demand under account {ACCOUNT} is in On-Demand mode.");
    let refused = (ErrorCode::Validation, text);
    assert_eq!(on_wire(world.split("demand", "0", 5).await), refused);
    assert_eq!(on_wire(world.merge("demand", "0", "1").await), refused);
}

/// A world whose next command but one, which finishes a split, is held back.
async fn with_held_finish() -> (World, Arc<Notify>) {
    let mut world = World::new().await;
    world.create("meters", 1).await;
    let release = Arc::new(Notify::new());
    let held = Fault::Held(release.clone());
    // Begin, two logs, CLOSE, finish.
    world
        .crash_onto(|memory| FaultyEngine::new(memory, 4, held))
        .await;
    (world, release)
}

#[tokio::test(start_paused = true)]
async fn a_put_that_meets_a_closing_shard_goes_to_the_child() {
    let (world, release) = with_held_finish().await;
    let before = world.put("meters", "k", b"before").await;
    let service = world.service().await.clone();
    let caller = world.caller.clone();
    let request = millstream_wire::shapes::SplitShardRequest {
        stream_name: Some("meters".parse().unwrap()),
        stream_arn: None,
        shard_to_split: "0".into(),
        new_starting_hash_key: HALF.to_string(),
    };
    let split = tokio::spawn(async move { service.split_shard(&caller, request).await });
    while world.describe("meters").await.stream_status == StreamStatus::Active {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let batch = vec![
        record("k", b"during"),
        record("k2", b"x"),
        record("k", b"during too"),
    ];
    let mut put = std::pin::pin!(world.put_many("meters", batch));
    let early = tokio::time::timeout(Duration::from_millis(900), &mut put).await;
    assert!(
        early.is_err(),
        "the shard is closed and its children are not open"
    );
    release.notify_one();
    let stored = put.await.expect("answered");
    split.await.unwrap().expect("split");
    let numbers: Vec<SequenceNumber> = stored
        .into_iter()
        .map(|entry| match entry {
            millstream_wire::shapes::PutRecordsResultEntry::Stored(number) => number,
            failed => panic!("{failed:?}"),
        })
        .collect();
    assert!(
        numbers
            .iter()
            .all(|number| number.shard_index() > 0 && *number > before)
    );
    assert!(numbers[0] < numbers[2]);
    let child = ShardId::new(numbers[0].shard_index()).unwrap().to_string();
    let mut data: Vec<_> = world.read_shard("meters", &child).await;
    data.retain(|(key, _)| key == "k");
    let data: Vec<_> = data.into_iter().map(|(_, data)| data).collect();
    assert_eq!(data, [b"during".to_vec(), b"during too".to_vec()]);
    assert_eq!(world.read_shard("meters", "0").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_put_that_meets_a_closing_shard_for_a_second_is_throttled() {
    let (world, release) = with_held_finish().await;
    let service = world.service().await.clone();
    let caller = world.caller.clone();
    let request = millstream_wire::shapes::SplitShardRequest {
        stream_name: Some("meters".parse().unwrap()),
        stream_arn: None,
        shard_to_split: "0".into(),
        new_starting_hash_key: HALF.to_string(),
    };
    let split = tokio::spawn(async move { service.split_shard(&caller, request).await });
    while world.describe("meters").await.stream_status == StreamStatus::Active {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = tokio::time::Instant::now();
    let refused = on_wire(world.try_put("meters", "k", b"v").await);
    assert_eq!(start.elapsed().as_secs(), 1);
    let text =
        format!("Rate exceeded for shard {SHARD_0} in stream meters under account {ACCOUNT}.");
    assert_eq!(refused, (ErrorCode::ProvisionedThroughputExceeded, text));
    // Readers at the end of the parent wait for the children to be open.
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let answer = world.get(&iterator).await;
    assert!(answer.next_shard_iterator.is_some() && answer.child_shards.is_none());
    release.notify_one();
    split.await.unwrap().expect("split");
    assert!(world.get(&iterator).await.next_shard_iterator.is_none());
    assert!(world.read_shard("meters", "1").await.is_empty());
    assert!(world.read_shard("meters", "2").await.is_empty());
}

/// Follows a shard from its beginning to its end, and then its children; keeps what it reads by partition key.
async fn follow(world: &World) -> BTreeMap<String, Vec<(SequenceNumber, Vec<u8>)>> {
    let mut read: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut due = vec![SHARD_0.to_owned()];
    let mut ended = Vec::new();
    let mut waiting = Vec::new();
    while let Some(shard) = due.pop() {
        let mut iterator = Some(world.iterator("meters", &shard, Start::TrimHorizon).await);
        while let Some(from) = iterator {
            let answer = world.get(&from).await;
            for record in &answer.records {
                let key = String::from_utf8(record.partition_key().to_vec()).unwrap();
                read.entry(key)
                    .or_default()
                    .push((record.sequence_number, record.data().to_vec()));
            }
            let is_open_and_read =
                answer.records.is_empty() && answer.next_shard_iterator.is_some();
            if let Some(children) = answer.child_shards {
                ended.push(shard.clone());
                waiting.extend(children);
                waiting.retain(|child| {
                    let is_ready = child
                        .parent_shards
                        .iter()
                        .all(|parent| ended.contains(parent));
                    if is_ready && !due.contains(&child.shard_id) {
                        due.push(child.shard_id.clone());
                    }
                    !is_ready
                });
            }
            iterator = answer.next_shard_iterator.filter(|_| !is_open_and_read);
        }
    }
    assert!(waiting.is_empty());
    read
}

/// Brings the stream to another count that can be reached; its open shards.
async fn scaled(world: &World, count: usize, round: usize) -> Vec<(u32, u128, u128)> {
    let count = u32::try_from(count).unwrap();
    let reach = count.div_ceil(2)..=(2 * count).min(9);
    let target = reach.clone().nth(round * 7 % reach.count()).unwrap();
    let answer = world.scale("meters", target).await.expect("scaled");
    assert_eq!(
        (answer.current_shard_count, answer.target_shard_count),
        (count, target)
    );
    let shards = world.list_shards("meters").await;
    let open = shards
        .iter()
        .filter(|shard| shard.sequence_number_range.ending_sequence_number.is_none());
    let open: Vec<_> = open
        .map(|shard| {
            let id: ShardId = shard.shard_id.parse().unwrap();
            let range = shard.hash_key_range;
            (
                id.index(),
                range.starting_hash_key.0,
                range.ending_hash_key.0,
            )
        })
        .collect();
    assert_eq!(open.len(), target as usize);
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_acknowledged_record_is_read_once_and_in_order_over_splits_merges_and_counts() {
    const WRITERS: usize = 4;
    let mut world = World::new().await;
    let mut engine = None;
    world
        .crash_onto(|memory| {
            let slow = FaultyEngine::slow(memory, 50);
            engine = Some(slow.clone());
            slow
        })
        .await;
    let (world, engine) = (Arc::new(world), engine.expect("opened"));
    world.create("meters", 1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = |number: usize| {
        let (world, stop) = (world.clone(), stop.clone());
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            let mut count = 0u64;
            while !stop.load(Ordering::SeqCst) || count < 20 {
                let key = format!("w{number}-{}", count % 5);
                let data = count.to_le_bytes();
                if let Ok(sequence_number) = world.try_put("meters", &key, &data).await {
                    acknowledged.push((key, sequence_number, data.to_vec()));
                }
                count += 1;
                tokio::task::yield_now().await;
            }
            acknowledged
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    let mut open = vec![(0u32, 0u128, u128::MAX)];
    let mut next = 1;
    let mut round = 0;
    // Until puts have met closing shards often enough.
    while round < 30 || engine.met_closed() < 20 {
        assert!(round < 2_000, "puts never meet a closing shard");
        round += 1;
        if round % 5 == 0 {
            open = scaled(&world, open.len(), round).await;
            let newest = open.iter().map(|(shard, _, _)| *shard).max();
            next = newest.expect("open shards") + 1;
        } else if open.len() < 4 || round % 2 == 0 {
            let (shard, start, end) = open.remove(round % open.len());
            let key = start + (end - start) / 2;
            world
                .split("meters", &shard.to_string(), key)
                .await
                .expect("split");
            open.push((next, start, key - 1));
            open.push((next + 1, key, end));
            next += 2;
        } else {
            open.sort_by_key(|(_, start, _)| *start);
            let ((first, start, _), (second, _, end)) = (open.remove(0), open.remove(0));
            world
                .merge("meters", &first.to_string(), &second.to_string())
                .await
                .expect("merged");
            open.push((next, start, end));
            next += 1;
        }
        world.clock.advance_ms(100);
    }
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for writer in writers {
        for (key, number, data) in writer.await.unwrap() {
            acknowledged.entry(key).or_default().push((number, data));
        }
    }
    assert_eq!(acknowledged.len(), WRITERS * 5);
    for records in acknowledged.values() {
        assert!(records.is_sorted_by(|one, other| one.0 < other.0));
    }
    assert_eq!(follow(&world).await, acknowledged);
}

#[tokio::test]
async fn a_count_is_reached_with_as_many_shards_as_on_aws() {
    for (from, to, total) in [(2, 4, 6), (4, 5, 15), (4, 2, 6), (5, 3, 7)] {
        let world = World::new().await;
        world.create("meters", from).await;
        let answer = world.scale("meters", to).await.expect("scaled");
        assert_eq!(answer.current_shard_count, from);
        assert_eq!(answer.target_shard_count, to);
        assert!(answer.stream_arn.ends_with(":stream/meters"));
        let stream = world.describe("meters").await;
        assert_eq!(stream.stream_status, StreamStatus::Active);
        assert_eq!(stream.shards.len(), total, "{from} to {to}");
    }
    let world = World::new().await;
    world.create("meters", 3).await;
    world.scale("meters", 3).await.expect("no change");
    assert_eq!(world.list_shards("meters").await.len(), 3);
}

#[tokio::test]
async fn counts_out_of_reach_are_refused_with_the_texts_of_aws() {
    let world = World::with(StreamSettings {
        account_shards_max: Some(12),
        ..StreamSettings::default()
    })
    .await;
    world.create("meters", 6).await;
    let refused = |result| on_wire::<UpdateShardCountResponse, _>(result);
    let limit = ErrorCode::LimitExceeded;
    let texts = [
        (
            13,
            "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 6, Target shard count: 13",
        ),
        (
            2,
            "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 6, Target shard count: 2",
        ),
        (
            10_001,
            "Target shard count or number of open shards cannot be greater than 10000. Current open shard count: 6, Target shard count: 10001",
        ),
    ];
    for (target, text) in texts {
        assert_eq!(
            refused(world.scale("meters", target).await),
            (limit, text.into())
        );
    }
    world.create("others", 2).await;
    let (code, text) = refused(world.scale("meters", 11).await);
    assert_eq!(code, limit);
    assert!(
        text.contains(
            "Limit: 12. Number of additional shards that would have resulted from this request: 5"
        ),
        "{text}"
    );
    let gone = refused(world.scale("nope", 2).await);
    let text = format!("Stream nope under account {ACCOUNT} not found.");
    assert_eq!(gone, (ErrorCode::ResourceNotFound, text));
    assert_eq!(world.list_shards("meters").await.len(), 6);

    world.split("meters", "0", 3).await.expect("split");
    let (code, text) = refused(world.scale("meters", 8).await);
    assert_eq!(code, ErrorCode::InvalidArgument);
    assert!(text.contains("too few hash keys"), "{text}");
}
