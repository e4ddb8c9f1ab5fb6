//! Against an API server in the test.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::*;
use crate::actuator::conformance::{change, grows_and_shrinks};
use crate::actuator::stand_in::{Seen, StandIn};

const PATH: &str = "/apis/apps/v1/namespaces/shop/statefulsets/till/scale";

/// An object that has so many replicas, as the API server tells of it.
fn scale_of(replicas: &Mutex<u64>, seen: &Seen) -> (u16, String) {
    assert_eq!(seen.path, PATH);
    if seen.method == "PATCH" {
        assert_eq!(seen.header("content-type"), "application/merge-patch+json");
        let patch: Value = serde_json::from_str(&seen.body).unwrap();
        *replicas.lock() = patch["spec"]["replicas"].as_u64().unwrap();
    }
    let count = *replicas.lock();
    // As Go writes it: what is 0 is left out.
    let spec = match count {
        0 => json!({}),
        _ => json!({"replicas": count}),
    };
    let scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "till", "namespace": "shop"},
        "spec": spec, "status": {"replicas": 17, "selector": "app=till"},
    });
    (200, scale.to_string())
}

fn settings(url: &str) -> KubernetesSettings {
    KubernetesSettings {
        server: url.to_owned(),
        namespace: "shop".to_owned(),
        kind: ScaledKind::StatefulSet,
        name: "till".to_owned(),
        token_file: None,
        ca_file: None,
    }
}

#[tokio::test]
async fn pods_are_workers() {
    let replicas = Mutex::new(0);
    let service = StandIn::start(move |seen| scale_of(&replicas, seen)).await;
    let mut pods = Kubernetes::new(settings(&service.url)).unwrap();
    grows_and_shrinks(&mut pods).await;
}

#[tokio::test]
async fn the_token_is_read_again_and_the_authority_is_the_file_s() {
    let folder = tempfile::tempdir().unwrap();
    let (token, authority) = (folder.path().join("token"), folder.path().join("ca.crt"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let replicas = Mutex::new(2);
    let service =
        StandIn::encrypted(Arc::new(tls).into(), move |seen| scale_of(&replicas, seen)).await;
    let trusting = KubernetesSettings {
        token_file: Some(token.clone()),
        ca_file: Some(authority),
        ..settings(&service.url)
    };
    let mut pods = Kubernetes::new(trusting.clone()).unwrap();
    for is in ["one", "two"] {
        std::fs::write(&token, format!("{is}\n")).unwrap();
        assert_eq!(pods.running().await.unwrap(), Running::Counted(2));
        assert_eq!(
            service.seen()[0].header("authorization"),
            format!("Bearer {is}")
        );
    }
    // Another authority vouches for nobody here.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.path().join("other.crt");
    std::fs::write(&file, other.cert.pem()).unwrap();
    let distrusting = KubernetesSettings {
        ca_file: Some(file),
        ..trusting
    };
    let error = Kubernetes::new(distrusting)
        .unwrap()
        .running()
        .await
        .unwrap_err();
    assert!(
        error.is_passing() && error.to_string().contains("certificate"),
        "{error}"
    );
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_server_s_words() {
    let status = json!({
        "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "deployments.apps \"till\" is forbidden: User \"x\" cannot get resource \"deployments/scale\"",
    });
    let service = StandIn::start(move |_| (403, status.to_string())).await;
    let mut pods = Kubernetes::new(settings(&service.url)).unwrap();
    let error = pods.running().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET of the scale of statefulsets/till in shop was refused: deployments.apps \"till\" is forbidden: User \"x\" \
         cannot get resource \"deployments/scale\""
    );
    assert!(!error.is_passing());
    let conflict = StandIn::start(|_| (409, "try again".to_owned())).await;
    let mut pods = Kubernetes::new(settings(&conflict.url)).unwrap();
    assert!(
        pods.scale(&change(1, 2, &[]))
            .await
            .unwrap_err()
            .is_passing()
    );
}

#[tokio::test]
async fn what_somebody_else_bounds_is_told() {
    let service = StandIn::start(|_| (200, json!({"spec": {"replicas": 4}}).to_string())).await;
    let mut pods = Kubernetes::new(settings(&service.url)).unwrap();
    let error = pods.scale(&change(4, 6, &[])).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("4 replicas are what it has now"),
        "{error}"
    );
}

#[test]
fn an_address_of_ipv6_has_brackets() {
    assert_eq!(server("10.0.0.1", "443"), "https://10.0.0.1:443");
    assert_eq!(server("fd00::1", "6443"), "https://[fd00::1]:6443");
}
