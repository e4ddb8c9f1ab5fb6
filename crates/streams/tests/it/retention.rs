//! Records end with their retention period, to the millisecond.

use millstream_log::{GroupId, LogEngine, LogId, LogSpec};
use millstream_wire::ErrorCode;
use millstream_wire::shapes::{
    DecreaseStreamRetentionPeriodRequest, IncreaseStreamRetentionPeriodRequest,
};

use crate::world::*;

const DAY_MS: u64 = 24 * 3_600_000;

fn increase(hours: i32) -> IncreaseStreamRetentionPeriodRequest {
    IncreaseStreamRetentionPeriodRequest {
        stream_name: Some("meters".parse().unwrap()),
        stream_arn: None,
        retention_period_hours: hours,
    }
}

fn decrease(hours: i32) -> DecreaseStreamRetentionPeriodRequest {
    DecreaseStreamRetentionPeriodRequest {
        stream_name: Some("meters".parse().unwrap()),
        stream_arn: None,
        retention_period_hours: hours,
    }
}

#[tokio::test]
async fn a_record_is_read_until_the_last_millisecond_of_its_period() {
    for trimmed in [false, true] {
        let world = World::new().await;
        world.create("meters", 1).await;
        world.put("meters", "k", b"old").await;
        world.clock.advance_ms(1);
        world.put("meters", "k", b"new").await;
        for (now_ms, expected) in [
            (START_MS + DAY_MS - 1, &[&b"old"[..], b"new"][..]),
            (START_MS + DAY_MS, &[b"new"]),
            (START_MS + DAY_MS + 1, &[]),
        ] {
            world.clock.set(TimestampMs(now_ms));
            if trimmed {
                world.service().await.enforce_retention().await.unwrap();
            }
            for start in [Start::TrimHorizon, Start::Time(START_MS)] {
                let iterator = world.iterator("meters", "0", start).await;
                let answer = world.get(&iterator).await;
                let data: Vec<_> = answer.records.iter().map(|record| record.data()).collect();
                assert_eq!(data, expected);
                assert_eq!(answer.millis_behind_latest, 0);
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_a_second_trims_nothing() {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.put("meters", "k", b"old").await;
    world.split("meters", "0", 1 << 127).await.unwrap();
    world.clock.go_wrong_ms(400 * DAY_MS);
    world.service().await.enforce_retention().await.unwrap();
    world.clock.go_wrong_ms(0);
    let iterator = world.iterator("meters", "0", Start::TrimHorizon).await;
    let answer = world.get(&iterator).await;
    assert_eq!(answer.records.len(), 1);
    assert_eq!(answer.records[0].data(), b"old");
}

#[tokio::test]
async fn a_number_whose_record_is_trimmed_starts_at_what_is_left() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let old = world.put("meters", "k", b"old").await.to_string();
    world.clock.advance_ms(DAY_MS / 2);
    world.put("meters", "k", b"new").await;
    world.clock.advance_ms(DAY_MS / 2);
    world.service().await.enforce_retention().await.unwrap();
    for start in [Start::At(&old), Start::After(&old)] {
        let iterator = world.iterator("meters", "0", start).await;
        let answer = world.get(&iterator).await;
        assert_eq!(answer.records.len(), 1);
        assert_eq!(answer.records[0].data(), b"new");
    }
}

#[tokio::test]
async fn retention_frees_logs_and_forgets_closed_shards() {
    let mut world = World::new().await;
    world.create("meters", 1).await;
    world.put("meters", "k", b"old").await;
    world.clock.advance_ms(1_000);
    world.split("meters", "0", 1 << 127).await.unwrap();
    let iterator = world.iterator("meters", "0", Start::TrimHorizon).await;
    world.clock.advance_ms(DAY_MS - 1);
    world.service().await.enforce_retention().await.unwrap();
    assert_eq!(world.list_shards("meters").await.len(), 3);
    let fresh = world.iterator("meters", "0", Start::TrimHorizon).await;
    assert_eq!(
        world
            .get(&fresh)
            .await
            .child_shards
            .map(|shards| shards.len()),
        Some(2)
    );

    world.clock.advance_ms(1);
    let hidden = world.list_shards("meters").await;
    assert_eq!(hidden.len(), 2);
    world.service().await.enforce_retention().await.unwrap();
    let shards = world.list_shards("meters").await;
    assert_eq!(shards, hidden);
    assert!(
        shards
            .iter()
            .all(|shard| shard.parent_shard_id.as_deref() == Some(SHARD_0))
    );
    let text = format!("Shard {SHARD_0} in stream meters under account {ACCOUNT} does not exist");
    let missing = (ErrorCode::ResourceNotFound, text);
    assert_eq!(on_wire(world.try_get(&fresh, None).await), missing);
    assert_eq!(
        on_wire(world.try_iterator("meters", "0", Start::Latest).await),
        missing
    );
    assert_eq!(
        on_wire(world.try_get(&iterator, None).await).0,
        ErrorCode::ExpiredIterator
    );
    // The log itself is deleted: its id is never used again.
    let recreated = world
        .memory
        .reopen()
        .create(GroupId(1), LogId(1), LogSpec::default());
    assert!(recreated.await.is_err());
    world.crash().await;
    assert_eq!(world.list_shards("meters").await, shards);
    world.put("meters", "k", b"x").await;
}

#[tokio::test(start_paused = true)]
async fn the_background_task_trims_by_itself() {
    let world = World::new().await;
    world.create("meters", 3).await;
    world.split("meters", "0", 5).await.unwrap();
    world.clock.advance_ms(DAY_MS);
    assert!(
        world
            .try_iterator("meters", "0", Start::Latest)
            .await
            .is_ok()
    );
    // The test's time is paused: this lets the task's interval pass.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(
        world
            .try_iterator("meters", "0", Start::Latest)
            .await
            .is_err()
    );
    assert!(
        world
            .try_iterator("meters", "1", Start::Latest)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_period_changes_at_once_and_within_bounds() {
    let world = World::new().await;
    world.create("meters", 1).await;
    world.put("meters", "k", b"x").await;
    let service = &world.service().await;
    let caller = &world.caller;
    service
        .increase_stream_retention_period(caller, increase(48))
        .await
        .unwrap();
    service
        .increase_stream_retention_period(caller, increase(48))
        .await
        .unwrap();
    assert_eq!(world.describe("meters").await.retention_period_hours, 48);
    world.clock.advance_ms(2 * DAY_MS - 1);
    assert_eq!(world.read_shard("meters", "0").await.len(), 1);
    let refused = service
        .increase_stream_retention_period(caller, increase(47))
        .await;
    let text = "Requested retention period (47 hours) for stream meters can not be shorter than existing retention \
                period (48 hours). Use DecreaseRetentionPeriod API.";
    assert_eq!(on_wire(refused), (ErrorCode::InvalidArgument, text.into()));
    let refused = service
        .decrease_stream_retention_period(caller, decrease(49))
        .await;
    let text = "Requested retention period (49 hours) for stream meters can not be longer than existing retention \
                period (48 hours). Use IncreaseRetentionPeriod API.";
    assert_eq!(on_wire(refused), (ErrorCode::InvalidArgument, text.into()));
    service
        .decrease_stream_retention_period(caller, decrease(47))
        .await
        .unwrap();
    assert!(world.read_shard("meters", "0").await.is_empty());
    for hours in [23, 0, -1] {
        let text = format!(
            "Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short."
        );
        let refused = service
            .decrease_stream_retention_period(caller, decrease(hours))
            .await;
        assert_eq!(on_wire(refused), (ErrorCode::InvalidArgument, text));
    }
    let refused = service
        .increase_stream_retention_period(caller, increase(8_761))
        .await;
    let text = "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.";
    assert_eq!(on_wire(refused), (ErrorCode::InvalidArgument, text.into()));
    let mut missing = increase(48);
    missing.stream_name = Some("nope".parse().unwrap());
    let refused = service
        .increase_stream_retention_period(caller, missing)
        .await;
    assert_eq!(on_wire(refused).0, ErrorCode::ResourceNotFound);
}
