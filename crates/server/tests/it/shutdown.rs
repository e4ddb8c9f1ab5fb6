//! How the server ends.

use millstream_server::{Ended, OpenError, bind};
use tokio::net::TcpStream;

use crate::client::AUTHORIZATION;
use crate::test_server::{PATIENCE, TestServer};

fn half(body: &str) -> (Vec<u8>, Vec<u8>) {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.ListStreams\r\nx-amz-date: d\r\n\
         content-type: application/x-amz-json-1.1\r\nauthorization: {AUTHORIZATION}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (first, second) = body.split_at(1);
    ([head.as_bytes(), first.as_bytes()].concat(), second.into())
}

#[tokio::test]
async fn accepted_requests_are_finished_and_new_ones_refused() {
    let server = TestServer::start().await;
    let address = server.address;
    let mut idle = server.client().await;
    assert_eq!(idle.call("ListStreams", "{}").await.status, 200);
    let mut busy = server.client().await;
    let (first, second) = half("{}");
    busy.send(&first).await;
    // Answered on another connection after it was sent, so the server has taken it.
    assert_eq!(
        server.client().await.call("ListStreams", "{}").await.status,
        200
    );
    let running = server.stop();
    // The idle connection's end says that the server is stopping.
    assert_eq!(idle.closed().await, b"");
    busy.send(&second).await;
    let answer = busy
        .answer(false)
        .await
        .expect("an accepted request is answered");
    assert_eq!(answer.status, 200);
    assert_eq!(busy.closed().await, b"");
    let ended = tokio::time::timeout(PATIENCE, running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended, Ended::Cleanly);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let server = TestServer::start().await;
    let refused = bind(server.address).unwrap_err();
    assert!(matches!(refused, OpenError::AddressInUse(_)), "{refused}");
    assert!(
        refused.to_string().contains(&server.address.to_string()),
        "{refused}"
    );
    server.stop_cleanly().await;
}
