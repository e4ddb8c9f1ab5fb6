//! Against a program in the test.

use serde_json::Value;

use super::*;
use crate::actuator::conformance::{change, grows_and_shrinks};
use crate::actuator::stand_in::StandIn;

fn settings(url: String) -> HookSettings {
    HookSettings {
        url,
        token: Some("open sesame".to_owned()),
        timeout: Duration::from_secs(600),
    }
}

#[tokio::test]
async fn a_hook_s_workers_are_workers() {
    let (mut workers, mut started) = (Vec::<String>::new(), 0);
    let service = StandIn::start(move |seen| {
        assert_eq!(seen.header("authorization"), "Bearer open sesame");
        if seen.method == "GET" {
            return (200, json!({"workers": workers}).to_string());
        }
        let asked: Value = serde_json::from_str(&seen.body).unwrap();
        assert!(asked["because"].is_string() && asked["from"] == workers.len());
        let to = asked["to"].as_u64().unwrap() as usize;
        for id in asked["hand_over"].as_array().unwrap() {
            if workers.len() > to {
                workers.retain(|worker| id != worker);
            }
        }
        workers.truncate(to);
        while workers.len() < to {
            started += 1;
            workers.push(format!("till-{started}"));
        }
        (202, String::new())
    })
    .await;
    grows_and_shrinks(&mut Hook::new(settings(service.url.clone())).unwrap()).await;
}

#[tokio::test]
async fn a_hook_may_only_count() {
    let mut count = 0;
    let service = StandIn::start(move |seen| {
        if seen.method == "POST" {
            let asked: Value = serde_json::from_str(&seen.body).unwrap();
            count = asked["to"].as_u64().unwrap();
        }
        (200, json!({"workers": count, "more": true}).to_string())
    })
    .await;
    grows_and_shrinks(&mut Hook::new(settings(service.url.clone())).unwrap()).await;
}

#[tokio::test]
async fn what_a_hook_says_wrong_is_told() {
    let service = StandIn::start(|_| (200, "{\"workers\": -1}".to_owned())).await;
    let url = format!("{}/hook?key=secret", service.url);
    let mut hook = Hook::new(settings(url)).unwrap();
    let error = hook.running().await.unwrap_err().to_string();
    assert!(error.contains("is not an object with `workers`"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    for (status, is_passing) in [(503, true), (429, true), (404, false), (302, false)] {
        let service = StandIn::start(move |_| (status, "no".to_owned())).await;
        let mut hook = Hook::new(settings(service.url.clone())).unwrap();
        let error = hook.scale(&change(1, 2, &[])).await.unwrap_err();
        assert_eq!(error.is_passing(), is_passing, "{status}: {error}");
    }
    let settings = HookSettings {
        token: Some("a\nb".to_owned()),
        ..settings("http://127.0.0.1:1".to_owned())
    };
    assert!(Hook::new(settings).is_err());
}

#[tokio::test]
async fn a_hook_that_does_not_answer_is_not_waited_for() {
    // Nobody takes what the backlog of this socket keeps.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = HookSettings {
        timeout: Duration::from_millis(20),
        ..settings(format!("http://{}", socket.local_addr().unwrap()))
    };
    let error = Hook::new(settings).unwrap().running().await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(
        error.to_string().ends_with("it takes longer than 20 ms"),
        "{error}"
    );
}
