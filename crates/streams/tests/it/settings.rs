//! Settings of a stream get new values: encryption, monitoring, record size, mode, throughput, distribution.

use std::time::Duration;

use millstream_streams::StreamSettings;
use millstream_wire::shapes::{
    CreateStreamRequest, DescribeStreamSummaryRequest, DisableEnhancedMonitoringRequest,
    EnableEnhancedMonitoringRequest, EncryptionType, MetricsName, RecordDistributionStrategy,
    StartStreamEncryptionRequest, StopStreamEncryptionRequest, StreamDescriptionSummary,
    StreamMode, StreamModeDetails, StreamStatus, UpdateMaxRecordSizeRequest,
    UpdateStreamModeRequest, UpdateStreamRecordDistributionStrategyRequest,
    UpdateStreamWarmThroughputRequest, WarmThroughput,
};
use millstream_wire::{ApiError, ErrorCode};

use crate::world::*;

const ARN: &str = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl World {
    async fn create_on_demand(&self) {
        let request = CreateStreamRequest {
            shard_count: None,
            ..create("meters", 1)
        };
        let created = self.service().await.create_stream(&self.caller, request);
        created.await.expect("created");
    }

    async fn summary(&self) -> StreamDescriptionSummary {
        let request = DescribeStreamSummaryRequest {
            stream_name: None,
            stream_arn: Some(ARN.into()),
        };
        let described = self
            .service()
            .await
            .describe_stream_summary(&self.caller, request);
        described.await.unwrap().stream_description_summary
    }

    async fn encrypt(&self, encryption_type: EncryptionType, key: &str) -> Result<(), ApiError> {
        let request = StartStreamEncryptionRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            encryption_type,
            key_id: key.into(),
        };
        let started = self
            .service()
            .await
            .start_stream_encryption(&self.caller, request);
        started.await.map_err(ApiError::from)
    }

    async fn stop_encryption(&self, key: &str) -> Result<(), ApiError> {
        let request = StopStreamEncryptionRequest {
            stream_name: None,
            stream_arn: Some(ARN.into()),
            encryption_type: EncryptionType::Kms,
            key_id: key.into(),
        };
        let stopped = self
            .service()
            .await
            .stop_stream_encryption(&self.caller, request);
        stopped.await.map_err(ApiError::from)
    }

    async fn set_mode(&self, mode: StreamMode, warm: Option<u32>) -> Result<(), ApiError> {
        let request = UpdateStreamModeRequest {
            stream_arn: ARN.into(),
            stream_mode_details: StreamModeDetails { stream_mode: mode },
            warm_throughput_mibps: warm,
        };
        let updated = self
            .service()
            .await
            .update_stream_mode(&self.caller, request);
        updated.await.map_err(ApiError::from)
    }

    async fn set_max_record_size(&self, kib: u32) -> Result<(), ApiError> {
        let request = UpdateMaxRecordSizeRequest {
            stream_arn: Some(ARN.into()),
            max_record_size_in_kib: kib,
        };
        let updated = self
            .service()
            .await
            .update_max_record_size(&self.caller, request);
        updated.await.map_err(ApiError::from)
    }

    async fn set_warm_throughput(&self, mibps: u32) -> Result<WarmThroughput, ApiError> {
        let request = UpdateStreamWarmThroughputRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            warm_throughput_mibps: mibps,
        };
        let updated = self
            .service()
            .await
            .update_stream_warm_throughput(&self.caller, request);
        let answer = updated.await.map_err(ApiError::from)?;
        assert_eq!(answer.stream_arn, ARN);
        Ok(answer.warm_throughput)
    }

    async fn set_strategy(&self, strategy: RecordDistributionStrategy) -> Result<(), ApiError> {
        let request = UpdateStreamRecordDistributionStrategyRequest {
            stream_arn: ARN.into(),
            record_distribution_strategy: strategy,
        };
        let updated = self
            .service()
            .await
            .update_stream_record_distribution_strategy(&self.caller, request);
        updated.await.map_err(ApiError::from)
    }
}

fn invalid(text: &str) -> (ErrorCode, String) {
    (ErrorCode::InvalidArgument, text.to_owned())
}

fn too_often() -> (ErrorCode, String) {
    let text = format!("Rate exceeded for stream meters under account {ACCOUNT}.");
    (ErrorCode::LimitExceeded, text)
}

#[tokio::test]
async fn encryption_is_shown_in_descriptions_and_with_each_record_that_was_put_under_it() {
    let mut world = World::new().await;
    world.create("meters", 1).await;
    world.put("meters", "k", b"before").await;
    world
        .encrypt(EncryptionType::Kms, "alias/aws/kinesis")
        .await
        .unwrap();
    let described = world.describe("meters").await;
    let shown = (described.encryption_type, described.key_id.as_deref());
    assert_eq!(shown, (EncryptionType::Kms, Some("alias/aws/kinesis")));
    let summary = world.summary().await;
    let shown = (summary.encryption_type, summary.key_id.as_deref());
    assert_eq!(shown, (EncryptionType::Kms, Some("alias/aws/kinesis")));
    assert_eq!(summary.stream_status, StreamStatus::Active);

    let put = world.put_answer("meters", "k", b"during").await;
    assert_eq!(put.encryption_type, EncryptionType::Kms);
    world.crash().await;
    let put = world
        .put_many_answer("meters", vec![record("k", b"during too")])
        .await;
    assert_eq!(put.encryption_type, EncryptionType::Kms);
    // The key need not be the one that is set.
    world.stop_encryption("alias/other").await.unwrap();
    let described = world.describe("meters").await;
    let shown = (described.encryption_type, described.key_id);
    assert_eq!(shown, (EncryptionType::None, None));
    let put = world.put_answer("meters", "k", b"after").await;
    assert_eq!(put.encryption_type, EncryptionType::None);

    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let read = world.get(&iterator).await.records;
    let types: Vec<_> = read.iter().map(|one| one.encryption_type).collect();
    let (none, kms) = (EncryptionType::None, EncryptionType::Kms);
    assert_eq!(types, [none, kms, kms, none]);
}

#[tokio::test]
async fn encryption_needs_kms_and_a_key_and_can_be_changed_25_times_a_day() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let refused = world.encrypt(EncryptionType::None, "alias/a").await;
    assert_eq!(on_wire(refused), invalid("EncryptionType must be KMS."));
    let refused = world.encrypt(EncryptionType::Kms, "my key").await;
    assert_eq!(on_wire(refused), invalid("Invalid keyId my key."));
    let refused = world.stop_encryption("my key").await;
    assert_eq!(on_wire(refused), invalid("Invalid keyId my key."));
    for number in 0..25 {
        let key = format!("alias/key-{number}");
        world.encrypt(EncryptionType::Kms, &key).await.unwrap();
        world.clock.advance_ms(1000);
    }
    let refused = world.encrypt(EncryptionType::Kms, "alias/a").await;
    assert_eq!(on_wire(refused), too_often());
    // Stops are counted by themselves.
    world.stop_encryption("alias/a").await.unwrap();
    world.clock.advance_ms(DAY_MS - 25_000);
    world.encrypt(EncryptionType::Kms, "alias/a").await.unwrap();
    let refused = world.encrypt(EncryptionType::Kms, "alias/a").await;
    assert_eq!(on_wire(refused), too_often());
}

#[tokio::test]
async fn monitoring_answers_what_was_on_and_what_is_on() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let enable = async |metrics: &[MetricsName]| {
        let request = EnableEnhancedMonitoringRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            shard_level_metrics: metrics.to_vec(),
        };
        let enabled = world
            .service()
            .await
            .enable_enhanced_monitoring(&world.caller, request);
        let answer = enabled.await.unwrap();
        assert_eq!(
            (answer.stream_name.as_str(), &*answer.stream_arn),
            ("meters", ARN)
        );
        (
            answer.current_shard_level_metrics,
            answer.desired_shard_level_metrics,
        )
    };
    let disable = async |metrics: &[MetricsName]| {
        let request = DisableEnhancedMonitoringRequest {
            stream_name: None,
            stream_arn: Some(ARN.into()),
            shard_level_metrics: metrics.to_vec(),
        };
        let disabled = world
            .service()
            .await
            .disable_enhanced_monitoring(&world.caller, request);
        let answer = disabled.await.unwrap();
        (
            answer.current_shard_level_metrics,
            answer.desired_shard_level_metrics,
        )
    };
    use MetricsName::{All, IncomingBytes, IteratorAgeMilliseconds, OutgoingRecords};
    let (bytes, records) = (vec![IncomingBytes], vec![IncomingBytes, OutgoingRecords]);
    assert_eq!(enable(&[IncomingBytes]).await, (vec![], bytes.clone()));
    let more = enable(&[OutgoingRecords, IncomingBytes]).await;
    assert_eq!(more, (bytes.clone(), records.clone()));
    let shown = world.summary().await.enhanced_monitoring;
    assert_eq!(shown[0].shard_level_metrics, records);
    let every = MetricsName::EVERY.to_vec();
    assert_eq!(enable(&[All]).await, (records, every.clone()));
    let shown = world.describe("meters").await.enhanced_monitoring;
    assert_eq!((shown.len(), &shown[0].shard_level_metrics), (1, &every));
    let left = disable(&[IteratorAgeMilliseconds]).await;
    assert_eq!(left, (every.clone(), every[..6].to_vec()));
    assert_eq!(disable(&[All]).await, (every[..6].to_vec(), vec![]));
    let shown = world.summary().await.enhanced_monitoring;
    assert_eq!((shown.len(), &shown[0].shard_level_metrics), (1, &vec![]));
}

#[tokio::test]
async fn the_mode_can_be_switched_twice_a_day_and_the_shards_stay() {
    let world = World::new().await;
    world.create("meters", 3).await;
    let (provisioned, on_demand) = (StreamMode::Provisioned, StreamMode::OnDemand);
    // The mode that it has already does not count.
    world.set_mode(provisioned, None).await.unwrap();
    world.set_mode(on_demand, None).await.unwrap();
    let summary = world.summary().await;
    let shown = (
        summary.stream_mode_details.stream_mode,
        summary.open_shard_count,
    );
    assert_eq!(shown, (on_demand, 3));
    assert_eq!(
        on_wire(world.split("meters", "0", 5).await).0,
        ErrorCode::Validation
    );
    world.set_mode(provisioned, None).await.unwrap();
    world.set_mode(provisioned, None).await.unwrap();
    let refused = world.set_mode(on_demand, None).await;
    assert_eq!(on_wire(refused), too_often());
    let summary = world.summary().await;
    let shown = (
        summary.stream_mode_details.stream_mode,
        summary.open_shard_count,
    );
    assert_eq!(shown, (provisioned, 3));
    world.clock.advance_ms(DAY_MS);
    world.set_mode(on_demand, None).await.unwrap();
}

#[tokio::test]
async fn a_switch_to_provisioned_mode_needs_room_in_the_quota() {
    let settings = StreamSettings {
        account_shards_max: Some(3),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    world.create_on_demand().await;
    let refused = on_wire(world.set_mode(StreamMode::Provisioned, None).await);
    assert_eq!(refused.0, ErrorCode::LimitExceeded);
    assert!(
        refused
            .1
            .contains("Limit: 3. Number of additional shards that would have resulted")
    );
    assert_eq!(
        world
            .describe("meters")
            .await
            .stream_mode_details
            .stream_mode,
        StreamMode::OnDemand
    );
}

#[tokio::test]
async fn records_may_be_as_large_as_the_stream_says() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let data = vec![7; 10 * 1024 * 1024 - 1];
    let mib = 1024 * 1024;
    let refused = on_wire(world.try_put("meters", "k", &data[..mib]).await);
    let text = "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less \
                than or equal to 1048576";
    assert_eq!(refused, (ErrorCode::Validation, text.into()));
    world.set_max_record_size(10_240).await.unwrap();
    assert_eq!(world.summary().await.max_record_size_in_kib, 10_240);
    world.put("meters", "k", &data).await;
    let stored = world.put_many("meters", vec![record("k", &data)]).await;
    assert_eq!(stored.unwrap().len(), 1);
    world.put("meters", "k", b"small").await;
    // It may be lowered again: what is there stays readable.
    world.set_max_record_size(1024).await.unwrap();
    let refused = world.try_put("meters", "k", &data[..mib]).await;
    assert_eq!(on_wire(refused).0, ErrorCode::Validation);
    let mut next = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let mut lengths = Vec::new();
    while lengths.len() < 3 {
        let answer = world.get(&next).await;
        assert!(answer.records.len() <= 2 && !answer.records.is_empty());
        lengths.extend(answer.records.iter().map(|record| record.data().len()));
        next = answer.next_shard_iterator.unwrap();
    }
    assert_eq!(lengths, [data.len(), data.len(), 5]);
    let request = UpdateMaxRecordSizeRequest {
        stream_arn: None,
        max_record_size_in_kib: 2048,
    };
    let refused = world
        .service()
        .await
        .update_max_record_size(&world.caller, request);
    assert_eq!(
        on_wire(refused.await),
        invalid("Either StreamName or StreamARN should be provided.")
    );
}

#[tokio::test]
async fn records_are_spread_over_the_open_shards_without_their_keys() {
    let world = World::new().await;
    world.create_on_demand().await;
    let by_key = RecordDistributionStrategy::UserPartitionKey;
    assert_eq!(
        world.summary().await.record_distribution_strategy,
        Some(by_key)
    );
    let no_key = || millstream_wire::shapes::RecordToPut {
        partition_key: None,
        ..record("", b"x")
    };
    let text = "2 validation errors detected: Value null at 'records.1.member.partitionKey' failed to satisfy \
                constraint: Member must not be null; Value null at 'records.3.member.partitionKey' failed to satisfy \
                constraint: Member must not be null";
    let records = vec![no_key(), record("k", b""), no_key()];
    let refused = on_wire(world.put_many("meters", records).await);
    assert_eq!(refused, (ErrorCode::Validation, text.into()));

    let auto = RecordDistributionStrategy::Auto;
    world.set_strategy(auto).await.unwrap();
    assert_eq!(
        world.summary().await.record_distribution_strategy,
        Some(auto)
    );
    for _ in 0..4 {
        let mut records: Vec<_> = (0..250).map(|_| no_key()).collect();
        // A key decides nothing, nor does a hash key, be it one or not.
        records.extend((0..250).map(|_| millstream_wire::shapes::RecordToPut {
            explicit_hash_key: Some(u128::MAX.to_string().into()),
            ..record("k", b"x")
        }));
        records[0].explicit_hash_key = Some("340282366920938463463374607431768211456".into());
        world.put_many("meters", records).await.unwrap();
    }
    for shard in [SHARD_0, SHARD_1, SHARD_2, SHARD_3] {
        let read = world.read_shard("meters", shard).await;
        assert!((495..=505).contains(&read.len()), "{shard}: {}", read.len());
        // Keys are kept; a record without one has an empty one.
        assert!(read.iter().all(|(key, _)| key == "k" || key.is_empty()));
        assert!(read.iter().any(|(key, _)| key.is_empty()));
    }
    let refused = on_wire(world.set_mode(StreamMode::Provisioned, None).await);
    assert_eq!(refused.0, ErrorCode::InvalidArgument);
    world.set_strategy(by_key).await.unwrap();
    let shard = world.put("meters", "sensor-7", b"").await.shard_index();
    assert_eq!(
        world.put("meters", "sensor-7", b"").await.shard_index(),
        shard
    );
    world.set_mode(StreamMode::Provisioned, None).await.unwrap();
    assert_eq!(
        world.summary().await.record_distribution_strategy,
        Some(by_key)
    );
    let refused = on_wire(world.set_strategy(auto).await);
    let text = format!(
        "Request is invalid. Stream meters under account {ACCOUNT} is in Provisioned mode."
    );
    assert_eq!(refused, invalid(&text));
    world.set_strategy(by_key).await.unwrap();
}

#[tokio::test]
async fn warm_throughput_is_for_on_demand_streams_of_committed_accounts() {
    let world = World::new().await;
    world.create_on_demand().await;
    let no_commitment = format!(
        "Request is invalid. Warm throughput requires that MinimumThroughputBillingCommitment is ENABLED for account \
         {ACCOUNT}."
    );
    let refused = on_wire(world.set_warm_throughput(50).await);
    assert_eq!(refused, invalid(&no_commitment));
    let create_with = async |name: &str, count: Option<u32>, warm, strategy| {
        let request = CreateStreamRequest {
            shard_count: count,
            warm_throughput_mibps: warm,
            record_distribution_strategy: strategy,
            ..create(name, 1)
        };
        world
            .service()
            .await
            .create_stream(&world.caller, request)
            .await
    };
    let refused = on_wire(create_with("other", None, Some(9), None).await);
    assert_eq!(refused, invalid(&no_commitment));
    world.commit(true).await;
    let warm = |target_mibps, current_mibps| WarmThroughput {
        target_mibps,
        current_mibps,
    };
    assert_eq!(world.summary().await.warm_throughput, None);
    world.put("meters", "k", b"before").await;
    assert_eq!(world.set_warm_throughput(50).await.unwrap(), warm(50, 4));
    let summary = world.summary().await;
    assert_eq!(summary.warm_throughput, Some(warm(50, 50)));
    assert_eq!(
        (summary.open_shard_count, summary.stream_status),
        (50, StreamStatus::Active)
    );
    world.put("meters", "k", b"after").await;
    // A lower one releases nothing.
    assert_eq!(world.set_warm_throughput(5).await.unwrap(), warm(5, 50));
    assert_eq!(world.summary().await.warm_throughput, Some(warm(5, 50)));
    let refused = on_wire(world.set_warm_throughput(10_241).await);
    assert_eq!(
        refused,
        invalid("WarmThroughputMiBps 10241 is greater than the limit of 10240.")
    );
    create_with(
        "warm",
        None,
        Some(9),
        Some(RecordDistributionStrategy::Auto),
    )
    .await
    .unwrap();
    assert_eq!(world.list_shards("warm").await.len(), 9);
    let text = "WarmThroughputMiBps must not be specified when StreamMode is PROVISIONED.";
    let refused = on_wire(create_with("other", Some(1), Some(9), None).await);
    assert_eq!(refused, invalid(text));
    let text =
        "RecordDistributionStrategy AUTO must not be specified when StreamMode is PROVISIONED.";
    let auto = Some(RecordDistributionStrategy::Auto);
    let refused = on_wire(create_with("other", Some(1), None, auto).await);
    assert_eq!(refused, invalid(text));
    let by_key = Some(RecordDistributionStrategy::UserPartitionKey);
    create_with("other", Some(1), None, by_key).await.unwrap();

    let refused = world.set_mode(StreamMode::Provisioned, Some(9)).await;
    let text = "WarmThroughputMiBps must not be specified when StreamMode is PROVISIONED.";
    assert_eq!(on_wire(refused), invalid(text));
    world.set_mode(StreamMode::Provisioned, None).await.unwrap();
    assert_eq!(world.summary().await.warm_throughput, None);
    let text = format!(
        "Request is invalid. Stream meters under account {ACCOUNT} is in Provisioned mode."
    );
    assert_eq!(on_wire(world.set_warm_throughput(9).await), invalid(&text));
    world.set_mode(StreamMode::OnDemand, Some(7)).await.unwrap();
    assert_eq!(world.summary().await.warm_throughput, Some(warm(7, 50)));
}

#[tokio::test(start_paused = true)]
async fn a_new_value_holds_after_the_transition() {
    let settings = StreamSettings {
        transition: Duration::from_secs(10),
        ..StreamSettings::default()
    };
    let mut world = World::with(settings).await;
    let later = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    world.create("meters", 1).await;
    later(11).await;
    world.encrypt(EncryptionType::Kms, "alias/a").await.unwrap();
    let updating = world.summary().await;
    assert_eq!(updating.stream_status, StreamStatus::Updating);
    assert_eq!(updating.encryption_type, EncryptionType::None);
    let text =
        format!("Stream meters under account {ACCOUNT} not ACTIVE, instead in state UPDATING");
    let in_use = (ErrorCode::ResourceInUse, text);
    assert_eq!(on_wire(world.set_max_record_size(2048).await), in_use);
    let put = world.put_answer("meters", "k", b"x").await;
    assert_eq!(put.encryption_type, EncryptionType::None);
    later(9).await;
    assert_eq!(world.summary().await.stream_status, StreamStatus::Updating);
    later(2).await;
    let active = world.summary().await;
    assert_eq!(active.stream_status, StreamStatus::Active);
    assert_eq!(active.encryption_type, EncryptionType::Kms);

    // A restart finishes what it interrupted, and a stream can be deleted meanwhile.
    world.set_max_record_size(2048).await.unwrap();
    world.crash().await;
    later(1).await;
    let active = world.summary().await;
    assert_eq!(active.stream_status, StreamStatus::Active);
    assert_eq!(active.max_record_size_in_kib, 2048);
    world.set_max_record_size(4096).await.unwrap();
    world.delete("meters").await;
    later(11).await;
    assert!(world.stream_names().await.is_empty());
}
