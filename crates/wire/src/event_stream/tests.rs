//! Frames against their own decoder, against the one of the SDK for Rust, and byte by byte.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::test_cases::cases;
use crate::{cbor, json};

type Headers = Vec<(String, String)>;

fn written(headers: &Headers, payload: &[u8]) -> Vec<u8> {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut out = Vec::new();
    write_frame(&mut out, &headers, |out| out.extend_from_slice(payload));
    out
}

fn any_headers() -> impl Strategy<Value = Headers> {
    vec(("[a-z:-]{1,20}", ".{0,40}"), 0..6)
}

proptest! {
    #![proptest_config(cases("event-stream frames", 400))]

    #[test]
    fn frames_come_back_as_they_were(headers in any_headers(), payload: Vec<u8>, behind: Vec<u8>) {
        let frame = written(&headers, &payload);
        let (read, size) = decode_frame(&[&frame[..], &behind].concat()).unwrap().unwrap();
        prop_assert_eq!(size, frame.len());
        prop_assert_eq!(&read.headers, &headers);
        prop_assert_eq!(&read.payload, &payload);
        for end in 0..frame.len() {
            prop_assert_eq!(decode_frame(&frame[..end]), Ok(None));
        }
    }

    #[test]
    fn the_sdk_reads_and_writes_the_same(headers in any_headers(), payload: Vec<u8>) {
        let frame = written(&headers, &payload);
        let message = read_message_from(&frame[..]).unwrap();
        let expected = headers.iter().fold(Message::new(payload.clone()), |message, (name, value)| {
            message.add_header(Header::new(name.clone(), HeaderValue::String(value.clone().into())))
        });
        prop_assert_eq!(&message, &expected);
        let mut theirs = Vec::new();
        write_message_to(&expected, &mut theirs).unwrap();
        prop_assert_eq!(theirs, frame);
    }

    #[test]
    fn a_changed_byte_is_noticed(
        headers in any_headers(), payload in vec(any::<u8>(), 0..80), at: prop::sample::Index, change in 1u8..,
    ) {
        let mut frame = written(&headers, &payload);
        let at = at.index(frame.len());
        frame[at] ^= change;
        prop_assert!(decode_frame(&frame).is_err());
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes: Vec<u8>, lengths in any::<(u32, u32)>()) {
        drop(decode_frame(&bytes));
        // With the right first checksum, what the lengths say is what is looked at.
        let mut frame = [lengths.0.to_be_bytes(), lengths.1.to_be_bytes()].concat();
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend(&bytes);
        drop(decode_frame(&frame));
    }
}

#[test]
fn hostile_lengths_are_refused_before_anything_is_waited_for() {
    for (frame_bytes, headers_bytes) in [
        (0, 0),
        (15, 0),
        (16, 1),
        (u32::MAX, 0),
        (u32::MAX, u32::MAX),
        (16 + 16 * 1024 * 1024 + 1, 0),
        (1024 * 1024, 128 * 1024 + 1),
    ] {
        let mut frame = [
            u32::to_be_bytes(frame_bytes),
            u32::to_be_bytes(headers_bytes),
        ]
        .concat();
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        assert_eq!(
            decode_frame(&frame),
            Err(InvalidFrame::Lengths),
            "{frame_bytes}"
        );
    }
}

#[test]
fn headers_of_other_types_are_refused() {
    let mut frame = written(&vec![("a".into(), "b".into())], b"");
    frame[14] = 4;
    let content = frame.len() - 4;
    let checksum = crc32fast::hash(&frame[..content]).to_be_bytes();
    frame[content..].copy_from_slice(&checksum);
    assert_eq!(decode_frame(&frame), Err(InvalidFrame::Headers));
}

fn read(bytes: &[u8]) -> Frame {
    let (frame, size) = decode_frame(bytes).unwrap().unwrap();
    assert_eq!(size, bytes.len());
    frame
}

#[test]
fn frames_of_a_subscription() {
    let json = Encoding::Json.content_type();
    let initial = initial_response_frame(Encoding::Json);
    assert_eq!(&initial[..12], b"\0\0\0\x72\0\0\0\x60\xab\x82\x0d\x9e");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let frame = read(&initial);
    assert_eq!(
        frame.headers,
        [
            header(":message-type", "event"),
            header(":event-type", "initial-response"),
            header(":content-type", json),
        ]
    );
    assert_eq!(frame.payload, b"{}");
    let cbor_initial = read(&initial_response_frame(Encoding::Cbor));
    assert_eq!(
        cbor_initial.header(":content-type"),
        Some("application/x-amz-cbor-1.1")
    );
    assert!(cbor::parse(&cbor_initial.payload).is_ok());

    let event = SubscribeToShardEvent {
        records: Vec::new(),
        continuation_sequence_number: None,
        millis_behind_latest: 7,
        child_shards: Some(Vec::new()),
    };
    for encoding in [Encoding::Json, Encoding::Cbor] {
        let frame = read(&event_frame(encoding, &event));
        assert_eq!(frame.header(":event-type"), Some("SubscribeToShardEvent"));
        assert_eq!(frame.header(":content-type"), Some(encoding.content_type()));
        let payload = crate::encode_subscribe_to_shard_event(encoding, &event);
        assert_eq!(frame.payload, payload);
    }

    let error = ApiError::new(ErrorCode::ResourceInUse, "Another one.");
    let frame = read(&exception_frame(Encoding::Json, &error));
    assert_eq!(
        frame.headers,
        [
            header(":message-type", "exception"),
            header(":exception-type", "ResourceInUseException"),
            header(":content-type", json),
        ]
    );
    assert_eq!(frame.payload, br#"{"message":"Another one."}"#);
    assert!(json::parse(&frame.payload).is_ok());
    let error = ApiError::new(ErrorCode::InternalFailure, "no");
    let frame = read(&exception_frame(Encoding::Cbor, &error));
    assert_eq!(
        frame.header(":exception-type"),
        Some("InternalFailureException")
    );
    assert_eq!(frame.payload, b"\xbf\x67message\x62no\xff");
}
