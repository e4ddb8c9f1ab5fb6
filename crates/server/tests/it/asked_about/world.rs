//! A server with a stream that the clerk may use, and streams and a consumer that are denied to it.

use std::collections::VecDeque;

use millstream_wire::{Encoding, Operation};
use serde_json::{Value, json};

use super::naming::{FOREIGN, Given, METERS, SECRET};
use crate::client::{Answer, Client};
use crate::signed::{ADMIN, KEYS, Key, STRANGER, SignedServer};
use crate::test_server::PATIENCE;

const CLERK: Key = Key("CLERK", "secret-of-the-clerk-of-meters");
const CLERK_ARN: &str = "arn:aws:iam::111111111111:user/clerk";
/// Stands in what is denied, and nowhere else.
const UNTOLD: &str = "never-told";

pub(super) struct World {
    pub(super) server: SignedServer,
    pub(super) given: Given,
    /// Calls that the clerk made.
    pub(super) calls_count: usize,
    clerk: Client,
    /// Bytes of the audit log that are read.
    read: usize,
    lines: VecDeque<Value>,
}

/// A stream that there is not.
pub(super) fn missing() -> String {
    METERS.replace("meters", "missing")
}

fn keys() -> String {
    let policy = json!({"Statement": [
        {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kinesis:*", "Resource": [SECRET, format!("{SECRET}/*")]},
    ]});
    format!(
        "{KEYS}\n[[key]]\nid = \"{}\"\nsecret = \"{}\"\naccount = \"111111111111\"\nname = \"clerk\"\npolicies = ['{policy}']\n",
        CLERK.0, CLERK.1
    )
}

impl World {
    pub(super) async fn start() -> Self {
        let server = SignedServer::with(&keys(), |settings, folder| {
            settings.audit_log = Some(folder.join("audit.json"));
            settings.audit_refusals_per_s_max = u64::MAX;
        })
        .await;
        let mut world = Self {
            clerk: server.server.client().await,
            server,
            given: Given::default(),
            calls_count: 0,
            read: 0,
            lines: VecDeque::new(),
        };
        for (key, arn) in [(ADMIN, SECRET), (STRANGER, FOREIGN)] {
            let tags = json!({"told": UNTOLD});
            world
                .done(
                    key,
                    "CreateStream",
                    json!({"StreamName": "secret", "ShardCount": 2, "Tags": tags}),
                )
                .await;
            world
                .done(
                    key,
                    "PutRecord",
                    json!({"StreamARN": arn, "PartitionKey": UNTOLD, "Data": "bmV2ZXItdG9sZA=="}),
                )
                .await;
        }
        world.given.watcher = world.register(SECRET, "watcher").await;
        world.given.of_secret = world.iterator(ADMIN, SECRET).await;
        world.create_meters().await;
        world
    }

    async fn create_meters(&mut self) {
        self.done(
            ADMIN,
            "CreateStream",
            json!({"StreamName": "meters", "ShardCount": 2}),
        )
        .await;
        self.given.hidden = self.register(METERS, "hidden").await;
        self.given.billing = self.register(METERS, "billing").await;
        self.given.of_meters = self.iterator(ADMIN, METERS).await;
        let arn = &self.given.hidden;
        let policy = json!({"Statement": {"Effect": "Deny", "Principal": {"AWS": CLERK_ARN},
            "Action": "kinesis:*", "Resource": arn}});
        let body = json!({"ResourceARN": arn, "Policy": policy.to_string()});
        self.done(ADMIN, "PutResourcePolicy", body).await;
    }

    /// Puts back what the clerk was allowed to take away, and takes away what it was allowed to make.
    pub(super) async fn restore(&mut self, operation: Operation) {
        match operation {
            Operation::CreateStream => {
                self.done(ADMIN, "DeleteStream", json!({"StreamARN": missing()}))
                    .await;
            }
            Operation::DeleteStream => self.create_meters().await,
            Operation::DeregisterStreamConsumer => {
                self.given.billing = self.register(METERS, "billing").await;
            }
            _ => {}
        }
    }

    async fn register(&self, stream: &str, name: &str) -> String {
        let body = json!({"StreamARN": stream, "ConsumerName": name, "Tags": {"of": name}});
        let registered = self.done(ADMIN, "RegisterStreamConsumer", body).await;
        let arn = &registered.json()["Consumer"]["ConsumerARN"];
        arn.as_str().unwrap().to_owned()
    }

    async fn iterator(&self, key: Key, stream: &str) -> String {
        let body =
            json!({"StreamARN": stream, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
        let answer = self.done(key, "GetShardIterator", body).await;
        answer.json()["ShardIterator"].as_str().unwrap().to_owned()
    }

    async fn done(&self, key: Key, operation: &str, body: Value) -> Answer {
        let answer = self.server.call(key, operation, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{operation} {body} {answer:?}");
        answer
    }

    /// What there is to see of the denied streams and consumer, to who may see it.
    pub(super) async fn denied_state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for (key, arn) in [(ADMIN, SECRET), (STRANGER, FOREIGN)] {
            for (operation, member) in [
                ("DescribeStreamSummary", "StreamARN"),
                ("GetResourcePolicy", "ResourceARN"),
                ("ListStreamConsumers", "StreamARN"),
                ("ListTagsForResource", "ResourceARN"),
            ] {
                let answer = self.done(key, operation, json!({ member: arn })).await;
                state.push(answer.json());
            }
            for shard in ["0", "1"] {
                let body = json!({"StreamARN": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
                let at = self.done(key, "GetShardIterator", body).await.json();
                let body = json!({"ShardIterator": at["ShardIterator"]});
                state.push(self.done(key, "GetRecords", body).await.json()["Records"].clone());
            }
        }
        let hidden = json!({"StreamARN": METERS, "ConsumerName": "hidden"});
        let hidden = self
            .done(ADMIN, "DescribeStreamConsumer", hidden)
            .await
            .json();
        state.push(hidden["ConsumerDescription"]["ConsumerStatus"].clone());
        let hidden = json!({"ResourceARN": self.given.hidden});
        let tags = self
            .done(ADMIN, "ListTagsForResource", hidden.clone())
            .await;
        state.push(tags.json());
        let policy = self.done(ADMIN, "GetResourcePolicy", hidden).await;
        assert!(policy.text().contains(CLERK_ARN), "{policy:?}");
        state
    }

    pub(super) fn is_denied(&self, arn: &str) -> bool {
        arn.starts_with("arn:aws:kinesis:eu-west-1:222222222222:")
            || arn == SECRET
            || arn.starts_with(&format!("{SECRET}/"))
            || arn == self.given.hidden
    }

    /// The ARN, if it is without the creation second of a consumer, with the one of the consumer that is there.
    pub(super) fn with_creation(&self, arn: String) -> String {
        let given = [&self.given.billing, &self.given.hidden, &self.given.watcher];
        let same = given
            .into_iter()
            .find(|given| given.rsplit_once(':').unwrap().0 == arn);
        same.cloned().unwrap_or(arn)
    }

    /// What no answer to the clerk holds.
    pub(super) fn untold(operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::ListStreams => &[UNTOLD],
            Operation::ListStreamConsumers => &[UNTOLD, "stream/secret"],
            _ => &[UNTOLD, "bmV2ZXItdG9sZA", "stream/secret", "consumer/hidden"],
        }
    }

    pub(super) async fn clerk_calls(
        &mut self,
        operation: Operation,
        body: &[u8],
        encoding: Encoding,
    ) -> Answer {
        self.calls_count += 1;
        let target = format!("Kinesis_20131202.{}", operation.name());
        let mut signed = self.server.signing(CLERK).sign(&target, body);
        for (name, value) in &mut signed.headers {
            if *name == "content-type" {
                *value = encoding.content_type().into();
            }
        }
        let headers = signed.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.clerk.post(&headers, body).await
    }

    /// What the audit log says next of the clerk.
    pub(super) async fn next_line_of_clerk(&mut self) -> Value {
        let path = self.server.file("audit.json");
        let wait = async {
            loop {
                if let Some(line) = self.lines.pop_front() {
                    if line["principal"] == CLERK_ARN {
                        return line;
                    }
                    continue;
                }
                let file = std::fs::read(&path).unwrap();
                let unread = &file[self.read..];
                let whole = unread
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1);
                let lines = unread[..whole].split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.is_empty());
                self.lines
                    .extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
                self.read += whole;
                tokio::task::yield_now().await;
            }
        };
        let line = tokio::time::timeout(PATIENCE, wait).await;
        line.expect("the audit log tells of the call")
    }
}
