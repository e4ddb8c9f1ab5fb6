//! Subscriptions over both versions of HTTP, frame by frame.

use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use millstream_wire::event_stream::{Frame, decode_frame};
use serde_json::{Value, json};

use crate::client::{AUTHORIZATION, Client};
use crate::http2::Http2;
use crate::test_server::{PATIENCE, TestServer};

pub(crate) const STREAM_ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/meters";

/// An answer that brings frames.
pub(crate) enum Events {
    Http1 { client: Client, received: Vec<u8> },
    Http2 { body: RecvStream, received: Vec<u8> },
}

/// What a subscriber asks for.
pub(crate) fn subscribe_request(consumer: &str, shard: &str, position: &Value) -> String {
    json!({"ConsumerARN": consumer, "ShardId": shard, "StartingPosition": position}).to_string()
}

impl Events {
    /// Subscribes over HTTP/1.1 on a connection of its own.
    pub(crate) async fn http1(server: &TestServer, request: &str) -> Self {
        Self::http1_as(server, "application/x-amz-json-1.1", request.as_bytes()).await
    }

    pub(crate) async fn http1_as(server: &TestServer, content_type: &str, body: &[u8]) -> Self {
        let mut client = server.client().await;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.SubscribeToShard\r\n\
             x-amz-date: 20261123T120000Z\r\ncontent-type: {content_type}\r\nauthorization: {AUTHORIZATION}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        client.send(&[head.as_bytes(), body].concat()).await;
        let answer = client.head().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            "application/vnd.amazon.eventstream"
        );
        assert_eq!(answer.header("transfer-encoding"), "chunked");
        Self::begun(Self::Http1 {
            client,
            received: Vec::new(),
        })
        .await
    }

    /// Subscribes on a connection that others share.
    pub(crate) async fn http2(connection: &Http2, request: &str) -> Self {
        Self::begun(Self::http2_unread(connection, request).await).await
    }

    /// Subscribes and reads nothing.
    pub(crate) async fn http2_unread(connection: &Http2, request: &str) -> Self {
        let mut sender = connection.sender.clone().ready().await.unwrap();
        let http_request = Http2::request("SubscribeToShard");
        let (response, mut stream) = sender.send_request(http_request, false).unwrap();
        stream
            .send_data(Bytes::from(request.to_owned()), true)
            .unwrap();
        let response = tokio::time::timeout(PATIENCE, response)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(response.status(), 200);
        Self::Http2 {
            body: response.into_body(),
            received: Vec::new(),
        }
    }

    /// The first frame is the initial response.
    async fn begun(mut events: Self) -> Self {
        let first = events.frame().await.expect("a first frame");
        assert_eq!(first.header(":message-type"), Some("event"));
        assert_eq!(first.header(":event-type"), Some("initial-response"));
        events
    }

    /// The next frame; `None` at a clean end. Panics if the stream breaks off.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            let (Self::Http1 { received, .. } | Self::Http2 { received, .. }) = self;
            if let Some((frame, size)) = decode_frame(received).unwrap() {
                received.drain(..size);
                return Some(frame);
            }
            if !self.receive().await {
                let (Self::Http1 { received, .. } | Self::Http2 { received, .. }) = self;
                assert_eq!(received.len(), 0, "the stream ends between frames");
                return None;
            }
        }
    }

    async fn receive(&mut self) -> bool {
        match self {
            Self::Http1 { client, received } => {
                let chunk = client.chunk().await.expect("the stream has an end");
                received.extend_from_slice(&chunk);
                !chunk.is_empty()
            }
            Self::Http2 { body, received } => {
                let data = tokio::time::timeout(PATIENCE, body.data()).await.unwrap();
                let Some(data) = data else { return false };
                let data = data.expect("the stream has an end");
                body.flow_control().release_capacity(data.len()).unwrap();
                received.extend_from_slice(&data);
                true
            }
        }
    }

    /// The next event's payload, in JSON; `None` at a clean end.
    pub(crate) async fn event(&mut self) -> Option<Value> {
        let frame = self.frame().await?;
        assert_eq!(
            frame.header(":event-type"),
            Some("SubscribeToShardEvent"),
            "{frame:?}"
        );
        assert_eq!(
            frame.header(":content-type"),
            Some("application/x-amz-json-1.1")
        );
        Some(serde_json::from_slice(&frame.payload).unwrap())
    }

    /// The next event with records.
    pub(crate) async fn records(&mut self) -> Vec<Value> {
        loop {
            let event = self.event().await.expect("it goes on");
            let records = event["Records"].as_array().unwrap();
            if !records.is_empty() {
                return records.clone();
            }
        }
    }

    /// The type and text of the exception that comes after any events.
    pub(crate) async fn exception(&mut self) -> (String, String) {
        loop {
            let frame = self.frame().await.expect("an exception comes");
            let Some(exception) = frame.header(":exception-type") else {
                continue;
            };
            assert_eq!(frame.header(":message-type"), Some("exception"));
            let payload: Value = serde_json::from_slice(&frame.payload).unwrap();
            return (
                exception.to_owned(),
                payload["message"].as_str().unwrap().to_owned(),
            );
        }
    }

    /// The connection, once a stream over HTTP/1.1 has ended.
    pub(crate) fn into_client(self) -> Client {
        match self {
            Self::Http1 { client, .. } => client,
            Self::Http2 { .. } => panic!("it is one of many streams"),
        }
    }

    /// Takes what comes without making room for more, until the server resets the stream.
    pub(crate) async fn reset(self) {
        let Self::Http2 { mut body, .. } = self else {
            panic!("HTTP/1.1 has no streams");
        };
        loop {
            let data = tokio::time::timeout(PATIENCE, body.data()).await.unwrap();
            match data.expect("it does not end cleanly") {
                Ok(_) => {}
                Err(error) => {
                    assert!(error.is_reset(), "{error}");
                    return;
                }
            }
        }
    }
}

/// Creates the stream and waits for nothing: it is there when the call returns.
pub(crate) async fn create(client: &mut Client, shards: u32) {
    let request = json!({"StreamName": "meters", "ShardCount": shards}).to_string();
    let created = client.call("CreateStream", &request).await;
    assert_eq!(created.status, 200, "{created:?}");
}

/// Registers a consumer; its ARN.
pub(crate) async fn register(client: &mut Client, name: &str) -> String {
    let request = json!({"StreamARN": STREAM_ARN, "ConsumerName": name}).to_string();
    let registered = client.call("RegisterStreamConsumer", &request).await;
    assert_eq!(registered.status, 200, "{registered:?}");
    let consumer = &registered.json()["Consumer"];
    assert_eq!(consumer["ConsumerStatus"], "ACTIVE");
    consumer["ConsumerARN"].as_str().unwrap().to_owned()
}

pub(crate) async fn put(client: &mut Client, key: &str, data: &str) {
    let request = json!({"StreamName": "meters", "PartitionKey": key, "Data": data}).to_string();
    let put = client.call("PutRecord", &request).await;
    assert_eq!(put.status, 200, "{put:?}");
}

#[tokio::test]
async fn events_come_over_both_versions_of_http() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create(&mut client, 1).await;
    let http2 = Http2::connect(&server).await;
    let (first, second) = (
        register(&mut client, "one").await,
        register(&mut client, "two").await,
    );
    let latest = json!({"Type": "LATEST"});
    let mut one = Events::http1(&server, &subscribe_request(&first, "0", &latest)).await;
    let mut two = Events::http2(&http2, &subscribe_request(&second, "0", &latest)).await;
    for events in [&mut one, &mut two] {
        let event = events.event().await.unwrap();
        assert_eq!(event["Records"], json!([]));
        assert_eq!(event["MillisBehindLatest"], 0);
        assert!(event["ContinuationSequenceNumber"].is_string());
        assert_eq!(event.as_object().unwrap().len(), 3);
    }
    for data in ["YQ==", "YWI="] {
        put(&mut client, "k", data).await;
        for events in [&mut one, &mut two] {
            let records = events.records().await;
            assert_eq!(records.len(), 1);
            assert_eq!(records[0]["Data"], data);
            assert_eq!(records[0]["PartitionKey"], "k");
        }
    }
    // The same consumer again, at once: refused as a plain answer, and who was there stays.
    let refused = http2
        .call("SubscribeToShard", &subscribe_request(&first, "0", &latest))
        .await;
    assert_eq!(refused.0, 400);
    assert!(refused.1.contains("ResourceInUseException"), "{refused:?}");
    let bad = subscribe_request(&first, "0", &json!({"Type": "AT_SEQUENCE_NUMBER"}));
    let refused = client.call("SubscribeToShard", &bad).await;
    assert_eq!(
        (refused.status, &refused.error()[..]),
        (400, "InvalidArgumentException")
    );
    assert_eq!(refused.header("content-type"), "application/x-amz-json-1.1");
    // A split ends the shard; HTTP/1.1 goes on with the next request on the same connection.
    let split = r#"{"StreamName":"meters","ShardToSplit":"0","NewStartingHashKey":"170141183460469231731687303715884105728"}"#;
    assert_eq!(client.call("SplitShard", split).await.status, 200);
    for events in [&mut one, &mut two] {
        let last = events.event().await.unwrap();
        assert_eq!(last.get("ContinuationSequenceNumber"), None, "{last}");
        assert_eq!(last["ChildShards"].as_array().unwrap().len(), 2);
        assert_eq!(
            last["ChildShards"][0]["ParentShards"],
            json!(["shardId-000000000000"])
        );
        assert_eq!(events.event().await, None);
    }
    let mut again = one.into_client();
    assert_eq!(again.call("ListStreams", "{}").await.status, 200);
    drop(two);
    http2.close().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_request_in_cbor_gets_events_in_cbor() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create(&mut client, 1).await;
    let consumer = register(&mut client, "one").await;
    put(&mut client, "k", "YQ==").await;
    let text = |text: &str| {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&[0x79][..], &length, text.as_bytes()].concat()
    };
    let pairs = [("ConsumerARN", consumer.as_str()), ("ShardId", "0")];
    let mut body = vec![0xbf];
    for (name, value) in pairs {
        body.extend([text(name), text(value)].concat());
    }
    body.extend(
        [
            text("StartingPosition"),
            vec![0xa1],
            text("Type"),
            text("TRIM_HORIZON"),
        ]
        .concat(),
    );
    body.push(0xff);
    let cbor = "application/x-amz-cbor-1.1";
    let mut events = Events::http1_as(&server, cbor, &body).await;
    let frame = events.frame().await.unwrap();
    assert_eq!(frame.header(":content-type"), Some(cbor));
    assert!(
        frame.payload.starts_with(b"\xbf\x67Records\x9f\xbf"),
        "{frame:?}"
    );
    assert!(
        frame
            .payload
            .windows(7)
            .any(|part| part == b"\x64Data\x41a")
    );
    server.stop_cleanly().await;
}

#[tokio::test]
async fn what_ends_a_subscription_is_a_frame() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create(&mut client, 1).await;
    let consumer = register(&mut client, "one").await;
    let request = subscribe_request(&consumer, "0", &json!({"Type": "TRIM_HORIZON"}));
    let mut events = Events::http1(&server, &request).await;
    let gone = json!({"ConsumerARN": consumer}).to_string();
    let deregistered = client.call("DeregisterStreamConsumer", &gone).await;
    assert_eq!((deregistered.status, deregistered.body.len()), (200, 0));
    let (exception, text) = events.exception().await;
    assert_eq!(exception, "ResourceNotFoundException");
    assert_eq!(
        text,
        format!("Consumer {consumer}, account 000000000000 not found.")
    );
    assert_eq!(events.frame().await, None);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_stop_ends_subscriptions_first_those_of_stalled_readers_too() {
    let server = TestServer::with(|settings| {
        settings.shutdown_grace = PATIENCE;
    })
    .await;
    let mut client = server.client().await;
    create(&mut client, 3).await;
    let consumer = register(&mut client, "one").await;
    let http2 = Http2::connect(&server).await;
    let large = "YWFh".repeat(100_000);
    for _ in 0..3 {
        put(&mut client, "k", &large).await;
    }
    let at = |shard: usize| {
        subscribe_request(
            &consumer,
            &shard.to_string(),
            &json!({"Type": "TRIM_HORIZON"}),
        )
    };
    let shard = {
        let request = json!({"StreamName": "meters", "PartitionKey": "k", "Data": ""}).to_string();
        let put = client.call("PutRecord", &request).await.json();
        put["ShardId"]
            .as_str()
            .unwrap()
            .trim_start_matches("shardId-")
            .parse()
            .unwrap()
    };
    let idle: Vec<usize> = (0..3).filter(|other| *other != shard).collect();
    // Its window is full after the first 64 KiB of three records of 300 kB.
    let stalled = Events::http2_unread(&http2, &at(shard)).await;
    let mut over_http1 = Events::http1(&server, &at(idle[0])).await;
    let mut over_http2 = Events::http2(&http2, &at(idle[1])).await;
    over_http1.event().await.unwrap();
    over_http2.event().await.unwrap();
    let running = server.stop();
    assert_eq!(over_http1.frame().await, None);
    assert_eq!(over_http2.frame().await, None);
    stalled.reset().await;
    let ended = tokio::time::timeout(Duration::from_secs(30), running).await;
    assert_eq!(ended.unwrap().unwrap(), millstream_server::Ended::Cleanly);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_its_place_is_free() {
    let server = TestServer::with(|settings| {
        settings.http.write_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = server.client().await;
    create(&mut client, 1).await;
    let consumer = register(&mut client, "one").await;
    let large = "YWFh".repeat(100_000);
    for _ in 0..3 {
        put(&mut client, "k", &large).await;
    }
    let request = subscribe_request(&consumer, "0", &json!({"Type": "TRIM_HORIZON"}));
    let http2 = Http2::connect(&server).await;
    let stalled = Events::http2_unread(&http2, &request).await;
    stalled.reset().await;
    // At once, although the first one began less than five seconds ago; and this one is read.
    let mut read = Events::http2(&http2, &request).await;
    let mut count = 0;
    while count < 3 {
        count += read.records().await.len();
    }
    drop(read);
    http2.close().await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn two_hundred_shards_share_a_connection_with_a_slow_reader() {
    const SHARDS: usize = 200;
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create(&mut client, 200).await;
    let http2 = Http2::connect(&server).await;
    let (consumer, slow) = (
        register(&mut client, "one").await,
        register(&mut client, "slow").await,
    );
    let latest = json!({"Type": "LATEST"});
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        let request = subscribe_request(&consumer, &shard.to_string(), &latest);
        all.push(Events::http2(&http2, &request).await);
    }
    let unread = Events::http2_unread(&http2, &subscribe_request(&slow, "0", &latest)).await;
    let large = "YWFh".repeat(100_000);
    for number in 0..3 {
        for shard in (0..SHARDS).rev() {
            let key = (u128::MAX / 200) * u128::try_from(shard).unwrap() + 1_000;
            // The first shard's records fill the slow reader's window.
            let data = if shard == 0 { &large[..] } else { "YQ==" };
            let request = json!({
                "StreamName": "meters", "PartitionKey": number.to_string(), "ExplicitHashKey": key.to_string(),
                "Data": data,
            });
            let put = client.call("PutRecord", &request.to_string()).await;
            assert_eq!(put.status, 200, "{put:?}");
        }
        for (shard, events) in all.iter_mut().enumerate() {
            let records = events.records().await;
            assert_eq!(records.len(), 1, "{shard}");
            assert_eq!(records[0]["PartitionKey"], number.to_string());
        }
    }
    drop((unread, all));
    http2.close().await;
    server.stop_cleanly().await;
}
