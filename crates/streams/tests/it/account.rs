//! What belongs to an account in a region: its limits and its commitment.

use millstream_streams::{Caller, StreamSettings};
use millstream_types::TimestampMs;
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{
    Commitment, CommitmentChange, CommitmentStatus, CreateStreamRequest,
    DescribeAccountSettingsRequest, DescribeLimitsRequest, DescribeLimitsResponse,
    UpdateAccountSettingsRequest,
};

use crate::world::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl World {
    pub(crate) async fn commit(&self, enabled: bool) -> Commitment {
        let status = match enabled {
            true => CommitmentStatus::Enabled,
            false => CommitmentStatus::Disabled,
        };
        let request = UpdateAccountSettingsRequest {
            minimum_throughput_billing_commitment: CommitmentChange { status },
        };
        let updated = self
            .service()
            .await
            .update_account_settings(&self.caller, request);
        updated.await.unwrap().minimum_throughput_billing_commitment
    }

    async fn commitment_of(&self, caller: &Caller) -> Commitment {
        let request = DescribeAccountSettingsRequest {};
        let described = self
            .service()
            .await
            .describe_account_settings(caller, request);
        described
            .await
            .unwrap()
            .minimum_throughput_billing_commitment
    }

    async fn limits(&self, caller: &Caller) -> DescribeLimitsResponse {
        let described = self
            .service()
            .await
            .describe_limits(caller, DescribeLimitsRequest {});
        described.await.unwrap()
    }
}

fn other_region() -> Caller {
    Caller {
        region: "us-east-1".parse().unwrap(),
        ..caller()
    }
}

#[tokio::test]
async fn limits_count_shards_and_on_demand_streams_of_one_account_and_region() {
    let settings = StreamSettings {
        account_shards_max: Some(9),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    world.create("a", 2).await;
    world.split("a", "0", 5).await.unwrap();
    world.create("b", 1).await;
    let request = CreateStreamRequest {
        shard_count: None,
        ..create("c", 1)
    };
    let created = world.service().await.create_stream(&world.caller, request);
    created.await.unwrap();
    let limits = |open_shard_count, on_demand_stream_count| DescribeLimitsResponse {
        shard_limit: 9,
        open_shard_count,
        on_demand_stream_count,
        on_demand_stream_count_limit: 1_000_000,
    };
    assert_eq!(world.limits(&world.caller).await, limits(4, 1));
    assert_eq!(world.limits(&other_region()).await, limits(0, 0));
    world.delete("a").await;
    assert_eq!(world.limits(&world.caller).await, limits(1, 1));
    let unlimited = World::new().await;
    assert_eq!(
        unlimited.limits(&unlimited.caller).await.shard_limit,
        1_000_000
    );
}

#[tokio::test]
async fn a_commitment_lasts_a_day_at_least() {
    let mut world = World::new().await;
    let never = Commitment {
        status: CommitmentStatus::Disabled,
        started_at: None,
        ended_at: None,
        earliest_allowed_end_at: None,
    };
    assert_eq!(world.commit(false).await, never);
    let at = |ms| Some(Timestamp(TimestampMs(ms)));
    let enabled = Commitment {
        status: CommitmentStatus::Enabled,
        started_at: at(START_MS),
        ended_at: None,
        earliest_allowed_end_at: at(START_MS + DAY_MS),
    };
    assert_eq!(world.commit(true).await, enabled);
    world.clock.advance_ms(1000);
    assert_eq!(world.commit(true).await, enabled);
    assert_eq!(world.commitment_of(&other_region()).await, never);
    let ending = Commitment {
        status: CommitmentStatus::EnabledUntilEarliestAllowedEnd,
        ..enabled.clone()
    };
    assert_eq!(world.commit(false).await, ending);
    world.crash().await;
    assert_eq!(world.commitment_of(&world.caller).await, ending);
    // It can be taken up again before it ends, and then goes on.
    assert_eq!(world.commit(true).await, enabled);
    assert_eq!(world.commit(false).await, ending);
    world.clock.set(TimestampMs(START_MS + DAY_MS - 1));
    assert_eq!(world.commitment_of(&world.caller).await, ending);
    world.clock.set(TimestampMs(START_MS + DAY_MS));
    let ended = Commitment {
        status: CommitmentStatus::Disabled,
        started_at: at(START_MS),
        ended_at: at(START_MS + DAY_MS),
        earliest_allowed_end_at: None,
    };
    assert_eq!(world.commitment_of(&world.caller).await, ended);
    assert_eq!(world.commit(false).await, ended);
    // After its first day a commitment ends when it is asked to.
    world.commit(true).await;
    world.clock.advance_ms(2 * DAY_MS);
    let ended = Commitment {
        started_at: at(START_MS + DAY_MS),
        ended_at: at(START_MS + 3 * DAY_MS),
        ..ended
    };
    assert_eq!(world.commit(false).await, ended);
}
