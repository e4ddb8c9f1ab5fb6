//! What a stream can be told to do.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    EncryptionType, MetricsName, RecordDistributionStrategy, ScalingType, StreamMode,
};
use millstream_compat::Access;

use crate::{Stream, mode, refused};

const KEY: &str = "alias/aws/kinesis";

#[tokio::test]
async fn encryption_starts_and_stops() {
    let stream = Stream::new(1).await;
    let start = |name: &str| {
        let call = stream.client.start_stream_encryption().stream_name(name);
        call.encryption_type(EncryptionType::Kms).key_id(KEY).send()
    };
    let stop = |name: &str| {
        let call = stream.client.stop_stream_encryption().stream_name(name);
        call.encryption_type(EncryptionType::Kms).key_id(KEY).send()
    };
    start(&stream.name).await.unwrap();
    let summary = stream.until_active().await;
    assert_eq!(summary.encryption_type, Some(EncryptionType::Kms));
    assert_eq!(summary.key_id.as_deref(), Some(KEY));
    stop(&stream.name).await.unwrap();
    let summary = stream.until_active().await;
    assert_eq!(summary.encryption_type, Some(EncryptionType::None));
    assert_eq!(refused(start("nowhere").await), stream.not_found("nowhere"));
    assert_eq!(refused(stop("nowhere").await), stream.not_found("nowhere"));
    stream.delete().await;
}

#[tokio::test]
async fn metrics_of_shards_are_enabled_and_disabled() {
    let stream = Stream::new(1).await;
    let metric = MetricsName::IncomingBytes;
    let enable = |name: &str| {
        let call = stream.client.enable_enhanced_monitoring().stream_name(name);
        call.shard_level_metrics(metric.clone()).send()
    };
    let disable = |name: &str| {
        let call = stream
            .client
            .disable_enhanced_monitoring()
            .stream_name(name);
        call.shard_level_metrics(metric.clone()).send()
    };
    let enabled = enable(&stream.name).await.unwrap();
    assert_eq!(enabled.current_shard_level_metrics(), []);
    assert_eq!(
        enabled.desired_shard_level_metrics(),
        std::slice::from_ref(&metric)
    );
    stream.until_active().await;
    let disabled = disable(&stream.name).await.unwrap();
    assert_eq!(
        disabled.current_shard_level_metrics(),
        std::slice::from_ref(&metric)
    );
    assert_eq!(disabled.desired_shard_level_metrics(), []);
    assert_eq!(
        refused(enable("nowhere").await),
        stream.not_found("nowhere")
    );
    assert_eq!(
        refused(disable("nowhere").await),
        stream.not_found("nowhere")
    );
    stream.delete().await;
}

#[tokio::test]
async fn the_number_of_shards_is_doubled() {
    let stream = Stream::new(2).await;
    let update = |target| {
        let call = stream.client.update_shard_count().stream_name(&stream.name);
        call.target_shard_count(target)
            .scaling_type(ScalingType::UniformScaling)
            .send()
    };
    let answer = update(4).await.unwrap();
    assert_eq!(answer.current_shard_count, Some(2));
    assert_eq!(answer.target_shard_count, Some(4));
    assert_eq!(stream.until_active().await.open_shard_count, 4);
    assert_eq!(refused(update(9).await).0, "LimitExceededException");
    stream.delete().await;
}

#[tokio::test]
async fn the_capacity_mode_changes() {
    let stream = Stream::new(3).await;
    let update = |arn: &str| {
        let call = stream.client.update_stream_mode().stream_arn(arn);
        call.stream_mode_details(mode(StreamMode::OnDemand)).send()
    };
    update(&stream.arn).await.unwrap();
    let summary = stream.until_active().await;
    let details = summary.stream_mode_details.unwrap();
    assert_eq!(details.stream_mode, StreamMode::OnDemand);
    assert_eq!(summary.open_shard_count, 3);
    assert_eq!(
        refused(update(&stream.nowhere()).await),
        stream.not_found("nowhere")
    );
    stream.delete().await;
}

#[tokio::test]
async fn larger_records_are_taken_once_the_stream_says_so() {
    let stream = Stream::new(1).await;
    let put = || {
        let call = stream.client.put_record().stream_name(&stream.name);
        call.partition_key("k")
            .data(Blob::new(vec![0; 1_500_000]))
            .send()
    };
    let update = |kib| {
        let call = stream.client.update_max_record_size();
        call.stream_arn(&stream.arn)
            .max_record_size_in_kib(kib)
            .send()
    };
    assert_eq!(refused(put().await).0, "ValidationException");
    update(2048).await.unwrap();
    let summary = stream.until_active().await;
    assert_eq!(summary.max_record_size_in_kib, Some(2048));
    put().await.unwrap();
    assert_eq!(refused(update(9).await).0, "ValidationException");
    stream.delete().await;
}

#[tokio::test]
async fn an_on_demand_stream_may_distribute_records_itself() {
    let stream = Stream::on_demand(Access::Environment).await;
    let update = |arn: &str| {
        let call = stream.client.update_stream_record_distribution_strategy();
        call.stream_arn(arn)
            .record_distribution_strategy(RecordDistributionStrategy::Auto)
            .send()
    };
    update(&stream.arn).await.unwrap();
    let summary = stream.until_active().await;
    assert_eq!(
        summary.record_distribution_strategy,
        Some(RecordDistributionStrategy::Auto)
    );
    assert_eq!(
        refused(update(&stream.nowhere()).await),
        stream.not_found("nowhere")
    );
    stream.delete().await;
}
