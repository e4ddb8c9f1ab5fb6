//! Records go in and come out.

use millstream_types::limits::RECORD_BYTES_DEFAULT_MAX;
use millstream_wire::ErrorCode;
use millstream_wire::shapes::PutRecordsResultEntry;

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
    assert_eq!(&record.data[..], b"hello");
    assert_eq!(&record.partition_key[..], b"sensor-7");
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
