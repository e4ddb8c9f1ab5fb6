//! HTTP/2 with prior knowledge, on the same port.

use bytes::Bytes;
use futures::future::join_all;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::client::AUTHORIZATION;
use crate::test_server::{PATIENCE, TestServer};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) struct Http2 {
    pub(crate) sender: SendRequest<Bytes>,
    driving: JoinHandle<()>,
}

impl Http2 {
    pub(crate) async fn connect(server: &TestServer) -> Self {
        let socket = TcpStream::connect(server.address).await.unwrap();
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(1 << 16)
            .initial_connection_window_size(1 << 24)
            .handshake::<_, Bytes>(socket)
            .await
            .unwrap();
        let driving = tokio::spawn(async move {
            connection.await.ok();
        });
        Self { sender, driving }
    }

    pub(crate) fn request(operation: &str) -> Request<()> {
        Request::post("http://localhost/")
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20261123T120000Z")
            .body(())
            .unwrap()
    }

    pub(crate) async fn call(&self, operation: &str, body: &str) -> (u16, String) {
        let mut sender = self.sender.clone().ready().await.unwrap();
        let (response, mut stream) = sender
            .send_request(Self::request(operation), false)
            .unwrap();
        stream
            .send_data(Bytes::from(body.to_owned()), true)
            .unwrap();
        let response = tokio::time::timeout(PATIENCE, response)
            .await
            .unwrap()
            .unwrap();
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut text = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            text.extend_from_slice(&data);
        }
        (status, String::from_utf8(text).unwrap())
    }

    pub(crate) async fn close(self) {
        drop(self.sender);
        tokio::time::timeout(PATIENCE, self.driving)
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_thousand_streams_share_a_connection() {
    let server = TestServer::start().await;
    let client = Http2::connect(&server).await;
    // Every stream is open, its body unfinished, before the first one is answered.
    let mut open = Vec::new();
    for _ in 0..1_000 {
        let mut sender = client.sender.clone().ready().await.unwrap();
        let (response, mut stream) = sender
            .send_request(Http2::request("ListStreams"), false)
            .unwrap();
        stream.send_data(Bytes::from_static(b"{"), false).unwrap();
        open.push((response, stream));
    }
    assert_eq!(client.call("ListStreams", "{}").await.0, 200);
    for (_, stream) in &mut open {
        stream.send_data(Bytes::from_static(b"}"), true).unwrap();
    }
    let answers = join_all(open.into_iter().map(|(response, _stream)| response));
    for answer in tokio::time::timeout(PATIENCE, answers).await.unwrap() {
        assert_eq!(answer.unwrap().status(), 200);
    }
    client.close().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_slow_stream_is_cut_off_and_holds_up_no_other() {
    let server = TestServer::with(|settings| {
        settings.http.body_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    let client = Http2::connect(&server).await;
    let mut sender = client.sender.clone().ready().await.unwrap();
    let (slow, mut stream) = sender
        .send_request(Http2::request("PutRecord"), false)
        .unwrap();
    stream.send_data(Bytes::from_static(b"{"), false).unwrap();
    for _ in 0..10 {
        assert_eq!(client.call("ListStreams", "{}").await.0, 200);
    }
    let error = tokio::time::timeout(PATIENCE, slow)
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.is_reset() || error.is_remote(), "{error}");
    assert_eq!(client.call("ListStreams", "{}").await.0, 200);
    drop((sender, stream));
    client.close().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_up_no_other_stream() {
    let server = TestServer::start().await;
    let client = Http2::connect(&server).await;
    let created = client
        .call("CreateStream", r#"{"StreamName":"s","ShardCount":1}"#)
        .await;
    assert_eq!(created.0, 200, "{created:?}");
    let data = "YWFh".repeat(200_000);
    for _ in 0..4 {
        let put = format!(r#"{{"StreamName":"s","PartitionKey":"k","Data":"{data}"}}"#);
        let put = client.call("PutRecord", &put).await;
        assert_eq!(put.0, 200, "{put:?}");
    }
    let request = r#"{"StreamName":"s","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}"#;
    let iterator = client.call("GetShardIterator", request).await.1;
    let iterator: serde_json::Value = serde_json::from_str(&iterator).unwrap();
    let get = serde_json::json!({"ShardIterator": iterator["ShardIterator"]}).to_string();
    // These bodies are never read: their windows stay full.
    let mut unread = Vec::new();
    for _ in 0..3 {
        let mut sender = client.sender.clone().ready().await.unwrap();
        let (response, mut stream) = sender
            .send_request(Http2::request("GetRecords"), false)
            .unwrap();
        stream.send_data(Bytes::from(get.clone()), true).unwrap();
        unread.push(
            tokio::time::timeout(PATIENCE, response)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    for _ in 0..10 {
        assert_eq!(client.call("ListStreams", "{}").await.0, 200);
    }
    drop(unread);
    client.close().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn what_is_not_http2_is_refused() {
    let server = TestServer::start().await;
    let neighbour = server.neighbour().await;
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        frame
    };
    let settings = frame(4, 0, 0, b"");
    let bad: Vec<Vec<u8>> = vec![
        b"garbage that is no frame at all, and then some more of it".to_vec(),
        frame(4, 0, 0, &[0; 5]),
        [settings.clone(), frame(0, 1, 1, b"data without a request")].concat(),
        [settings.clone(), frame(1, 5, 2, b"\x82")].concat(),
        [settings.clone(), frame(1, 5, 1, &[0xff; 100])].concat(),
        [settings.clone(), frame(9, 4, 1, b"continuation of nothing")].concat(),
        [settings.clone(), frame(8, 0, 0, &[0; 4])].concat(),
        [settings.clone(), vec![0xff; 9], vec![0; 100_000]].concat(),
    ];
    for sent in bad {
        let mut client = server.client().await;
        client.send(PREFACE).await;
        client.send(&sent).await;
        let said = client.closed().await;
        assert!(!said.starts_with(b"HTTP/1"), "{said:?}");
    }
    neighbour.was_undisturbed().await;
    server.stop_cleanly().await;
}
