//! The conformance suite of `millstream scale`'s actuators against stand-ins of other people's making, which
//! `compat/actuators/stand_ins.py` starts: `MILLSTREAM_AUTO_SCALING` and `MILLSTREAM_KUBERNETES` are their addresses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use millstream_scaling::actuator::conformance::{change, grows_and_shrinks};
use millstream_scaling::actuator::{
    AutoScalingGroup, AutoScalingSettings, Kubernetes, KubernetesSettings, ScaledKind, Workers,
};
use millstream_types::SystemClock;

fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("compat/run actuators sets {variable}"))
}

fn group(name: &str) -> AutoScalingGroup {
    let credentials = Credentials::from_keys("compat", "compat", None);
    let settings = AutoScalingSettings {
        name: name.to_owned(),
        region: "us-east-1".to_owned(),
        endpoint_url: Some(address("MILLSTREAM_AUTO_SCALING")),
        credentials: SharedCredentialsProvider::new(credentials),
        drain: Vec::new(),
        grace: Duration::from_secs(60),
    };
    AutoScalingGroup::new(settings, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn instances_of_an_auto_scaling_group() {
    let mut group = group("till");
    grows_and_shrinks(&mut group).await;
    // AWS would refuse it, and the stand-in would not.
    let error = group.scale(&change(0, 11, &[])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "11 workers cannot be had: Auto Scaling group till has 0 to 10"
    );
    assert_eq!(group.running().await.unwrap().count(), 0);
}

#[tokio::test]
async fn an_auto_scaling_group_that_is_not_there() {
    let error = group("nothing").running().await.unwrap_err();
    assert!(
        error.to_string().contains("there is no such group"),
        "{error}"
    );
}

async fn pods(kind: ScaledKind) {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "compat\n").unwrap();
    let settings = |name: &str| KubernetesSettings {
        server: address("MILLSTREAM_KUBERNETES"),
        namespace: "shop".to_owned(),
        kind,
        name: name.to_owned(),
        token_file: Some(token_file.clone()),
        ca_file: None,
    };
    let mut pods = Kubernetes::new(settings("till")).unwrap();
    grows_and_shrinks(&mut pods).await;
    let mut absent = Kubernetes::new(settings("nothing")).unwrap();
    let error = absent.running().await.unwrap_err();
    assert!(
        !error.is_passing() && error.to_string().contains("not found"),
        "{error}"
    );
}

#[tokio::test]
async fn pods_of_a_deployment() {
    pods(ScaledKind::Deployment).await;
}

#[tokio::test]
async fn pods_of_a_stateful_set() {
    pods(ScaledKind::StatefulSet).await;
}
