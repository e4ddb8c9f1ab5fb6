//! Clients that hold what they can, without a key or with one: nobody else may notice, and none may stay.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use millstream_server::Ended;
use millstream_types::TimestampMs;
use tokio::net::TcpStream;

use crate::client::{AUTHORIZATION, Client};
use crate::http2::Http2;
use crate::signed::{ADMIN, Key, SignedServer};
use crate::test_server::{PATIENCE, TestServer};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fn head(length: usize) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.PutRecord\r\nx-amz-date: d\r\n\
         content-type: application/x-amz-json-1.1\r\nauthorization: {AUTHORIZATION}\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn bodies_that_are_declared_and_not_sent_take_no_room_from_anybody() {
    let server = TestServer::with(|settings| settings.http.bodies_bytes_max = 32 << 20).await;
    let neighbour = server.neighbour().await;
    let mut holders = Vec::new();
    // Of the large ones few would fit beside each other, of the others enough to take all that one sender may have.
    let (large, larger) = (1 << 20, 16 << 20);
    let declared = [(larger, b"".as_slice()), (larger, b"{"), (large, b"{")];
    for (declared_bytes, sent) in declared.repeat(50) {
        let mut client = server.client().await;
        client.send(&head(declared_bytes)).await;
        client.send(sent).await;
        holders.push(client);
    }
    // A large body still finds room.
    let mut client = server.client().await;
    let data = "YWFh".repeat(250_000);
    let put = format!(r#"{{"StreamName":"neighbour","PartitionKey":"k","Data":"{data}"}}"#);
    for _ in 0..3 {
        assert_eq!(client.call("PutRecord", &put).await.status, 200);
    }
    neighbour.was_undisturbed().await;
    drop(holders);
    server.stop_cleanly().await;
}

/// The head alone says that nobody here is signed for: nothing of a large body is waited for.
#[tokio::test]
async fn a_large_body_of_a_sender_without_a_key_is_refused_by_its_head() {
    let server = SignedServer::start().await;
    let mut late = server.signing(ADMIN);
    late.time = TimestampMs(late.time.0 - 60 * 60 * 1000);
    let unknown = server.signing(Key("UNKNOWN", "a-secret-that-is-in-no-file"));
    for (signing, error) in [
        (unknown, "UnrecognizedClientException"),
        (late, "InvalidSignatureException"),
    ] {
        let signed = signing.sign("Kinesis_20131202.PutRecord", "{}");
        let headers = signed.headers.iter();
        let lines: String = headers
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "POST / HTTP/1.1\r\n{lines}content-length: {}\r\n\r\n",
            8 << 20
        );
        let mut client = server.server.client().await;
        client.send(head.as_bytes()).await;
        client.send(b"{").await;
        let answer = client.answer(false).await.unwrap();
        assert_eq!((answer.status, answer.error().as_str()), (400, error));
    }
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn connections_that_ask_for_nothing_are_closed() {
    let server = TestServer::with(|settings| {
        settings.http.idle_timeout = Duration::from_millis(50);
    })
    .await;
    // What is sent is there before the server, which runs on this thread, sees the connection.
    let connected = |bytes: &[u8]| {
        let mut socket = std::net::TcpStream::connect(server.address).unwrap();
        socket.write_all(bytes).unwrap();
        socket.set_nonblocking(true).unwrap();
        Client::from_socket(TcpStream::from_std(socket).unwrap())
    };
    let mute = connected(b"");
    let multiplexed = connected(&[PREFACE, SETTINGS].concat());
    // A byte of the next head comes with a whole request.
    let ahead = connected(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nP");
    for (client, said) in [
        (mute, ""),
        (multiplexed, ""),
        (ahead, "HTTP/1.1 200 OK\r\n"),
    ] {
        let received = client.closed().await;
        assert!(received.starts_with(said.as_bytes()), "{received:?}");
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_client_that_owes_the_rest_of_a_request_does_not_make_a_stop_unclean() {
    let server = TestServer::with(|settings| settings.shutdown_grace = PATIENCE / 10).await;
    let mut body = server.client().await;
    body.send(&head(100)).await;
    body.send(b"{").await;
    let mut half_head = server.client().await;
    half_head.send(b"POST / HTT").await;
    let mut silent = server.client().await;
    silent.send(PREFACE).await;
    silent.send(SETTINGS).await;
    let client = Http2::connect(&server).await;
    let mut sender = client.sender.clone().ready().await.unwrap();
    let (_answer, mut stream) = sender
        .send_request(Http2::request("PutRecord"), false)
        .unwrap();
    stream.send_data(Bytes::from_static(b"{"), false).unwrap();
    assert_eq!(client.call("ListStreams", "{}").await.0, 200);
    let ended = tokio::time::timeout(PATIENCE, server.stop()).await;
    assert_eq!(ended.unwrap().unwrap(), Ended::Cleanly);
}

#[tokio::test]
async fn open_requests_over_http2_are_bounded_and_those_beyond_can_be_sent_again() {
    let server = TestServer::with(|settings| settings.http.requests_bytes_max = 1 << 20).await;
    let neighbour = server.neighbour().await;
    let client = Http2::connect(&server).await;
    let mut open = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut sender = client.sender.clone().ready().await.unwrap();
        let (answer, stream) = sender
            .send_request(Http2::request("ListStreams"), false)
            .unwrap();
        open.push(stream);
        waiting.push(answer);
    }
    let mut refused = 0;
    // Of 128 times 8 KiB an address gets four fifths; what is open there does not end by itself.
    for answer in waiting.into_iter().skip(104) {
        let error = tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM), "{error}");
        refused += 1;
    }
    assert_eq!(refused, 196);
    neighbour.was_undisturbed().await;
    drop(open);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn errors_repeat_no_more_than_a_bound_of_what_was_sent() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let created = client
        .call("CreateStream", r#"{"StreamName":"s","ShardCount":1}"#)
        .await;
    assert_eq!(created.status, 200);
    let long = "!".repeat(1_000_000);
    let put = format!(r#"{{"StreamName":"s","PartitionKey":"k","Data":"{long}"}}"#);
    let named = format!(r#"{{"StreamName":"{long}"}}"#);
    for (operation, body) in [("PutRecord", &put), ("DescribeStream", &named)] {
        let refused = client.call(operation, body).await;
        assert_eq!(refused.status, 400);
        assert!(refused.body.len() < 9_000, "{}", refused.body.len());
        // What is wrong is said behind what is repeated.
        let reason = [
            "can not be converted to a Blob: Invalid",
            "failed to satisfy constraint: Member must",
        ];
        assert!(
            reason.iter().any(|reason| refused.text().contains(reason)),
            "{refused:?}"
        );
    }
    server.stop_cleanly().await;
}

/// Asks for an answer of which no more than `window` bytes are taken.
async fn ask_with_window(client: &mut Client, window: u8) {
    client.send(PREFACE).await;
    // SETTINGS_INITIAL_WINDOW_SIZE is `window`.
    client
        .send(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, window])
        .await;
    // GET /health in HPACK without Huffman's code.
    let block = b"\x82\x86\x04\x07/health\x01\x09localhost";
    let length = u8::try_from(block.len()).unwrap();
    client
        .send(&[&[0, 0, length, 1, 5, 0, 0, 0, 1], block.as_slice()].concat())
        .await;
}

#[tokio::test]
async fn a_closed_window_does_not_hold_an_answer_past_the_time_for_taking_it() {
    let server = TestServer::with(|settings| {
        settings.http.write_timeout = Duration::from_millis(50);
    })
    .await;
    for window in [0, 1] {
        let mut client = server.client().await;
        ask_with_window(&mut client, window).await;
        client.closed().await;
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_cut_off_after_the_grace() {
    let server = TestServer::with(|settings| {
        settings.shutdown_grace = Duration::from_millis(100);
    })
    .await;
    let mut client = server.client().await;
    ask_with_window(&mut client, 0).await;
    // The answer's head is there: from now on the rest of it waits.
    client.frame(1).await;
    let ended = tokio::time::timeout(PATIENCE, server.stop()).await;
    assert_eq!(ended.unwrap().unwrap(), Ended::CutOff);
    client.closed().await;
}
