//! What lies behind a reader, counted.

use millstream_streams::{Behind, StreamSettings};
use millstream_wire::shapes::GetRecordsRequest;

use crate::under::is_sparse;
use crate::world::*;

async fn counted(world: &World, iterator: &str, limit: u32) -> (usize, Option<String>, Behind) {
    let request = GetRecordsRequest {
        shard_iterator: iterator.to_owned(),
        limit: Some(limit),
        stream_arn: None,
    };
    let counting = world
        .service()
        .await
        .get_records_counting(&world.caller, request);
    let (answer, behind) = counting.await.expect("read");
    (answer.records.len(), answer.next_shard_iterator, behind)
}

fn exactly(records: u64, bytes: u64) -> Behind {
    Behind {
        records,
        bytes,
        is_exact: true,
    }
}

#[tokio::test]
async fn records_and_bytes_behind_a_reader_are_counted_to_the_tip() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let many = (0..5).map(|_| record("key", b"12345")).collect();
    world.put_many("meters", many).await.unwrap();
    world.put("meters", "k", b"123456789").await;
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    // From the middle of what was put together, then from its end.
    let (read, next, behind) = counted(&world, &iterator, 2).await;
    assert_eq!((read, behind), (2, exactly(4, 3 * 8 + 10)));
    let (read, next, behind) = counted(&world, &next.unwrap(), 3).await;
    assert_eq!((read, behind), (3, exactly(1, 10)));
    let (read, next, behind) = counted(&world, &next.unwrap(), 10).await;
    assert_eq!((read, behind), (1, exactly(0, 0)));
    // What comes later counts; the answer is the same as without the count.
    world.put("meters", "k", b"1").await;
    let next = next.unwrap();
    let (read, _, behind) = counted(&world, &next, 1).await;
    assert_eq!((read, behind), (1, exactly(0, 0)));
    assert_eq!(world.get(&next).await.records.len(), 1);
}

#[tokio::test]
async fn the_end_of_a_shard_is_the_end_of_the_count() {
    let world = World::new().await;
    world.create("meters", 1).await;
    for _ in 0..3 {
        world.put("meters", "k", b"123").await;
    }
    world.split("meters", SHARD_0, 1 << 127).await.unwrap();
    world.put("meters", "k", b"elsewhere").await;
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let (read, next, behind) = counted(&world, &iterator, 1).await;
    assert_eq!((read, behind), (1, exactly(2, 8)));
    let (_, next, behind) = counted(&world, &next.unwrap(), 2).await;
    assert_eq!(behind, exactly(0, 0));
    let (_, next, behind) = counted(&world, &next.unwrap(), 1).await;
    assert_eq!((next, behind), (None, exactly(0, 0)));
}

#[tokio::test]
async fn what_is_too_old_is_not_counted() {
    let world = World::new().await;
    world.create("meters", 1).await;
    for _ in 0..2 {
        world.put("meters", "k", b"1").await;
    }
    world.clock.advance_ms(24 * 60 * 60 * 1000);
    // Records are kept for a day, to the millisecond.
    world.put("meters", "k", b"23").await;
    world.put("meters", "k", b"456").await;
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let (read, _, behind) = counted(&world, &iterator, 1).await;
    assert_eq!((read, behind), (1, exactly(1, 4)));
}

#[tokio::test]
async fn what_lies_beyond_the_bound_is_estimated() {
    let world = World::with(StreamSettings {
        behind_bytes_max: 16 * 1024 * 1024,
        ..StreamSettings::default()
    });
    let world = world.await;
    world.create("meters", 1).await;
    let large = vec![7; 1_000_000];
    for _ in 0..80 {
        world.put("meters", "k", &large).await;
    }
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let (_, _, behind) = counted(&world, &iterator, 1).await;
    let bytes = 79 * 1_000_001;
    if is_sparse() {
        // How many of the offsets beyond the bound are records nobody can know.
        assert!(!behind.is_exact);
        assert!((70..=90).contains(&behind.records), "{behind:?}");
        assert!(behind.bytes.abs_diff(bytes) < bytes / 8, "{behind:?}");
        return;
    }
    // All are alike, so the estimate is right.
    let expected = Behind {
        records: 79,
        bytes,
        is_exact: false,
    };
    assert_eq!(behind, expected);
}
