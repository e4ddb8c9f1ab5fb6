//! Signatures against AWS's published examples, against a second signer, and against everything that is not right.

mod examples;
mod random;
mod second_signer;

use super::*;
use millstream_types::TimestampMs;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z.
const NOW: TimestampMs = TimestampMs(1_440_938_160_000);
const DATE: &[u8] = b"20150830T123600Z";

fn request<'a>(query: &'a str, headers: &'a [Header<'a>], body: &'a [u8]) -> SignedRequest<'a> {
    SignedRequest {
        method: "POST",
        path: "/",
        query,
        headers,
        body: Body::Whole(body),
    }
}

/// What the verification of a request says, the key being known.
fn verified(
    request: &SignedRequest<'_>,
    secret: &str,
    now: TimestampMs,
) -> Result<(), AuthenticationError> {
    let presented = Presented::of(request.query, request.headers)?;
    verify(
        &presented,
        request,
        "kinesis",
        Some(&SecretKey::new(secret)),
        now,
    )
}

const HEADERS: [Header<'static>; 3] = [
    ("host", b"127.0.0.1:4566"),
    ("x-amz-date", DATE),
    ("x-amz-target", b"Kinesis_20131202.ListStreams"),
];

fn signer(secret: &SecretKey) -> Signer<'_> {
    Signer {
        access_key: KEY,
        secret,
        region: "eu-west-1",
        service: "kinesis",
    }
}

/// A signed request with its headers changed before it is verified.
fn changed(change: impl FnOnce(&mut Vec<(String, String)>)) -> Result<(), AuthenticationError> {
    changed_at(NOW, change)
}

fn changed_at(
    now: TimestampMs,
    change: impl FnOnce(&mut Vec<(String, String)>),
) -> Result<(), AuthenticationError> {
    let secret = SecretKey::new(SECRET);
    let authorization = signer(&secret).authorization(&request("", &HEADERS, b"{}"), NOW);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut headers: Vec<_> = HEADERS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), text(value)))
        .collect();
    headers.push(("authorization".into(), authorization));
    change(&mut headers);
    let headers: Vec<Header<'_>> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    verified(&request("", &headers, b"{}"), SECRET, now)
}

fn replace(headers: &mut [(String, String)], from: &str, to: &str) {
    let authorization = &mut headers.last_mut().unwrap().1;
    assert!(authorization.contains(from), "{authorization}");
    *authorization = authorization.replace(from, to);
}

#[test]
fn what_is_as_signed_passes() {
    assert_eq!(changed(|_| {}), Ok(()));
    // A client is free to write its header otherwise, and proxies add headers that are not signed.
    assert_eq!(changed(|headers| replace(headers, ", ", ",")), Ok(()));
    let extra = changed(|headers| headers.insert(0, ("X-Amzn-Trace-Id".into(), "1".into())));
    assert_eq!(extra, Ok(()));
    let capital = changed(|headers| headers[0].0 = "Host".into());
    assert_eq!(capital, Ok(()));
    let spaced = changed(|headers| headers[1].1 = "  20150830T123600Z ".into());
    assert_eq!(spaced, Ok(()));
}

#[test]
fn whatever_is_changed_is_noticed() {
    let mismatch = Err(AuthenticationError::Mismatch);
    for at in 0..3 {
        let other = changed(|headers| headers[at].1.insert(3, '0'));
        assert!(other.is_err(), "{at}");
        let twice = changed(|headers| {
            let again = headers[at].clone();
            headers.insert(0, again);
        });
        assert_eq!(twice, mismatch, "{at}");
    }
    assert_eq!(changed(|headers| drop(headers.remove(0))), mismatch);
    let secret = SecretKey::new(SECRET);
    let whole = request("", &HEADERS, b"{}");
    let authorization = signer(&secret).authorization(&whole, NOW);
    let mut headers = HEADERS.to_vec();
    headers.push(("authorization", authorization.as_bytes()));
    let whole = request("", &headers, b"{}");
    assert_eq!(verified(&whole, SECRET, NOW), Ok(()));
    assert_eq!(verified(&whole, "other", NOW), mismatch);
    for other in [
        SignedRequest {
            method: "PUT",
            ..whole
        },
        SignedRequest {
            path: "/a",
            ..whole
        },
        SignedRequest {
            query: "a",
            ..whole
        },
        SignedRequest {
            body: Body::Whole(b"{} "),
            ..whole
        },
        SignedRequest {
            body: Body::Sha256([0; 32]),
            ..whole
        },
    ] {
        assert_eq!(verified(&other, SECRET, NOW), mismatch, "{other:?}");
    }
}

#[test]
fn signatures_that_are_none_are_refused() {
    let mismatch = Err(AuthenticationError::Mismatch);
    let with = |signature: &str| {
        changed(|headers| {
            let authorization = &mut headers.last_mut().unwrap().1;
            let at = authorization.find("Signature=").unwrap();
            authorization.truncate(at + "Signature=".len());
            *authorization += signature;
        })
    };
    for bad in ["0", &"0".repeat(64), &"G".repeat(64), &"0".repeat(66)] {
        assert_eq!(with(bad), mismatch, "{bad}");
    }
    let upper = changed(|headers| {
        let authorization = &mut headers.last_mut().unwrap().1;
        let at = authorization.find("Signature=").unwrap() + "Signature=".len();
        authorization.replace_range(at.., &authorization[at..].to_ascii_uppercase());
    });
    assert_eq!(upper, mismatch);
}

#[test]
fn scopes_must_fit() {
    let text = |from: &str, to: &str| {
        let refused = changed(|headers| replace(headers, from, to)).unwrap_err();
        assert_eq!(refused.code(), crate::ErrorCode::InvalidSignature);
        refused.to_string()
    };
    assert_eq!(
        text("/kinesis/", "/dynamodb/"),
        "Credential should be scoped to correct service: 'kinesis'."
    );
    assert_eq!(
        text("aws4_request", "aws5_request"),
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."
    );
    assert_eq!(
        text("/20150830/", "/20150831/"),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != \
         '20150830', from '20150830T123600Z'."
    );
    assert_eq!(
        text("/eu-west-1/", "/eu+west/"),
        "Credential should be scoped to a valid region."
    );
    let other_region = changed(|headers| replace(headers, "/eu-west-1/", "/eu-west-2/"));
    assert_eq!(other_region, Err(AuthenticationError::Mismatch));
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let at = |seconds: i64| {
        let now = TimestampMs(NOW.0.wrapping_add_signed(seconds * 1000));
        changed_at(now, |_| {})
    };
    for good in [-300, -299, 0, 299, 300] {
        assert_eq!(at(good), Ok(()), "{good}");
    }
    let late = at(301).unwrap_err();
    assert_eq!(
        late.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    let early = at(-301).unwrap_err();
    assert_eq!(
        early.to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"
    );
    for error in [late, early] {
        assert_eq!(error.code(), crate::ErrorCode::InvalidSignature);
    }
    let no_date = changed(|headers| headers[1].1 = "today".into()).unwrap_err();
    assert_eq!(no_date.code(), crate::ErrorCode::IncompleteSignature);
}

#[test]
fn a_date_header_does_as_well() {
    let secret = SecretKey::new(SECRET);
    let mut headers = vec![
        ("host", &b"h"[..]),
        ("date", &b"Sun, 30 Aug 2015 12:36:00 GMT"[..]),
    ];
    let authorization = signer(&secret).authorization(&request("", &headers, b""), NOW);
    headers.push(("authorization", authorization.as_bytes()));
    assert_eq!(verified(&request("", &headers, b""), SECRET, NOW), Ok(()));
}

#[test]
fn host_and_amz_headers_must_be_signed() {
    let unsigned = changed(|headers| headers.push(("X-Amz-Meta".into(), "1".into())));
    assert_eq!(
        unsigned,
        Err(AuthenticationError::HeaderNotSigned("x-amz-meta".into()))
    );
    let no_host = changed(|headers| replace(headers, "SignedHeaders=host;", "SignedHeaders="));
    assert_eq!(no_host, Err(AuthenticationError::HostNotSigned));
    let no_target = changed(|headers| replace(headers, ";x-amz-target", ""));
    assert_eq!(
        no_target,
        Err(AuthenticationError::HeaderNotSigned("x-amz-target".into()))
    );
    let absent = changed(|headers| replace(headers, "=host;", "=host;not-there;"));
    assert_eq!(absent, Err(AuthenticationError::Mismatch));
}

/// The SDK for JavaScript, over HTTP/2, signs `:authority` and no `host`. It was refused.
#[test]
fn an_authority_is_signed_in_place_of_the_host() {
    let secret = SecretKey::new(SECRET);
    let mut signed = HEADERS.to_vec();
    signed[0].0 = ":authority";
    let authorization = signer(&secret).authorization(&request("", &signed, b"{}"), NOW);
    assert!(authorization.contains("SignedHeaders=:authority;"));
    // The caller adds the host, whoever signed it.
    signed.extend([HEADERS[0], ("authorization", authorization.as_bytes())]);
    assert_eq!(verified(&request("", &signed, b"{}"), SECRET, NOW), Ok(()));
    signed[0].1 = b"other:4566";
    let elsewhere = verified(&request("", &signed, b"{}"), SECRET, NOW);
    assert_eq!(elsewhere, Err(AuthenticationError::Mismatch));
}

#[test]
fn unknown_keys_and_foreign_tokens_are_refused_before_the_time_is_looked_at() {
    let secret = SecretKey::new(SECRET);
    let authorization = signer(&secret).authorization(&request("", &HEADERS, b""), NOW);
    let mut headers = HEADERS.to_vec();
    headers.push(("authorization", authorization.as_bytes()));
    let refused = |headers: &[Header<'_>], key: Option<&SecretKey>| {
        let presented = Presented::of("", headers).unwrap();
        let request = request("", headers, b"");
        verify(&presented, &request, "kinesis", key, TimestampMs(0)).unwrap_err()
    };
    let unknown = refused(&headers, None);
    assert_eq!(unknown, AuthenticationError::UnknownKey);
    assert_eq!(unknown.code(), crate::ErrorCode::UnrecognizedClient);
    headers.push(("x-amz-security-token", b"token"));
    let foreign = refused(&headers, Some(&secret));
    assert_eq!(foreign, AuthenticationError::UnknownKey);
}

#[test]
fn other_algorithms_are_refused() {
    let refused = changed(|headers| replace(headers, "SHA256 ", "SHA1 ")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now)."
    );
    assert_eq!(refused.code(), crate::ErrorCode::IncompleteSignature);
}

/// A presigned request: its query, changed before it is verified `late_s` seconds later.
fn presigned(
    expires_s: u64,
    late_s: u64,
    change: impl FnOnce(String) -> String,
) -> Result<(), AuthenticationError> {
    let secret = SecretKey::new(SECRET);
    let headers: [Header<'_>; 1] = [("host", b"h")];
    let unsigned = request("b=2&a=%201", &headers, b"{}");
    let query = change(signer(&secret).presigned_query(&unsigned, NOW, expires_s));
    let now = NOW.plus_ms(late_s * 1000);
    verified(&request(&query, &headers, b"{}"), SECRET, now)
}

#[test]
fn presigned_requests_are_good_for_their_own_time() {
    let as_it_is = |query| query;
    assert_eq!(presigned(60, 60, as_it_is), Ok(()));
    assert_eq!(presigned(3600, 3600, as_it_is), Ok(()));
    assert_eq!(presigned(604_800, 604_800, as_it_is), Ok(()));
    assert_eq!(
        presigned(90, 91, as_it_is).unwrap_err().to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123731Z - 90 sec.)"
    );
    for bad in [0, 604_801] {
        let refused = presigned(bad, 0, as_it_is).unwrap_err();
        assert_eq!(
            refused.code(),
            crate::ErrorCode::IncompleteSignature,
            "{bad}"
        );
    }
    let longer = presigned(60, 61, |query| query.replace("Expires=60", "Expires=6000"));
    assert_eq!(longer, Err(AuthenticationError::Mismatch));
    let plus = presigned(60, 0, |query| query.replace("Expires=60", "Expires=%2B60"));
    assert_eq!(
        plus.unwrap_err().code(),
        crate::ErrorCode::IncompleteSignature
    );
    let other = presigned(60, 0, |query| query.replace("b=2", "b=3"));
    assert_eq!(other, Err(AuthenticationError::Mismatch));
    let reordered = presigned(60, 0, |query| query.replacen("b=2&a=%201", "a=+1&b=2", 1));
    assert_eq!(reordered, Ok(()));
}
