//! Every operation refuses every kind of request that it must not answer, by AWS's names.

use millstream_wire::Operation;

use crate::client::{AUTHORIZATION, Answer};
use crate::signed::{ADMIN, Key, NOBODY, NOW, Signed, SignedServer, Signing};
use crate::test_server::TestServer;

const STREAM: &str = "arn:aws:kinesis:eu-west-1:111111111111:stream/meters";

fn target(operation: Operation) -> String {
    format!("Kinesis_20131202.{}", operation.name())
}

fn message(answer: &Answer) -> String {
    let json = answer.json();
    json["message"].as_str().unwrap_or("").to_owned()
}

/// A change of a request that was right, or a way to sign it wrongly; and the answer.
struct Wrong {
    name: &'static str,
    make: fn(Signing<'static>, &str) -> Signed,
    code: &'static str,
    text: &'static str,
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";
const INVALID: &str = "InvalidSignatureException";

fn replaced(mut signed: Signed, name: &str, change: impl Fn(&str) -> String) -> Signed {
    for (key, value) in &mut signed.headers {
        if *key == name {
            *value = change(value);
        }
    }
    signed
}

fn without(mut signed: Signed, name: &str) -> Signed {
    signed.headers.retain(|(key, _)| *key != name);
    signed
}

#[rustfmt::skip]
const WRONG: &[Wrong] = &[
    Wrong { name: "forged", code: INVALID, text: MISMATCH,
        make: |by, target| Signing { key: Key(by.key.0, "a-guess-at-the-secret"), ..by }.sign(target, "{}") },
    Wrong { name: "tampered body", code: INVALID, text: MISMATCH,
        make: |by, target| Signed { body: "{ }".into(), ..by.sign(target, "{}") } },
    Wrong { name: "tampered target", code: INVALID, text: MISMATCH,
        make: |by, target| replaced(by.sign("Kinesis_20131202.Other", "{}"), "x-amz-target", |_| target.into()) },
    Wrong { name: "unknown key", code: "UnrecognizedClientException", text: "The security token included in the request is invalid.",
        make: |by, target| Signing { key: Key("STRANGE", by.key.1), ..by }.sign(target, "{}") },
    Wrong { name: "too late", code: INVALID,
        text: "Signature expired: 20261123T115459Z is now earlier than 20261123T115500Z (20261123T120000Z - 5 min.)",
        make: |by, target| Signing { time: millstream_types::TimestampMs(by.time.0 - 301_000), ..by }.sign(target, "{}") },
    Wrong { name: "too early", code: INVALID,
        text: "Signature not yet current: 20261123T120501Z is still later than 20261123T120500Z (20261123T120000Z + 5 min.)",
        make: |by, target| Signing { time: by.time.plus_ms(301_000), ..by }.sign(target, "{}") },
    Wrong { name: "no region", code: INVALID, text: "Credential should be scoped to a valid region.",
        make: |by, target| Signing { region: "eu+west", ..by }.sign(target, "{}") },
    Wrong { name: "other service", code: INVALID, text: "Credential should be scoped to correct service: 'kinesis'.",
        make: |by, target| Signing { service: "dynamodb", ..by }.sign(target, "{}") },
    Wrong { name: "unsigned", code: "MissingAuthenticationTokenException", text: "Missing Authentication Token",
        make: |by, target| without(by.sign(target, "{}"), "authorization") },
    Wrong { name: "host not signed", code: INVALID, text: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        make: |by, target| replaced(by.sign(target, "{}"), "authorization", |value| value.replace("=host;", "=")) },
    Wrong { name: "target not signed", code: INVALID,
        text: "There were headers present in the request which were not signed: x-amz-target",
        make: |by, target| replaced(by.sign(target, "{}"), "authorization", |value| value.replace(";x-amz-target", "")) },
    Wrong { name: "presigned and expired", code: INVALID,
        text: "Signature expired: 20261123T115859Z is now earlier than 20261123T115900Z (20261123T120000Z - 1 min.)",
        make: |by, target| Signing { time: millstream_types::TimestampMs(by.time.0 - 61_000), ..by }.presign(target, "{}", 60) },
    Wrong { name: "presigned, tampered body", code: INVALID, text: MISMATCH,
        make: |by, target| Signed { body: "{ }".into(), ..by.presign(target, "{}", 60) } },
];

#[tokio::test]
async fn what_is_not_rightly_signed_is_refused() {
    let server = SignedServer::start().await;
    for &operation in Operation::ALL {
        for wrong in WRONG {
            let signed = (wrong.make)(server.signing(ADMIN), &target(operation));
            let answer = server.send(&signed).await;
            let context = format!("{} {} {answer:?}", operation.name(), wrong.name);
            assert_eq!(answer.status, 400, "{context}");
            assert_eq!(answer.error(), wrong.code, "{context}");
            assert_eq!(answer.header("x-amzn-errortype"), wrong.code, "{context}");
            assert_eq!(message(&answer), wrong.text, "{context}");
        }
    }
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn what_was_right_is_refused_five_minutes_later() {
    let server = SignedServer::start().await;
    for &operation in Operation::ALL {
        server.clock.set(NOW);
        let signed = server.signing(ADMIN).sign(&target(operation), "{}");
        let at_once = server.send(&signed).await;
        assert_ne!(at_once.error(), INVALID, "{} {at_once:?}", operation.name());
        server.clock.set(NOW.plus_ms(301_000));
        let late = server.send(&signed).await;
        assert_eq!(late.error(), INVALID, "{}", operation.name());
        assert!(message(&late).starts_with("Signature expired: 20261123T120000Z"));
    }
    server.server.stop_cleanly().await;
}

/// A request that the operation would answer, were it allowed.
pub(crate) fn body(operation: Operation, iterator: &str) -> String {
    let named = |more: &str| format!(r#"{{"StreamARN":"{STREAM}"{more}}}"#);
    let resource = |more: &str| format!(r#"{{"ResourceARN":"{STREAM}"{more}}}"#);
    let consumer = format!("{STREAM}/consumer/billing:1795435200");
    match operation {
        Operation::AddTagsToStream => named(r#","Tags":{"a":"b"}"#),
        Operation::CreateStream => r#"{"StreamName":"other","ShardCount":1}"#.into(),
        Operation::DecreaseStreamRetentionPeriod | Operation::IncreaseStreamRetentionPeriod => {
            named(r#","RetentionPeriodHours":24"#)
        }
        Operation::DeleteResourcePolicy
        | Operation::GetResourcePolicy
        | Operation::ListTagsForResource => resource(""),
        Operation::DeleteStream
        | Operation::DescribeStream
        | Operation::DescribeStreamSummary
        | Operation::ListShards
        | Operation::ListStreamConsumers
        | Operation::ListTagsForStream => named(""),
        Operation::DeregisterStreamConsumer | Operation::DescribeStreamConsumer => {
            format!(r#"{{"ConsumerARN":"{consumer}"}}"#)
        }
        Operation::DescribeAccountSettings | Operation::DescribeLimits | Operation::ListStreams => {
            "{}".into()
        }
        Operation::DisableEnhancedMonitoring | Operation::EnableEnhancedMonitoring => {
            named(r#","ShardLevelMetrics":["ALL"]"#)
        }
        Operation::GetRecords => format!(r#"{{"ShardIterator":"{iterator}"}}"#),
        Operation::GetShardIterator => {
            named(r#","ShardId":"shardId-000000000000","ShardIteratorType":"LATEST""#)
        }
        Operation::MergeShards => named(
            r#","ShardToMerge":"shardId-000000000000","AdjacentShardToMerge":"shardId-000000000001""#,
        ),
        Operation::PutRecord => named(r#","Data":"YQ==","PartitionKey":"a""#),
        Operation::PutRecords => named(r#","Records":[{"Data":"YQ==","PartitionKey":"a"}]"#),
        Operation::PutResourcePolicy => resource(r#","Policy":"{}""#),
        Operation::RegisterStreamConsumer => named(r#","ConsumerName":"billing""#),
        Operation::RemoveTagsFromStream => named(r#","TagKeys":["a"]"#),
        Operation::SplitShard => {
            named(r#","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"5""#)
        }
        Operation::StartStreamEncryption | Operation::StopStreamEncryption => {
            named(r#","EncryptionType":"KMS","KeyId":"alias/aws/kinesis""#)
        }
        Operation::SubscribeToShard => format!(
            r#"{{"ConsumerARN":"{consumer}","ShardId":"shardId-000000000000","StartingPosition":{{"Type":"LATEST"}}}}"#
        ),
        Operation::TagResource => resource(r#","Tags":{"a":"b"}"#),
        Operation::UntagResource => resource(r#","TagKeys":["a"]"#),
        Operation::UpdateAccountSettings => {
            r#"{"MinimumThroughputBillingCommitment":{"Status":"ENABLED"}}"#.into()
        }
        Operation::UpdateMaxRecordSize => named(r#","MaxRecordSizeInKiB":2048"#),
        Operation::UpdateShardCount => {
            named(r#","TargetShardCount":2,"ScalingType":"UNIFORM_SCALING""#)
        }
        Operation::UpdateStreamMode => named(r#","StreamModeDetails":{"StreamMode":"ON_DEMAND"}"#),
        Operation::UpdateStreamRecordDistributionStrategy => {
            named(r#","RecordDistributionStrategy":"AUTO""#)
        }
        Operation::UpdateStreamWarmThroughput => named(r#","WarmThroughputMiBps":1"#),
    }
}

#[tokio::test]
async fn who_may_do_nothing_can_do_nothing() {
    let server = SignedServer::start().await;
    let created = r#"{"StreamName":"meters","ShardCount":2}"#;
    let created = server.call(ADMIN, "CreateStream", created).await;
    assert_eq!(created.status, 200, "{created:?}");
    let asked = body(Operation::GetShardIterator, "");
    let asked = server.call(ADMIN, "GetShardIterator", &asked).await;
    let iterator = asked.json()["ShardIterator"].as_str().unwrap().to_owned();
    for &operation in Operation::ALL {
        let body = body(operation, &iterator);
        let answer = server.call(NOBODY, operation.name(), &body).await;
        assert_eq!(answer.error(), "AccessDeniedException", "{body} {answer:?}");
        assert_eq!(answer.status, 400);
        let name = operation.name();
        let start = format!(
            "User: arn:aws:iam::111111111111:user/nobody is not authorized to perform: kinesis:{name} on resource: "
        );
        let end = format!(" because no identity-based policy allows the kinesis:{name} action");
        let text = message(&answer);
        assert!(text.starts_with(&start) && text.ends_with(&end), "{text}");
    }
    let summary = server
        .call(
            ADMIN,
            "DescribeStreamSummary",
            &body(Operation::DescribeStream, ""),
        )
        .await;
    let summary = summary.json();
    assert_eq!(
        summary["StreamDescriptionSummary"]["OpenShardCount"], 2,
        "nothing was done"
    );
    // Whether a stream is there is not told to who may not know.
    let missing = body(Operation::DescribeStream, "").replace("meters", "missing");
    let answer = server.call(NOBODY, "DescribeStream", &missing).await;
    assert_eq!(answer.error(), "AccessDeniedException");
    let answer = server.call(ADMIN, "DescribeStream", &missing).await;
    assert_eq!(answer.error(), "ResourceNotFoundException");
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_signed_or_not() {
    let server = SignedServer::start().await;
    for &operation in Operation::ALL {
        let mut signed = server.signing(ADMIN).sign(&target(operation), "{}");
        signed
            .headers
            .push(("origin", "https://example.com".into()));
        let answer = server.send(&signed).await;
        assert_eq!(answer.status, 403, "{}", operation.name());
        assert_eq!(answer.error(), "AccessDeniedException");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    // The server's own pages, by whatever name they reached it, need a signature like anybody else.
    let mut own = server
        .signing(ADMIN)
        .sign("Kinesis_20131202.ListStreams", "{}");
    let origin = format!("https://{}", crate::signed::HOST);
    own.headers.push(("origin", origin.clone()));
    let answer = server.send(&own).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    let answer = server.send(&without(own, "authorization")).await;
    assert_eq!(answer.error(), "MissingAuthenticationTokenException");
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn without_keys_other_hosts_are_refused_for_every_operation() {
    let server = TestServer::start().await;
    for &operation in Operation::ALL {
        let mut client = server.client().await;
        let headers = [
            ("host", "streams.example.com:4566"),
            ("x-amz-target", &target(operation)),
            ("content-type", "application/x-amz-json-1.1"),
            ("authorization", AUTHORIZATION),
            ("x-amz-date", "20261123T120000Z"),
        ];
        let answer = client.post(&headers, b"{}").await;
        assert_eq!(answer.status, 403, "{}", operation.name());
        assert_eq!(answer.error(), "AccessDeniedException");
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn presigned_calls_are_served_in_their_time() {
    let server = SignedServer::start().await;
    let signed = server
        .signing(ADMIN)
        .presign("Kinesis_20131202.ListStreams", "{}", 3600);
    server.clock.set(NOW.plus_ms(3_600_000));
    assert_eq!(server.send(&signed).await.status, 200);
    server.clock.set(NOW.plus_ms(3_601_000));
    assert_eq!(server.send(&signed).await.error(), INVALID);
    server.server.stop_cleanly().await;
}
