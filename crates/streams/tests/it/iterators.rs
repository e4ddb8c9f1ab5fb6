//! Iterators that are refused, and those that survive.

use millstream_streams::Caller;
use millstream_types::SequenceNumber;
use millstream_wire::ErrorCode;
use millstream_wire::shapes::GetRecordsRequest;

use crate::world::*;

#[tokio::test]
async fn an_iterator_survives_a_restart_and_300_seconds() {
    let mut world = World::new().await;
    world.create("meters", 1).await;
    let iterator = world.iterator("meters", "0", Start::Latest).await;
    world.put("meters", "k", b"x").await;
    world.crash().await;
    world.clock.advance_ms(300_000);
    assert_eq!(world.get(&iterator).await.records.len(), 1);
    assert_eq!(world.get(&format!("\"{iterator}\"")).await.records.len(), 1);
    world.clock.advance_ms(1);
    let text = "Iterator expired. The iterator was created at time Mon Nov 02 12:00:37 UTC 2026 while right now it is \
                Mon Nov 02 12:05:37 UTC 2026 which is further in the future than the tolerated delay of 300000 \
                milliseconds.";
    let expired = on_wire(world.try_get(&iterator, None).await);
    assert_eq!(expired, (ErrorCode::ExpiredIterator, text.into()));
}

#[tokio::test]
async fn a_forged_iterator_is_invalid() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let good = world.iterator("meters", "0", Start::TrimHorizon).await;
    let mut forged = good.clone().into_bytes();
    let last = forged.len() - 5;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let invalid = (ErrorCode::InvalidArgument, "Invalid ShardIterator.".into());
    for text in [
        &String::from_utf8(forged).unwrap(),
        "",
        "AAAA",
        "\"",
        &good[4..],
    ] {
        assert_eq!(on_wire(world.try_get(text, None).await), invalid, "{text}");
    }
    let request = GetRecordsRequest {
        shard_iterator: good.clone(),
        limit: None,
        stream_arn: None,
    };
    let other_account = Caller {
        account: "111122223333".parse().unwrap(),
        ..caller()
    };
    let other_region = Caller {
        region: "us-east-1".parse().unwrap(),
        ..caller()
    };
    for other in [other_account, other_region] {
        let read = world
            .service()
            .await
            .get_records(&other, request.clone())
            .await;
        assert_eq!(on_wire(read), invalid, "{other:?}");
    }
    let with_arn = |name: &str| GetRecordsRequest {
        stream_arn: Some(format!("arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/{name}")),
        ..request.clone()
    };
    assert!(
        world
            .service()
            .await
            .get_records(&world.caller, with_arn("meters"))
            .await
            .is_ok()
    );
    let read = world
        .service()
        .await
        .get_records(&world.caller, with_arn("other"))
        .await;
    assert_eq!(on_wire(read).0, ErrorCode::InvalidArgument);
    // Another service has another key.
    let other = World::new().await;
    other.create("meters", 1).await;
    assert_eq!(on_wire(other.try_get(&good, None).await), invalid);
}

#[tokio::test]
async fn an_iterator_of_a_deleted_stream_does_not_read_its_successor() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let number = world.put("meters", "k", b"old").await;
    let iterator = world.iterator("meters", "0", Start::TrimHorizon).await;
    world.delete("meters").await;
    world.create("meters", 1).await;
    let newer = world.put("meters", "k", b"new").await;
    assert!(newer > number);
    let text = format!("Shard {SHARD_0} in stream meters under account {ACCOUNT} does not exist");
    let missing = (ErrorCode::ResourceNotFound, text);
    assert_eq!(on_wire(world.try_get(&iterator, None).await), missing);
    let foreign = world
        .try_iterator("meters", "0", Start::At(&number.to_string()))
        .await;
    let text = format!(
        "StartingSequenceNumber {number} used in GetShardIterator on shard {SHARD_0} in stream meters under account \
         {ACCOUNT} is invalid because it did not come from this stream."
    );
    assert_eq!(on_wire(foreign), (ErrorCode::InvalidArgument, text));
}

/// A sequence number of version 1, all of whose parts are 0.
const VERSION_1: &str = "49039857307708443467467104868809893875799651909875269633";

#[tokio::test]
async fn what_get_shard_iterator_refuses() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let number = world.put("meters", "sensor-8", b"x").await;
    let refused = async |name: &str, shard: &str, start: Start<'_>| {
        on_wire(world.try_iterator(name, shard, start).await)
    };
    let not_there = |text: String| (ErrorCode::ResourceNotFound, text);
    assert_eq!(
        refused("meters", "shardId-x", Start::Latest).await,
        not_there(format!(
            "Could not find shard shardId-x in stream meters under account {ACCOUNT}."
        ))
    );
    for (name, shard) in [("meters", 5), ("nope", 0)] {
        let text = format!(
            "Shard shardId-00000000000{shard} in stream {name} under account {ACCOUNT} does not exist"
        );
        let given = refused(name, &shard.to_string(), Start::Latest).await;
        assert_eq!(given, not_there(text));
    }
    let invalid = |text: String| (ErrorCode::InvalidArgument, text);
    assert_eq!(
        refused("meters", "0", Start::At(&"9".repeat(56))).await,
        invalid(format!(
            "StartingSequenceNumber 99999999999999999999999999999999999999999999999999999999 used in GetShardIterator on shard {SHARD_0} in stream meters under account \
             {ACCOUNT} is invalid."
        ))
    );
    assert_eq!(
        refused("meters", "1", Start::After(&number.to_string())).await,
        invalid(format!(
            "Invalid StartingSequenceNumber. It encodes {SHARD_0}, while it was used in a call to a shard with \
             {SHARD_1}"
        ))
    );
    // Numbers of AWS's oldest layout: the last 16 bits are the shard.
    assert_eq!(
        refused("meters", "0", Start::At("5")).await,
        invalid(format!(
            "Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard \
             with {SHARD_0}"
        ))
    );
    assert_eq!(
        refused("meters", "0", Start::At("0")).await,
        (ErrorCode::InternalFailure, String::new())
    );
    // And one of the layout after it.
    let text = refused("meters", "0", Start::At(VERSION_1)).await.1;
    assert!(
        text.ends_with("is invalid because it did not come from this stream."),
        "{text}"
    );
    let negative = SequenceNumber::new(number.created_s(), 1 << 31, 0, 0).to_string();
    let text = refused("meters", "0", Start::At(&negative)).await.1;
    assert!(text.starts_with("Invalid StartingSequenceNumber. It encodes shardId--02147483648,"));
    assert_eq!(
        refused("meters", "0", Start::Time(START_MS + 1)).await,
        invalid(format!(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
             {}, currentTimestampInMillis: {START_MS}",
            START_MS + 1
        ))
    );
}

#[tokio::test]
async fn types_and_their_parameters_must_fit() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let number = world.put("meters", "k", b"x").await.to_string();
    let start = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
                 (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified";
    let base = |start| iterator_request("meters", "0", start);
    let cases = [
        (
            base(Start::TrimHorizon),
            Some(&number),
            format!("{start} TRIM_HORIZON and also a StartingSequenceNumber."),
        ),
        (
            base(Start::Latest),
            Some(&number),
            format!("{start} LATEST and also a StartingSequenceNumber."),
        ),
        (
            base(Start::At("")),
            None,
            format!("{start} AT_SEQUENCE_NUMBER and no StartingSequenceNumber."),
        ),
        (
            base(Start::After("")),
            None,
            format!("{start} AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber."),
        ),
    ];
    for (mut request, number, text) in cases {
        request.starting_sequence_number = number.cloned();
        let given = world
            .service()
            .await
            .get_shard_iterator(&world.caller, request)
            .await;
        assert_eq!(on_wire(given), (ErrorCode::InvalidArgument, text));
    }
    let mut request = base(Start::Time(0));
    request.timestamp = None;
    let given = world
        .service()
        .await
        .get_shard_iterator(&world.caller, request)
        .await;
    let text = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                timestamp parameter.";
    assert_eq!(on_wire(given), (ErrorCode::InvalidArgument, text.into()));
}

#[tokio::test]
async fn a_shard_is_named_by_its_number_whatever_stands_before_it() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let number = world.put("meters", "sensor-8", b"x").await.to_string();
    for name in [SHARD_0, "0", "shardId-0", "foo-000", "-0"] {
        let iterator = world.iterator("meters", name, Start::At(&number)).await;
        assert_eq!(world.get(&iterator).await.records.len(), 1, "{name}");
    }
    for name in ["foo", "foo-", "0-x", "shardId-2147483648", "shardId-0-0"] {
        let refused = on_wire(world.try_iterator("meters", name, Start::Latest).await);
        let text = format!("Could not find shard {name} in stream meters under account {ACCOUNT}.");
        assert_eq!(refused, (ErrorCode::ResourceNotFound, text));
    }
    world.merge("meters", "foo-0", "bar-1").await.unwrap();
    world.split("meters", "shardId-2", 5).await.unwrap();
    assert_eq!(world.list_shards("meters").await.len(), 5);
}
