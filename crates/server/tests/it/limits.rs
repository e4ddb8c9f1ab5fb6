//! `--limits aws` at the port: how often each operation may be called, and what an account may have.

use millstream_server::{Limits, SettingsSource};
use millstream_wire::Operation;

use crate::client::Answer;
use crate::every_operation::body;
use crate::signed::{ADMIN, KEYS, SignedServer};

const LIMIT_EXCEEDED: &str = "LimitExceededException";

/// A server with these `[[limit]]` tables.
async fn limited(tables: &str) -> SignedServer {
    SignedServer::with(KEYS, |settings, folder| {
        let file = folder.join("settings.toml");
        std::fs::write(&file, format!("limits = \"aws\"\n{tables}")).unwrap();
        let source = SettingsSource::read(&file).unwrap();
        assert_eq!(source.limits, Some(Limits::Aws));
        settings.limits = source.check().unwrap().limits;
    })
    .await
}

impl SignedServer {
    async fn ok(&self, operation: &str, body: &str) -> Answer {
        let answer = self.call(ADMIN, operation, body).await;
        assert_eq!(answer.status, 200, "{operation} {answer:?}");
        answer
    }

    /// Nothing of what was called counts any more.
    fn rest(&self) {
        self.clock.step_ms(2_000);
    }
}

/// How many calls of a second are let in, and on what they count: `account`, also calls about streams that are not there,
/// or `stream`.
#[rustfmt::skip]
const CALLS: [(Operation, usize, &str); 35] = [
    (Operation::AddTagsToStream, 5, "account"),
    (Operation::CreateStream, 5, "account"),
    (Operation::DecreaseStreamRetentionPeriod, 5, "stream"),
    (Operation::DeleteResourcePolicy, 5, "account"),
    (Operation::DeleteStream, 5, "account"),
    (Operation::DeregisterStreamConsumer, 5, "stream"),
    (Operation::DescribeAccountSettings, 5, "account"),
    (Operation::DescribeLimits, 1, "account"),
    (Operation::DescribeStream, 10, "account"),
    (Operation::DescribeStreamConsumer, 20, "stream"),
    (Operation::DescribeStreamSummary, 20, "account"),
    (Operation::DisableEnhancedMonitoring, 5, "stream"),
    (Operation::EnableEnhancedMonitoring, 5, "stream"),
    (Operation::GetResourcePolicy, 5, "account"),
    (Operation::IncreaseStreamRetentionPeriod, 5, "stream"),
    (Operation::ListShards, 1_000, "stream"),
    (Operation::ListStreamConsumers, 5, "stream"),
    (Operation::ListStreams, 5, "account"),
    (Operation::ListTagsForResource, 5, "account"),
    (Operation::ListTagsForStream, 5, "account"),
    (Operation::MergeShards, 5, "account"),
    (Operation::PutResourcePolicy, 5, "account"),
    (Operation::RegisterStreamConsumer, 5, "account"),
    (Operation::RemoveTagsFromStream, 5, "account"),
    (Operation::SplitShard, 5, "account"),
    (Operation::StartStreamEncryption, 5, "account"),
    (Operation::StopStreamEncryption, 5, "account"),
    (Operation::TagResource, 5, "account"),
    (Operation::UntagResource, 5, "account"),
    (Operation::UpdateAccountSettings, 5, "account"),
    (Operation::UpdateMaxRecordSize, 5, "account"),
    (Operation::UpdateShardCount, 10, "account"),
    (Operation::UpdateStreamMode, 5, "account"),
    (Operation::UpdateStreamRecordDistributionStrategy, 5, "account"),
    (Operation::UpdateStreamWarmThroughput, 5, "account"),
];

#[tokio::test]
async fn each_operation_is_let_in_as_often_as_aws_documents() {
    let server = limited("").await;
    server
        .ok("CreateStream", r#"{"StreamName":"meters","ShardCount":2}"#)
        .await;
    for (operation, per_s, on) in CALLS {
        server.rest();
        let body = match on {
            "account" => body(operation, "").replace("stream/meters", "stream/missing"),
            _ => body(operation, ""),
        };
        for number in 0..per_s {
            let answer = server.call(ADMIN, operation.name(), &body).await;
            let is_let_in = answer.status == 200 || answer.error() != LIMIT_EXCEEDED;
            assert!(is_let_in, "{operation:?} {number} {answer:?}");
        }
        let over = server.call(ADMIN, operation.name(), &body).await;
        assert_eq!(over.error(), LIMIT_EXCEEDED, "{operation:?} {over:?}");
        assert_eq!(over.status, 400);
        let text = over.json()["message"].as_str().unwrap().to_owned();
        let named = match on {
            "account" => "Rate exceeded for account 111111111111.",
            _ => "Rate exceeded for stream meters under account 111111111111.",
        };
        assert_eq!(text, named, "{operation:?}");
    }
    // Everything else has its limit at a shard.
    let with_limit = CALLS.map(|(operation, ..)| operation);
    let without = Operation::ALL
        .iter()
        .filter(|one| !with_limit.contains(one));
    assert_eq!(without.count(), 5);
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn an_account_has_what_its_limits_say() {
    let server = limited(
        "[[limit]]\naccount = \"111111111111\"\nshards-max = 3\non-demand-streams-max = 1\n\
         [limit.calls-per-s]\nCreateStream = 100\n",
    )
    .await;
    server
        .ok("CreateStream", r#"{"StreamName":"meters","ShardCount":2}"#)
        .await;
    let on_demand = |name| {
        format!(r#"{{"StreamName":"{name}","StreamModeDetails":{{"StreamMode":"ON_DEMAND"}}}}"#)
    };
    server.ok("CreateStream", &on_demand("first")).await;
    let limits = server.ok("DescribeLimits", "{}").await.json();
    let expected = serde_json::json!({
        "ShardLimit": 3, "OpenShardCount": 2, "OnDemandStreamCount": 1, "OnDemandStreamCountLimit": 1,
    });
    assert_eq!(limits, expected);
    let refused = |answer: Answer| {
        assert_eq!(answer.error(), LIMIT_EXCEEDED, "{answer:?}");
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    let second = server
        .call(ADMIN, "CreateStream", &on_demand("second"))
        .await;
    assert!(refused(second).contains("has 1 on-demand streams"));
    let more = r#"{"StreamName":"more","ShardCount":2}"#;
    let more = server.call(ADMIN, "CreateStream", more).await;
    assert!(refused(more).contains("exceed the shard limit for the account 111111111111"));
    let switch = body(Operation::UpdateStreamMode, "");
    let switch = server.call(ADMIN, "UpdateStreamMode", &switch).await;
    assert!(refused(switch).contains("has 1 on-demand streams"));
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn five_streams_are_created_at_a_time() {
    let server = SignedServer::with(KEYS, |settings, _| {
        let source = SettingsSource {
            limits: Some(Limits::Aws),
            ..SettingsSource::default()
        };
        settings.limits = source.check().unwrap().limits;
        // Longer than the test: they stay CREATING.
        settings.streams.transition = std::time::Duration::from_secs(3_600);
        settings.shutdown_grace = std::time::Duration::from_millis(100);
    })
    .await;
    for number in 0..6 {
        let create = format!(r#"{{"StreamName":"s{number}","ShardCount":1}}"#);
        let created = server.call(ADMIN, "CreateStream", &create).await;
        if number < 5 {
            assert_eq!(created.status, 200, "{created:?}");
        } else {
            assert_eq!(created.error(), LIMIT_EXCEEDED, "{created:?}");
        }
        server.rest();
    }
}
