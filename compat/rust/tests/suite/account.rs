//! What belongs to an account: limits, settings, and what only a committed account may do.

use aws_sdk_kinesis::types::{
    MinimumThroughputBillingCommitmentInput,
    MinimumThroughputBillingCommitmentInputStatus as Wanted,
    MinimumThroughputBillingCommitmentOutputStatus as Status,
};
use millstream_compat::{Access, client};

use crate::world::World;
use crate::{Stream, new_account, refused};

fn commitment(status: Wanted) -> MinimumThroughputBillingCommitmentInput {
    let input = MinimumThroughputBillingCommitmentInput::builder();
    input.status(status).build().unwrap()
}

#[tokio::test]
async fn limits_count_shards() {
    let stream = Stream::with(new_account(), |create| create.shard_count(2)).await;
    let limits = stream.client.describe_limits().send().await.unwrap();
    assert_eq!(limits.open_shard_count, 2);
    assert_eq!(limits.on_demand_stream_count, 0);
    assert!(limits.shard_limit >= 2, "{limits:?}");
    stream.delete().await;
}

#[tokio::test]
async fn a_committed_account_keeps_an_on_demand_stream_warm() {
    let stream = Stream::on_demand(new_account()).await;
    let client = &stream.client;
    let before = client.describe_account_settings().send().await.unwrap();
    let before = before.minimum_throughput_billing_commitment.unwrap();
    assert_eq!(before.status, Status::Disabled);
    let update = |status| {
        let call = client.update_account_settings();
        call.minimum_throughput_billing_commitment(commitment(status))
            .send()
    };
    let entered = update(Wanted::Enabled).await.unwrap();
    let entered = entered.minimum_throughput_billing_commitment.unwrap();
    assert_eq!(entered.status, Status::Enabled);
    let (code, _) = refused(update(Wanted::from("PERHAPS")).await);
    assert_eq!(code, "ValidationException");
    let warm = |name: &str| {
        let call = client.update_stream_warm_throughput().stream_name(name);
        call.warm_throughput_mibps(50).send()
    };
    let answer = warm(&stream.name).await.unwrap();
    assert_eq!(answer.warm_throughput.unwrap().target_mibps, Some(50));
    assert_eq!(refused(warm("nowhere").await), stream.not_found("nowhere"));
    stream.delete().await;
}

#[tokio::test]
async fn nobody_asks_without_credentials() {
    let world = World::new();
    let unsigned = client(&world.endpoint(), Access::Unsigned);
    let expected = (
        "MissingAuthenticationTokenException".to_owned(),
        "Missing Authentication Token".to_owned(),
    );
    assert_eq!(refused(unsigned.describe_limits().send().await), expected);
    assert_eq!(
        refused(unsigned.describe_account_settings().send().await),
        expected
    );
}
