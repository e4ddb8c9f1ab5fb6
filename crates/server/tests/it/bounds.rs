//! What is bounded: connections and bytes in flight.

use futures::future::join_all;

use crate::client::{AUTHORIZATION, Client};
use crate::test_server::TestServer;

#[tokio::test]
async fn thousands_of_idle_connections_disturb_nobody() {
    millstream_server::raise_open_files_limit();
    let server = TestServer::start().await;
    let neighbour = server.neighbour().await;
    let mut idle: Vec<Client> = join_all((0..2_000).map(|_| server.client())).await;
    // Half of them have made a call before, as the pools of clients have.
    for client in idle.iter_mut().step_by(2) {
        assert_eq!(client.call("ListStreams", "{}").await.status, 200);
    }
    let mut one_more = server.client().await;
    assert_eq!(one_more.call("ListStreams", "{}").await.status, 200);
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let server = TestServer::with(|settings| settings.http.connections_max = 3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut client = server.client().await;
        assert_eq!(client.call("ListStreams", "{}").await.status, 200);
        open.push(client);
    }
    assert_eq!(server.client().await.closed().await, b"");
    // Room comes back with the end of one; the server notices in its own time.
    drop(open.pop());
    let mut tries = 0;
    loop {
        let mut client = server.client().await;
        client
            .send(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await;
        if let Some(answer) = client.answer(false).await {
            assert_eq!(answer.status, 200);
            break;
        }
        tries += 1;
        assert!(
            tries < 100_000,
            "the place of a closed connection is not given back"
        );
    }
    for client in &mut open {
        assert_eq!(client.call("ListStreams", "{}").await.status, 200);
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn bodies_beyond_the_bound_are_refused_for_now() {
    let server = TestServer::with(|settings| settings.http.bodies_bytes_max = 32 << 20).await;
    let neighbour = server.neighbour().await;
    let head = |target: &str, length: usize| {
        format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: {target}\r\nx-amz-date: d\r\n\
             content-type: application/x-amz-json-1.1\r\nauthorization: {AUTHORIZATION}\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let length = (16 << 20) - 100_000;
    let mut holder = server.client().await;
    let first = head("Kinesis_20131202.PutRecord", length);
    holder.send(first.as_bytes()).await;
    // What is held is what has come: all but the last byte.
    holder.send(&vec![b' '; length - 1]).await;
    for (target, json) in [
        ("Kinesis_20131202.PutRecord", "application/x-amz-json-1.1"),
        ("DynamoDB_20120810.PutItem", "application/x-amz-json-1.0"),
    ] {
        // The share of one account is used up as soon as the server has taken what was sent.
        let refused = loop {
            let mut client = server.client().await;
            let head = head(target, length).replace("application/x-amz-json-1.1", json);
            client.send(head.as_bytes()).await;
            client.send(&vec![b' '; length - 1]).await;
            if let Some(answer) = answer_or_drop(&mut client).await {
                break answer;
            }
        };
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(
            refused.error().ends_with("ServiceUnavailable"),
            "{refused:?}"
        );
    }
    // The bytes of clients that go away come back.
    drop(holder);
    let mut client = server.client().await;
    let body = vec![b' '; length];
    let answered = loop {
        client
            .send(head("Kinesis_20131202.PutRecord", length).as_bytes())
            .await;
        client.send(&body).await;
        match client.answer(false).await {
            Some(answer) if answer.status != 503 => break answer,
            _ => client = server.client().await,
        }
    };
    assert_eq!(
        (answered.status, answered.error().as_str()),
        (400, "SerializationException")
    );
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

/// The answer that comes although no body was sent; `None` if the server waits for the body.
async fn answer_or_drop(client: &mut Client) -> Option<crate::client::Answer> {
    tokio::time::timeout(std::time::Duration::from_millis(200), client.answer(false))
        .await
        .ok()
        .flatten()
}
