//! Against a receiver in the test, over the loopback.

use aws_credential_types::Credentials;
use aws_credential_types::provider::future;
use millstream_testkit::ManualClock;
use millstream_types::TimestampMs;
use serde_json::json;

use super::*;
use crate::sinks::receiver::{Answer as Told, Receiver};

fn calls(receiver: &Receiver) -> Box<dyn Calls> {
    let credentials = Credentials::new("AKID", "secret", Some("token".to_owned()), None, "test");
    let service = Service {
        region: "eu-west-1".into(),
        endpoint: Some(receiver.url.to_string()),
        credentials: SharedCredentialsProvider::new(credentials),
        clock: Arc::new(ManualClock::new(TimestampMs(1_700_000_000_000))),
    };
    service.calls().unwrap()
}

#[tokio::test]
async fn a_call_is_json_with_its_target_and_a_signature() {
    let receiver = Receiver::start(|_, _| Told::Of(200, json!({"Id": "7"}))).await;
    let answer = calls(&receiver)
        .call("ExecuteStatement", json!({"Sql": "SELECT 1"}))
        .await;
    assert_eq!(answer.unwrap(), json!({"Id": "7"}));
    let seen = receiver.seen.lock();
    let (head, body) = &seen[0];
    let header = |name: &str| head.headers[name].to_str().unwrap();
    assert_eq!(header("x-amz-target"), "RedshiftData.ExecuteStatement");
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(header("x-amz-date"), "20231114T221320Z");
    assert_eq!(header("x-amz-security-token"), "token");
    let signature = header("authorization");
    let scope = "Credential=AKID/20231114/eu-west-1/redshift-data/aws4_request";
    assert!(
        signature.contains(scope) && signature.contains("x-amz-target"),
        "{signature}"
    );
    assert_eq!(body.as_ref(), br#"{"Sql":"SELECT 1"}"#);
}

#[tokio::test]
async fn a_refusal_is_told_from_what_nobody_knows() {
    for (told, is_refused, is_passing, says) in [
        (
            Told::Of(
                400,
                json!({"__type": "com.amazonaws.redshiftdata#ValidationException", "Message": "no such cluster"}),
            ),
            true,
            false,
            "ExecuteStatement was refused: no such cluster (ValidationException)",
        ),
        (
            Told::Of(
                400,
                json!({"__type": "ThrottlingException", "message": "slow"}),
            ),
            true,
            true,
            "slow",
        ),
        (
            Told::Of(
                400,
                json!({"__type": "ActiveStatementsExceededException", "Message": "500 run"}),
            ),
            true,
            true,
            "500 run",
        ),
        (
            Told::Of(
                500,
                json!({"__type": "InternalServerException", "Message": "oh"}),
            ),
            false,
            true,
            "status 500 oh",
        ),
        (Told::Of(200, json!("no object")), false, true, "status 200"),
        (Told::CutOff, false, true, "the receiver"),
    ] {
        let told = parking_lot::Mutex::new(Some(told));
        let receiver = Receiver::start(move |_, _| told.lock().take().unwrap()).await;
        let error = calls(&receiver)
            .call("ExecuteStatement", json!({}))
            .await
            .unwrap_err();
        assert_eq!(
            matches!(error, NotAnswered::Refused { .. }),
            is_refused,
            "{error}"
        );
        assert_eq!(error.is_passing(), is_passing, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[derive(Debug)]
struct Silent;

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

/// A provider that hung once took the whole time of a load with it, which is half an hour.
#[tokio::test(start_paused = true)]
async fn credentials_that_do_not_come_are_a_failure_that_passes() {
    let service = Service {
        region: "eu-west-1".into(),
        endpoint: Some("http://nobody.invalid".into()),
        credentials: SharedCredentialsProvider::new(Silent),
        clock: Arc::new(ManualClock::new(TimestampMs(0))),
    };
    let (calls, began) = (service.calls().unwrap(), Instant::now());
    // Who waits for the one that asks is in time too.
    let (one, other) = tokio::join!(
        calls.call("ExecuteStatement", json!({})),
        calls.call("DescribeStatement", json!({})),
    );
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert!(error.is_passing(), "{error}");
        assert!(error.to_string().contains("no credentials"), "{error}");
    }
    assert_eq!(began.elapsed(), CREDENTIALS_TIME);
}

#[test]
fn without_an_endpoint_it_is_the_region_s() {
    let service = |endpoint: Option<&str>| Service {
        region: "cn-north-1".into(),
        endpoint: endpoint.map(str::to_owned),
        credentials: SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")),
        clock: Arc::new(ManualClock::new(TimestampMs(0))),
    };
    let error = service(Some("redshift")).calls().unwrap_err();
    assert!(error.message.contains("https://HOST"), "{error}");
    // Only where the machine trusts nobody is there none.
    if let Ok(calls) = service(None).calls() {
        let said = format!("{calls:?}");
        assert!(
            said.contains("redshift-data.cn-north-1.amazonaws.com.cn"),
            "{said}"
        );
    }
}
