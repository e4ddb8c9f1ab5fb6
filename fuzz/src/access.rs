//! Credentials, policies and event-stream frames from strangers.

use millstream_policy::{Kind, Policy};
use millstream_types::TimestampMs;
use millstream_wire::event_stream::decode_frame;
use millstream_wire::sigv4::{self, Body, Header, Presented, SecretKey, SignedRequest};

const NOW: TimestampMs = TimestampMs(1_793_620_837_250);

/// Any bytes as a query string (the first line) and headers (`name: value`, one a line): nothing that was not signed
/// with the key is taken for signed.
pub fn credentials(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let query = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let headers: Vec<Header<'_>> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            Some((name, line[colon + 1..].trim_ascii()))
        })
        .collect();
    let request = SignedRequest {
        method: "POST",
        path: "/",
        query: query.unwrap_or(""),
        headers: &headers,
        body: Body::Whole(b"{}"),
    };
    let key = SecretKey::new("a secret that no input knows");
    let verified = Presented::of(request.query, &headers)
        .and_then(|presented| sigv4::verify(&presented, &request, "kinesis", Some(&key), NOW));
    let error = verified.expect_err("a signature out of nothing");
    assert!(!error.to_string().is_empty());
    assert!(!error.to_string().contains("no input knows"));
}

/// Any text as a policy of either kind: what is understood once is understood again.
pub fn policy(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for kind in [Kind::Identity, Kind::Resource] {
        match Policy::parse(kind, text) {
            Ok(policy) => assert_eq!(Policy::parse(kind, text).as_ref(), Ok(&policy)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Any bytes as the frames of an event stream: lengths are never believed beyond what is there.
pub fn event_frames(input: &[u8]) {
    let mut left = input;
    while let Ok(Some((frame, frame_bytes))) = decode_frame(left) {
        assert!(frame_bytes <= left.len() && frame_bytes >= 16);
        assert!(frame.payload.len() < frame_bytes);
        left = &left[frame_bytes..];
    }
}
