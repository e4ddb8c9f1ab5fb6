//! What puts refuse, with the texts of AWS.

use std::borrow::Cow;

use millstream_streams::StreamSettings;
use millstream_wire::ErrorCode;
use millstream_wire::shapes::{PutRecordRequest, RecordData, RecordToPut};

use crate::world::*;

const MIB: usize = 1024 * 1024;

fn request<'a>(name: Option<&'a str>, arn: Option<&'a str>) -> PutRecordRequest<'a> {
    PutRecordRequest {
        stream_name: name.map(Cow::Borrowed),
        stream_arn: arn.map(Cow::Borrowed),
        record: record("k", b"x"),
        sequence_number_for_ordering: None,
    }
}

#[tokio::test]
async fn the_stream_is_named_by_name_arn_or_both() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let arn = |region: &str, account: &str, name: &str| {
        format!("arn:aws:kinesis:{region}:{account}:stream/{name}")
    };
    let good = arn("eu-west-1", ACCOUNT, "meters");
    let not_found = |name: &str, account: &str| {
        let text = format!("Stream {name} under account {account} not found.");
        Err((ErrorCode::ResourceNotFound, text))
    };
    let other = "111122223333";
    let cases = [
        (Some("meters"), None, Ok(())),
        (None, Some(good.clone()), Ok(())),
        (Some("meters"), Some(good.clone()), Ok(())),
        (
            None,
            None,
            Err((
                ErrorCode::InvalidArgument,
                "Either StreamName or StreamARN should be provided.".to_owned(),
            )),
        ),
        (
            Some("other"),
            Some(good.clone()),
            Err((
                ErrorCode::InvalidArgument,
                format!("StreamName other and StreamARN {good} do not refer to the same stream."),
            )),
        ),
        (Some("nope"), None, not_found("nope", ACCOUNT)),
        (None, Some(arn("eu-west-1", ACCOUNT, "nope")), not_found("nope", ACCOUNT)),
        (None, Some(arn("eu-west-1", other, "meters")), not_found("meters", other)),
        (None, Some(arn("us-east-1", ACCOUNT, "meters")), not_found("meters", ACCOUNT)),
        (
            None,
            Some("arn:aws:s3:::x".to_owned()),
            Err((
                ErrorCode::Validation,
                "1 validation error detected: Value 'arn:aws:s3:::x' at 'streamARN' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+"
                    .to_owned(),
            )),
        ),
    ];
    for (name, arn, expected) in cases {
        let put = world
            .service()
            .await
            .put_record(&world.caller, request(name, arn.as_deref()))
            .await;
        assert_eq!(
            put.map(drop).map_err(|error| on_wire::<(), _>(Err(error))),
            expected
        );
    }
    let elsewhere = millstream_streams::Caller {
        region: "us-east-1".parse().unwrap(),
        ..caller()
    };
    let stranger = millstream_streams::Caller {
        account: other.parse().unwrap(),
        ..caller()
    };
    // Nobody is asked for keys: an ARN must not lead where the name does not.
    for caller in [elsewhere, stranger] {
        for (name, arn) in [(Some("meters"), None), (None, Some(good.as_str()))] {
            let put = world
                .service()
                .await
                .put_record(&caller, request(name, arn))
                .await;
            assert_eq!(on_wire(put).0, ErrorCode::ResourceNotFound, "{caller:?}");
        }
    }
}

#[tokio::test]
async fn a_record_may_be_as_large_as_its_stream_says_and_no_larger() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let fits = vec![1; MIB - 1];
    let too_large = vec![1; MIB];
    world.put("meters", "k", &fits).await;
    let refused = on_wire(world.try_put("meters", "k", &too_large).await);
    let text = "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length \
                less than or equal to 1048576";
    assert_eq!(refused, (ErrorCode::Validation, text.into()));
    let records = vec![
        record("k", &too_large),
        record("k", b""),
        record("k", &too_large),
    ];
    let refused = on_wire(world.put_many("meters", records).await);
    let text = "2 validation errors detected: Value at 'records.1.member.data' failed to satisfy constraint: Member \
                must have length less than or equal to 1048576; Value at 'records.3.member.data' failed to satisfy \
                constraint: Member must have length less than or equal to 1048576";
    assert_eq!(refused, (ErrorCode::Validation, text.into()));

    let large = millstream_wire::shapes::CreateStreamRequest {
        max_record_size_in_kib: Some(10_240),
        ..create("large", 1)
    };
    world
        .service()
        .await
        .create_stream(&world.caller, large)
        .await
        .unwrap();
    world.put("large", "k", &vec![1; 10 * MIB - 1]).await;
    assert!(
        world
            .try_put("large", "k", &vec![1; 10 * MIB])
            .await
            .is_err()
    );
    // Only what was accepted is there.
    assert_eq!(world.read_shard("meters", "0").await.len(), 1);
    assert_eq!(world.read_shard("large", "0").await.len(), 1);
}

#[tokio::test]
async fn a_request_has_at_most_500_records_and_10_mib() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let megabyte = vec![1; MIB - 1];
    let records = (0..10).map(|_| record("k", &megabyte)).collect();
    assert_eq!(world.put_many("meters", records).await.unwrap().len(), 10);
    let records = (0..11).map(|_| record("k", &megabyte)).collect();
    let refused = on_wire(world.put_many("meters", records).await);
    let text = "Records size exceeds 10 MB limit";
    assert_eq!(refused, (ErrorCode::InvalidArgument, text.into()));
    let records = (0..501).map(|_| record("k", b"")).collect();
    let refused = on_wire(world.put_many("meters", records).await);
    let text = "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have \
                length less than or equal to 500";
    assert_eq!(refused, (ErrorCode::Validation, text.into()));
}

#[tokio::test]
async fn one_bad_hash_key_fails_the_whole_call() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let above = "340282366920938463463374607431768211456";
    let bad = RecordToPut {
        explicit_hash_key: Some(Cow::Borrowed(above)),
        ..record("k", b"x")
    };
    let text = format!(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {above}"
    );
    let refused = on_wire(
        world
            .put_many("meters", vec![record("k", b"x"), bad.clone()])
            .await,
    );
    assert_eq!(refused, (ErrorCode::InvalidArgument, text.clone()));
    let single = PutRecordRequest {
        record: bad,
        ..request(Some("meters"), None)
    };
    let refused = on_wire(
        world
            .service()
            .await
            .put_record(&world.caller, single)
            .await,
    );
    assert_eq!(refused, (ErrorCode::InvalidArgument, text));
    assert!(world.read_shard("meters", "0").await.is_empty());
}

#[tokio::test]
async fn data_that_is_not_base64_is_refused_before_anything_is_written() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let bad = RecordToPut {
        data: RecordData::Base64(b"????"),
        ..record("k", b"")
    };
    let refused = on_wire(world.put_many("meters", vec![record("k", b"x"), bad]).await);
    assert_eq!(refused.0, ErrorCode::Serialization);
    assert!(world.read_shard("meters", "0").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_ready_takes_no_records() {
    let settings = StreamSettings {
        transition: std::time::Duration::from_secs(5),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    world.create("meters", 1).await;
    let refused = on_wire(world.try_put("meters", "k", b"x").await);
    let text = format!("Stream meters under account {ACCOUNT} not found.");
    assert_eq!(refused, (ErrorCode::ResourceNotFound, text.clone()));
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    world.put("meters", "k", b"x").await;
    world.delete("meters").await;
    let refused = on_wire(world.put_many("meters", vec![record("k", b"x")]).await);
    assert_eq!(refused, (ErrorCode::ResourceNotFound, text));
}
