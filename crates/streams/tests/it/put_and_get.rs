//! Records go in and come out.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use millstream_types::SequenceNumber;
use millstream_wire::shapes::{PutRecordRequest, PutRecordsResultEntry, RecordData, RecordToPut};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::*;

#[tokio::test]
async fn what_is_put_comes_back() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let number = world.put("meters", "sensor-7", b"hello").await;
    assert_eq!(number.shard_index(), 1);
    world.put("meters", "sensor-8", b"").await;

    let iterator = world.iterator("meters", SHARD_1, Start::TrimHorizon).await;
    let answer = world.get(&iterator).await;
    assert_eq!(answer.records.len(), 1);
    let record = &answer.records[0];
    assert_eq!(record.sequence_number, number);
    assert_eq!(record.approximate_arrival_timestamp.0, START_MS);
    assert_eq!(record.data(), b"hello");
    assert_eq!(record.partition_key(), b"sensor-7");
    assert_eq!(answer.millis_behind_latest, 0);
    assert_eq!(answer.child_shards, None);
    let next = answer.next_shard_iterator.unwrap();
    assert_ne!(next, iterator);

    let empty = world.get(&next).await;
    assert!(empty.records.is_empty());
    assert_ne!(empty.next_shard_iterator.unwrap(), next);
    let other = world.read_shard("meters", "0").await;
    assert_eq!(other, [("sensor-8".into(), Vec::new())]);
}

fn stored(entries: Vec<PutRecordsResultEntry>) -> Vec<SequenceNumber> {
    let number = |entry| match entry {
        PutRecordsResultEntry::Stored(number) => number,
        failed => panic!("{failed:?}"),
    };
    entries.into_iter().map(number).collect()
}

#[tokio::test]
async fn one_request_is_spread_over_the_shards_and_answered_in_its_order() {
    let world = World::new().await;
    world.create("meters", 40).await;
    let keys: Vec<String> = (0..500).map(|number| format!("key-{number}")).collect();
    let records = keys.iter().map(|key| record(key, key.as_bytes())).collect();
    let numbers = stored(world.put_many("meters", records).await.unwrap());
    assert_eq!(numbers.len(), 500);
    let mut found = 0;
    for shard in 0..40u32 {
        let read = world.read_shard("meters", &shard.to_string()).await;
        let expected: Vec<_> = (keys.iter().zip(&numbers))
            .filter(|(_, number)| number.shard_index() == shard)
            .map(|(key, _)| (key.clone(), key.clone().into_bytes()))
            .collect();
        found += expected.len();
        assert_eq!(read, expected);
    }
    assert_eq!(found, 500);
}

#[tokio::test]
async fn an_explicit_hash_key_overrides_the_partition_key() {
    let world = World::new().await;
    world.create("meters", 2).await;
    for (key, shard) in [("0", 0), ("340282366920938463463374607431768211455", 1)] {
        let record = RecordToPut {
            explicit_hash_key: Some(Cow::Borrowed(key)),
            ..record("same", b"x")
        };
        let numbers = stored(world.put_many("meters", vec![record]).await.unwrap());
        assert_eq!(numbers[0].shard_index(), shard);
    }
}

#[tokio::test]
async fn a_limit_cuts_inside_of_an_envelope() {
    let world = World::new().await;
    world.create("meters", 1).await;
    for _ in 0..2 {
        let records = (0..5).map(|_| record("k", b"x")).collect();
        world.put_many("meters", records).await.unwrap();
        world.clock.advance_ms(1_000);
    }
    let mut iterator = world.iterator("meters", "0", Start::TrimHorizon).await;
    let mut numbers = Vec::new();
    for (count, behind) in [(3, 2_000), (3, 1_000), (3, 1_000), (1, 0), (0, 0)] {
        let answer = world.try_get(&iterator, Some(3)).await.unwrap();
        assert_eq!(answer.records.len(), count);
        assert_eq!(answer.millis_behind_latest, behind);
        numbers.extend(answer.records.iter().map(|record| record.sequence_number));
        iterator = answer.next_shard_iterator.unwrap();
    }
    assert_eq!(numbers.len(), 10);
    assert!(numbers.is_sorted_by(|one, other| one < other));
}

#[tokio::test]
async fn one_answer_has_at_most_10_mib_and_10_000_records() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let large = vec![7; 1024 * 1024 - 1];
    for _ in 0..11 {
        world.put("meters", "k", &large).await;
    }
    let iterator = world.iterator("meters", "0", Start::TrimHorizon).await;
    let answer = world.get(&iterator).await;
    assert_eq!(answer.records.len(), 10);
    let rest = world.get(&answer.next_shard_iterator.unwrap()).await;
    assert_eq!(rest.records.len(), 1);

    world.create("small", 1).await;
    for _ in 0..21 {
        let records = (0..500).map(|_| record("k", b"")).collect();
        world.put_many("small", records).await.unwrap();
    }
    let iterator = world.iterator("small", "0", Start::TrimHorizon).await;
    let answer = world.get(&iterator).await;
    assert_eq!(answer.records.len(), 10_000);
    let rest = world.get(&answer.next_shard_iterator.unwrap()).await;
    assert_eq!((rest.records.len(), rest.millis_behind_latest), (500, 0));
}

#[tokio::test]
async fn iterators_start_where_they_say() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let records = [&b"0"[..], b"1", b"2"]
        .map(|data| record("k", data))
        .to_vec();
    let numbers = stored(world.put_many("meters", records).await.unwrap());
    world.clock.advance_ms(10);
    world.put("meters", "k", b"3").await;
    world.clock.advance_ms(10);
    let latest = world.iterator("meters", "0", Start::Latest).await;
    world.put("meters", "k", b"4").await;
    let first: SequenceNumber = {
        let shard = &world.list_shards("meters").await[0];
        shard
            .sequence_number_range
            .starting_sequence_number
            .parse()
            .unwrap()
    };
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    for (start, expected) in [
        (Start::TrimHorizon, "01234"),
        (Start::At(&first.to_string()), "01234"),
        (Start::At(&texts[1]), "1234"),
        (Start::After(&texts[0]), "1234"),
        (Start::After(&texts[2]), "34"),
        (Start::Time(START_MS - 1), "01234"),
        (Start::Time(START_MS), "01234"),
        (Start::Time(START_MS + 1), "34"),
        (Start::Time(START_MS + 10), "34"),
        (Start::Time(START_MS + 11), "4"),
        (Start::Latest, ""),
    ] {
        let iterator = world.iterator("meters", "0", start).await;
        let answer = world.get(&iterator).await;
        let data: String = answer
            .records
            .iter()
            .map(|record| char::from(record.data()[0]))
            .collect();
        assert_eq!(data, expected, "{start:?}");
    }
    assert_eq!(world.get(&latest).await.records[0].data(), b"4");
}

#[tokio::test]
async fn a_time_between_records_waits_for_the_next_one() {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.put("meters", "k", b"old").await;
    world.clock.advance_ms(100);
    let iterator = world
        .iterator("meters", "0", Start::Time(START_MS + 50))
        .await;
    let empty = world.get(&iterator).await;
    assert!(empty.records.is_empty());
    assert_eq!(empty.millis_behind_latest, 0);
    world.put("meters", "k", b"new").await;
    let answer = world.get(&empty.next_shard_iterator.unwrap()).await;
    assert_eq!(answer.records[0].data(), b"new");
}

#[tokio::test]
async fn a_number_for_ordering_is_accepted_if_it_was_given() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let put = async |minimum: String| {
        let request = PutRecordRequest {
            stream_name: Some("meters".into()),
            stream_arn: None,
            record: record("k", b"x"),
            sequence_number_for_ordering: Some(minimum.into()),
        };
        world
            .service()
            .await
            .put_record(&world.caller, request)
            .await
    };
    let first = world.put("meters", "k", b"x").await;
    let second = put(first.to_string()).await.unwrap().sequence_number;
    assert!(second > first);
    // A split twice within a second: the children's numbers run ahead of the clock.
    world.split("meters", "0", 1 << 127).await.unwrap();
    world.split("meters", "1", 1 << 126).await.unwrap();
    world.split("meters", "2", 3 << 126).await.unwrap();
    let third = put(second.to_string()).await.unwrap().sequence_number;
    assert!(third > second);
    assert!(put(third.to_string()).await.unwrap().sequence_number > third);
    let future = SequenceNumber::new(third.created_s(), 0, 1, START_MS / 1000 + 60);
    let text = format!(
        "ExclusiveMinimumSequenceNumber {future} used in PutRecord on stream meters under account {ACCOUNT} is invalid."
    );
    let refused = on_wire(put(future.to_string()).await);
    assert_eq!(refused, (millstream_wire::ErrorCode::InvalidArgument, text));
    assert!(put("5".into()).await.is_err());
    // AWS takes what its former layout allows, as long as it is not of the future.
    let version_1 = "49039857307708443467467104868809893875799651909875269633";
    assert!(put(version_1.into()).await.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_put_comes_back_equal(
        batches in vec(vec(("[a-zé]{1,20}", vec(any::<u8>(), 0..300), any::<bool>()), 1..30), 1..8),
        shards in 1..6u32,
        limit in 1..40u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            world.create("meters", shards).await;
            let mut expected = Vec::new();
            for batch in &batches {
                let texts: Vec<_> = batch.iter().map(|(_, data, _)| BASE64_STANDARD.encode(data)).collect();
                let records = batch.iter().zip(&texts).map(|((key, data, is_base64), text)| RecordToPut {
                    partition_key: Some(key.into()),
                    explicit_hash_key: None,
                    data: match is_base64 {
                        true => RecordData::Base64(text.as_bytes()),
                        false => RecordData::Raw(data.into()),
                    },
                });
                let numbers = stored(world.put_many("meters", records.collect()).await.unwrap());
                for ((key, data, _), number) in batch.iter().zip(numbers) {
                    expected.push((number, key.clone(), data.clone()));
                }
                world.clock.advance_ms(1);
            }
            let mut read = Vec::new();
            for shard in 0..shards {
                let mut iterator = world.iterator("meters", &shard.to_string(), Start::TrimHorizon).await;
                loop {
                    let answer = world.try_get(&iterator, Some(limit)).await.unwrap();
                    assert!(answer.records.len() <= limit as usize);
                    if answer.records.is_empty() {
                        break;
                    }
                    read.extend(answer.records.into_iter().map(|record| {
                        let key = String::from_utf8(record.partition_key().to_vec()).unwrap();
                        (record.sequence_number, key, record.data().to_vec())
                    }));
                    iterator = answer.next_shard_iterator.unwrap();
                }
            }
            expected.sort();
            read.sort();
            assert_eq!(read, expected);
        });
    }
}
