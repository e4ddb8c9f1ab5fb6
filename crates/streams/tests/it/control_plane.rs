//! Streams are created, described, listed and deleted.

use millstream_wire::ErrorCode;
use millstream_wire::shapes::StreamStatus;

use crate::world::*;

#[tokio::test]
async fn a_created_stream_is_active_and_described_as_on_aws() {
    let world = World::new().await;
    world.create("meters", 2).await;
    let stream = world.describe("meters").await;
    assert_eq!(stream.stream_status, StreamStatus::Active);
    assert_eq!(
        stream.stream_arn,
        "arn:aws:kinesis:eu-west-1:210987654321:stream/meters"
    );
    assert_eq!(stream.retention_period_hours, 24);
    assert_eq!(stream.stream_creation_timestamp.0.0, 1_793_620_837_000);
    let numbers: Vec<_> = stream
        .shards
        .iter()
        .map(|shard| &*shard.sequence_number_range.starting_sequence_number)
        .collect();
    let expected = [
        "49679842606937403337125680789593519495905778520880578562",
        "49679842606959704082324211412735055214178426882386558994",
    ];
    assert_eq!(numbers, expected);
    assert_eq!(world.stream_names().await, ["meters"]);
    let again = world
        .service
        .create_stream(&world.caller, create("meters", 1))
        .await;
    let text = "Stream meters under account 210987654321 already exists.";
    assert_eq!(on_wire(again), (ErrorCode::ResourceInUse, text.into()));
}

#[tokio::test]
async fn a_deleted_stream_is_gone() {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.delete("meters").await;
    assert!(world.stream_names().await.is_empty());
    let described = world
        .service
        .describe_stream(&world.caller, describe("meters"))
        .await;
    let text = "Stream meters under account 210987654321 not found.";
    assert_eq!(
        on_wire(described),
        (ErrorCode::ResourceNotFound, text.into())
    );
}
