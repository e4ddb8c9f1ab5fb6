//! Clients that send what no client should, beside one that must not notice.

use std::time::Duration;

use crate::client::{AUTHORIZATION, Client};
use crate::test_server::TestServer;

const HEAD: &str = "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.PutRecord\r\n\
                    content-type: application/x-amz-json-1.1\r\nx-amz-date: d\r\n";

fn head(more: &str) -> Vec<u8> {
    format!("{HEAD}authorization: {AUTHORIZATION}\r\n{more}\r\n").into_bytes()
}

fn short(settings: &mut millstream_server::Settings) {
    settings.http.head_timeout = Duration::from_millis(100);
    settings.http.body_timeout = Duration::from_millis(100);
}

/// What is not HTTP gets a bare 400 or nothing.
fn assert_bare_refusal(said: &[u8], sent: &[u8]) {
    let said = String::from_utf8_lossy(said);
    let is_refusal = ["HTTP/1.1 400 ", "HTTP/1.1 431 ", "HTTP/1.1 414 "]
        .iter()
        .any(|status| said.starts_with(status));
    assert!(
        said.is_empty() || (is_refusal && said.ends_with("\r\n\r\n")),
        "{said:?} to {:?}",
        String::from_utf8_lossy(&sent[..sent.len().min(80)])
    );
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = TestServer::start().await;
    let neighbour = server.neighbour().await;
    let long_line = [
        b"GET /".as_slice(),
        &vec![b'a'; 1 << 20],
        b" HTTP/1.1\r\n\r\n",
    ]
    .concat();
    let many_headers = [
        b"POST / HTTP/1.1\r\n".as_slice(),
        &b"a: b\r\n".repeat(5_000),
        b"\r\n",
    ]
    .concat();
    let bad: Vec<&[u8]> = vec![
        b"\0\0\0\0\r\n\r\n",
        b"\xff\xfe\xfd\xfc\xfb\r\n\r\n",
        b"hello\r\n\r\n",
        b"POST\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\n: empty\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 18446744073709551615\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: bogus\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        &long_line,
        &many_headers,
    ];
    for sent in bad {
        let mut client = server.client().await;
        client.send(sent).await;
        assert_bare_refusal(&client.closed().await, sent);
    }
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn half_a_body_is_no_request() {
    let server = TestServer::start().await;
    let neighbour = server.neighbour().await;
    for more in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let mut client = server.client().await;
        client.send(&head(more)).await;
        client.send(b"{\"Stre").await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.socket)
            .await
            .unwrap();
        assert_bare_refusal(&client.closed().await, more.as_bytes());
    }
    for chunk in ["ffffffffffffffffff\r\n", "zz\r\n", "-1\r\n", "5\r\n{}   xx"] {
        let mut client = server.client().await;
        client.send(&head("transfer-encoding: chunked\r\n")).await;
        client.send(chunk.as_bytes()).await;
        assert_bare_refusal(&client.closed().await, chunk.as_bytes());
    }
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_without_being_read() {
    let server = TestServer::start().await;
    let neighbour = server.neighbour().await;
    for length in ["104857600", "9223372036854775807", "17039361"] {
        let mut client = server.client().await;
        client
            .send(&head(&format!("content-length: {length}\r\n")))
            .await;
        let answer = client.answer(false).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (413, 0), "{length}");
        assert_eq!(answer.header("x-amzn-requestid"), "", "{length}");
        assert_eq!(answer.header("transfer-encoding"), "chunked", "{length}");
        assert_eq!(client.closed().await, b"", "{length}");
    }
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_client_that_sends_100_mib_reads_why_that_is_too_much() {
    let server = TestServer::start().await;
    let neighbour = server.neighbour().await;
    let mebibyte = vec![b' '; 1 << 20];
    let mut declared = server.client().await;
    declared.send(&head("content-length: 104857600\r\n")).await;
    let mut chunked = server.client().await;
    chunked.send(&head("transfer-encoding: chunked\r\n")).await;
    for _ in 0..100 {
        declared.send(&mebibyte).await;
        chunked.send(b"100000\r\n").await;
        chunked.send(&mebibyte).await;
        chunked.send(b"\r\n").await;
    }
    for mut client in [declared, chunked] {
        let answer = client.answer(false).await.expect("the answer is not lost");
        assert_eq!((answer.status, answer.body.len()), (413, 0));
    }
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn slow_senders_are_cut_off() {
    let server = TestServer::with(short).await;
    let neighbour = server.neighbour().await;
    let mut half_a_head = server.client().await;
    half_a_head.send(b"POST / HTTP/1.1\r\nhost: loc").await;
    let mut half_a_preface = server.client().await;
    half_a_preface.send(b"PRI * HTT").await;
    let mut half_a_body = server.client().await;
    half_a_body.send(&head("content-length: 10\r\n")).await;
    half_a_body.send(b"{").await;
    let mut no_chunk = server.client().await;
    no_chunk.send(&head("transfer-encoding: chunked\r\n")).await;
    let mut after_an_answer = server.client().await;
    assert_eq!(after_an_answer.call("ListStreams", "{}").await.status, 200);
    after_an_answer.send(b"POST").await;
    for client in [
        half_a_head,
        half_a_preface,
        half_a_body,
        no_chunk,
        after_an_answer,
    ] {
        assert_eq!(client.closed().await, b"");
    }
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_client_between_requests_is_not_slow() {
    let server = TestServer::with(short).await;
    let mut idle = server.client().await;
    let mut used = server.client().await;
    assert_eq!(used.call("ListStreams", "{}").await.status, 200);
    // By the time that this one is cut off, the others have waited for as long.
    let mut slow = server.client().await;
    slow.send(b"POST").await;
    assert_eq!(slow.closed().await, b"");
    for client in [&mut idle, &mut used] {
        assert_eq!(client.call("ListStreams", "{}").await.status, 200);
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn forged_iterators_are_refused() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let created = client
        .call("CreateStream", r#"{"StreamName":"s","ShardCount":1}"#)
        .await;
    assert_eq!(created.status, 200);
    let request = r#"{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST"}"#;
    let good = client.call("GetShardIterator", request).await.json();
    let good = good["ShardIterator"].as_str().unwrap().to_owned();
    let mut forged = vec![
        "AAAA".to_owned(),
        "x".to_owned(),
        "/".repeat(200),
        "é".to_owned(),
        // One pair of quotes is taken off, as on AWS; a second one is no part of an iterator.
        format!("\"\"{good}\"\""),
    ];
    for at in (0..good.len()).step_by(7) {
        let other = if good.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        let mut text = good.clone();
        text.replace_range(at..=at, other);
        forged.push(text);
    }
    for iterator in forged {
        let request = serde_json::json!({"ShardIterator": iterator}).to_string();
        let answer = client.call("GetRecords", &request).await;
        assert_eq!(answer.status, 400, "{iterator}");
        assert_eq!(answer.error(), "InvalidArgumentException", "{iterator}");
    }
    for iterator in [format!("\"{good}\""), good] {
        let request = serde_json::json!({"ShardIterator": iterator}).to_string();
        assert_eq!(client.call("GetRecords", &request).await.status, 200);
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn wrong_types_are_refused_in_the_services_words() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let refusals = [
        (
            "PutRecord",
            r#"{"StreamName":true,"PartitionKey":"k","Data":""}"#,
        ),
        (
            "PutRecord",
            r#"{"StreamName":"s","PartitionKey":[],"Data":""}"#,
        ),
        (
            "PutRecord",
            r#"{"StreamName":"s","PartitionKey":"k","Data":"?"}"#,
        ),
        ("PutRecords", r#"{"StreamName":"s","Records":{}}"#),
        ("PutRecords", r#"{"StreamName":"s","Records":[1]}"#),
        ("GetRecords", r#"{"ShardIterator":{}}"#),
        ("CreateStream", r#"{"StreamName":"s","ShardCount":"many"}"#),
    ];
    for (operation, body) in refusals {
        let answer = client.call(operation, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.error(), "SerializationException", "{body}");
        assert!(answer.json()["Message"].is_string(), "{body}");
    }
    for body in [
        "{\"StreamName\":\"\u{0}\"}".to_owned(),
        format!("{}1{}", "[".repeat(9_999), "]".repeat(9_999)),
    ] {
        let answer = client.call("PutRecord", &body).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "SerializationException")
        );
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_pipelined_client_gets_its_answers_in_order() {
    let server = TestServer::start().await;
    let mut client: Client = server.client().await;
    let mut all = Vec::new();
    for at in 0..20 {
        let body = format!("{{\"StreamName\":\"s{at}\"}}");
        let target = HEAD.replace("PutRecord", "DescribeStream");
        let request = format!(
            "{target}authorization: {AUTHORIZATION}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        all.extend_from_slice(request.as_bytes());
    }
    client.send(&all).await;
    for at in 0..20 {
        let answer = client.answer(false).await.unwrap();
        assert_eq!(
            answer.json()["message"],
            format!("Stream s{at} under account 000000000000 not found.")
        );
    }
    server.stop_cleanly().await;
}
