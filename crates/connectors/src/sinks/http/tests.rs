//! Against a receiver in the test, over the loopback.

use std::sync::Arc;

use millstream_testkit::ManualClock;
use millstream_types::TimestampMs;
use serde_json::{Value, json};

use super::*;
use crate::Origin;
use crate::sinks::receiver::{Answer, Receiver};

struct Hook(Receiver);

impl Hook {
    async fn start(answer: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let receiver = Receiver::start(move |head, body| {
            assert_eq!(
                (head.method.as_str(), head.uri.path(), head.uri.query()),
                ("POST", "/hook", Some("a=b"))
            );
            let (status, told) = answer(&serde_json::from_slice(body).unwrap());
            Answer::Of(status, told)
        });
        Self(receiver.await)
    }

    fn sink(&self, shape: Shape, secret: Option<Secret>) -> Box<dyn Sink> {
        let settings = Settings {
            url: format!("{}hook?a=b", self.0.url).parse().unwrap(),
            shape,
            headers: [("x-tenant", "blue")]
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .into_iter()
                .collect(),
            secret,
            batch_max: 4,
            timeout: Duration::from_secs(600),
            attempts_max: 3,
        };
        let clock = Arc::new(ManualClock::new(TimestampMs(1_700_000_000_999)));
        // However busy the machine is.
        let sending_time = Duration::from_secs(600);
        let http = Http::new(settings, clock).unwrap();
        Http {
            sending_time,
            ..http
        }
        .open("s")
    }
}

fn item(number: u64) -> Item {
    let origin = Origin {
        shard_id: "shard-1".into(),
        sequence_number: number.to_string().into(),
        sub_sequence_number: 0,
        partition_key: "k".into(),
        arrived_ms: 1500,
        data: Default::default(),
    };
    Item::of_record("t", Arc::new(origin), 0, json!({"n": number}), None, 8)
}

fn items(numbers: std::ops::Range<u64>) -> Vec<Item> {
    numbers.map(item).collect()
}

fn numbers(body: &Value) -> Vec<u64> {
    let records = body["records"].as_array().unwrap();
    records
        .iter()
        .map(|one| one["value"]["n"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn batches_carry_ids_and_are_signed_for_these_items_alone() {
    let receiver = Hook::start(|_| (202, json!(null))).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut sink = receiver.sink(Shape::Records, Some(secret.parse().unwrap()));
    let outcomes = sink.deliver(&items(1..7)).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Delivered; 6]);
    sink.deliver(&items(1..5)).await.unwrap();
    sink.deliver(&items(1..4)).await.unwrap();
    let seen = receiver.0.seen.lock();
    let sizes: Vec<usize> = seen
        .iter()
        .map(|(_, body)| numbers(&serde_json::from_slice(body).unwrap()).len())
        .collect();
    assert_eq!(sizes, [4, 2, 4, 3]);
    let header = |index: usize, name: &str| seen[index].0.headers[name].to_str().unwrap();
    let first: Value = serde_json::from_slice(&seen[0].1).unwrap();
    let expected = json!({"id": "t:shard-1:1:0", "revision": 0, "value": {"n": 1}});
    assert_eq!(first["records"][0], expected);
    assert_eq!(header(0, "webhook-timestamp"), "1700000000");
    assert_eq!(
        (header(0, "content-type"), header(0, "x-tenant")),
        ("application/json", "blue")
    );
    let (id, secret) = (header(0, "webhook-id"), secret.parse::<Secret>().unwrap());
    assert_eq!(
        header(0, "webhook-signature"),
        secret.sign(id, 1_700_000_000, &seen[0].1)
    );
    // A receiver that passes over ids it has seen loses nothing.
    assert_eq!(id, header(2, "webhook-id"));
    assert_ne!(id, header(3, "webhook-id"));
}

#[tokio::test]
async fn a_value_that_is_refused_takes_no_other_along() {
    let refuses_three = |body: &Value| match numbers(body).contains(&3) {
        true => (422, json!({"error": "no threes"})),
        false => (200, json!(null)),
    };
    let receiver = Hook::start(refuses_three).await;
    let mut sink = receiver.sink(Shape::Records, None);
    let outcomes = sink.deliver(&items(1..7)).await.unwrap();
    for (number, outcome) in (1..).zip(&outcomes) {
        match outcome {
            Outcome::Rejected(why) => assert!(number == 3 && why.contains("no threes"), "{why}"),
            other => assert!(
                number != 3 && *other == Outcome::Delivered,
                "{number} {other:?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_receiver_that_is_busy_or_broken_or_knows_nobody_is_asked_again() {
    for status in [301, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504] {
        let receiver = Hook::start(move |_| (status, json!("later"))).await;
        let mut sink = receiver.sink(Shape::Records, None);
        let outcomes = sink.deliver(&items(1..9)).await.unwrap();
        let is_again = |one: &Outcome| matches!(one, Outcome::Again(why) if why.contains("later"));
        assert!(outcomes.iter().all(is_again), "{status}: {outcomes:?}");
        assert_eq!(
            receiver.0.seen.lock().len(),
            1,
            "it is left alone until the pause is over"
        );
    }
    let gone = {
        let receiver = Hook::start(|_| (200, json!(null))).await;
        receiver.sink(Shape::Records, None)
    };
    let mut gone = gone;
    let outcomes = gone.deliver(&items(1..3)).await.unwrap();
    assert!(outcomes.iter().all(|one| matches!(one, Outcome::Again(_))));
}

#[tokio::test]
async fn a_function_that_names_a_record_gets_it_again_and_those_behind_it() {
    let fails_on_three = |body: &Value| {
        let records = body["Records"].as_array().unwrap();
        let named = records
            .iter()
            .map(|one| one["kinesis"]["sequenceNumber"].as_str().unwrap())
            // The order of its answer means nothing.
            .filter(|number| ["3", "4"].contains(number))
            .rev();
        let failures: Vec<Value> = named
            .map(|number| json!({"itemIdentifier": number}))
            .collect();
        (200, json!({"batchItemFailures": failures}))
    };
    let receiver = Hook::start(fails_on_three).await;
    let shape = Shape::Lambda(Lambda {
        region: "eu-west-1".into(),
        source_arn: "arn:aws:kinesis:eu-west-1:000000000000:stream/t".into(),
    });
    let mut sink = receiver.sink(shape, None);
    let all = items(1..7);
    let outcomes = sink.deliver(&all).await.unwrap();
    assert_eq!(outcomes[..2], [Outcome::Delivered, Outcome::Delivered]);
    assert!(
        outcomes[2..]
            .iter()
            .all(|one| matches!(one, Outcome::Again(_))),
        "{outcomes:?}"
    );
    // What is left comes again; the record that it fails on is given up after the third time.
    let outcomes = sink.deliver(&all[2..]).await.unwrap();
    assert!(
        outcomes.iter().all(|one| matches!(one, Outcome::Again(_))),
        "{outcomes:?}"
    );
    let outcomes = sink.deliver(&all[2..]).await.unwrap();
    assert!(
        matches!(&outcomes[0], Outcome::Rejected(why) if why.contains("3 times")),
        "{outcomes:?}"
    );
    assert!(
        outcomes[1..]
            .iter()
            .all(|one| matches!(one, Outcome::Again(_)))
    );
    // The next one has attempts of its own.
    let outcomes = sink.deliver(&all[3..]).await.unwrap();
    assert!(matches!(outcomes[0], Outcome::Again(_)));
    let seen: Value = serde_json::from_slice(&receiver.0.seen.lock()[0].1).unwrap();
    assert_eq!(
        seen["Records"][0],
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "k",
                "sequenceNumber": "1",
                "data": "eyJuIjoxfQ==",
                "approximateArrivalTimestamp": 1.5,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": "shard-1:1",
            "eventName": "aws:kinesis:record",
            "awsRegion": "eu-west-1",
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/t",
            "idempotencyKey": "t:shard-1:1:0",
            "revision": 0,
        })
    );
}

#[tokio::test]
async fn a_function_that_fails_as_a_whole_gets_everything_again() {
    let answers = [
        json!({"errorType": "Runtime", "errorMessage": "boom"}),
        json!({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "99"}]}),
        json!({"batchItemFailures": [{"itemIdentifier": ""}]}),
        json!({"batchItemFailures": "3"}),
    ];
    for told in answers {
        let shown = told.to_string();
        let receiver = Hook::start(move |_| (200, told.clone())).await;
        let shape = Shape::Lambda(Lambda {
            region: "r".into(),
            source_arn: "a".into(),
        });
        let outcomes = receiver
            .sink(shape, None)
            .deliver(&items(1..4))
            .await
            .unwrap();
        assert!(
            outcomes.iter().all(|one| matches!(one, Outcome::Again(_))),
            "{shown} {outcomes:?}"
        );
    }
    for told in [
        json!(null),
        json!({}),
        json!({"batchItemFailures": []}),
        json!("fine"),
    ] {
        let receiver = Hook::start(move |_| (200, told.clone())).await;
        let shape = Shape::Lambda(Lambda {
            region: "r".into(),
            source_arn: "a".into(),
        });
        let outcomes = receiver
            .sink(shape, None)
            .deliver(&items(1..4))
            .await
            .unwrap();
        assert_eq!(outcomes, vec![Outcome::Delivered; 3]);
    }
}
