//! What AWS's own signer for Rust signs, this module verifies, and the other way round.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use proptest::prelude::*;

use super::*;

/// A request as a proptest makes it.
#[derive(Debug, Clone)]
struct Made {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    seconds: u64,
    region: String,
    has_checksum: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let headers =
        proptest::collection::vec(("(a|b|x-amz-c|content-type|x-d)", "[!-~ ]{0,20}"), 0..6);
    let path = proptest::collection::vec("([a-z.~-]|%2[0-9A-F]|[@:=+!$',;]){1,6}", 0..4);
    let query = proptest::collection::vec(
        (
            "([a-zA-Z.~_-]|%[2-7][0-9A-F]){1,5}",
            "([a-zA-Z/:~_-]|%[2-7][0-9A-F]){0,5}",
        ),
        0..5,
    );
    (
        prop_oneof![Just("POST"), Just("GET")],
        path,
        query,
        headers,
        proptest::collection::vec(any::<u8>(), 0..200),
        0_u64..4_000_000_000,
        "[a-z]{2}-[a-z]{3,8}-[0-9]",
        any::<bool>(),
    )
        .prop_map(
            |(method, path, query, headers, body, seconds, region, has_checksum)| Made {
                method,
                path: format!("/{}", path.join("/")),
                query: query
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect::<Vec<_>>()
                    .join("&"),
                headers,
                body,
                seconds,
                region,
                has_checksum,
            },
        )
}

/// Names and values.
type Added = Vec<(String, String)>;

/// What the other signer adds: headers and query parameters.
fn signed(made: &Made, location: SignatureLocation) -> (Added, Added) {
    let identity = Credentials::new(KEY, SECRET, None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    if location == SignatureLocation::QueryParams {
        settings.expires_in = Some(Duration::from_secs(60));
    } else if made.has_checksum {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&made.region)
        .name("kinesis")
        .time(UNIX_EPOCH + Duration::from_secs(made.seconds))
        .settings(settings)
        .build()
        .unwrap();
    let separator = if made.query.is_empty() { "" } else { "?" };
    let uri = format!("http://h:1{}{separator}{}", made.path, made.query);
    let headers = made
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(&made.body);
    let request = SignableRequest::new(made.method, uri, headers, body).unwrap();
    let (instructions, _) = sign(request, &params.into()).unwrap().into_parts();
    let (headers, query) = instructions.into_parts();
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    (
        headers
            .iter()
            .map(|header| own((header.name(), header.value())))
            .collect(),
        query
            .iter()
            .map(|(name, value)| own((name, value)))
            .collect(),
    )
}

fn pairs(headers: &[(String, String)]) -> Vec<Header<'_>> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

fn with<'a>(made: &'a Made, query: &'a str, headers: &'a [Header<'a>]) -> SignedRequest<'a> {
    SignedRequest {
        method: made.method,
        path: &made.path,
        query,
        headers,
        body: Body::Whole(&made.body),
    }
}

proptest! {
    #[test]
    fn headers_of_the_other_signer_are_verified_and_made_alike(made in made()) {
        let (added, _) = signed(&made, SignatureLocation::Headers);
        let mut headers = vec![("host".to_owned(), "h:1".to_owned())];
        headers.extend(made.headers.clone());
        headers.extend(added);
        let headers = pairs(&headers);
        let request = with(&made, &made.query, &headers);
        let now = TimestampMs(made.seconds * 1000);
        prop_assert_eq!(verified(&request, SECRET, now), Ok(()));

        let secret = SecretKey::new(SECRET);
        let signer = Signer { region: &made.region, ..signer(&secret) };
        let theirs = find_header(&headers, "authorization").unwrap();
        let ours = signer.authorization(&request, now);
        prop_assert_eq!(String::from_utf8_lossy(theirs), ours);
    }

    #[test]
    fn presigned_queries_of_the_other_signer_are_verified(made in made()) {
        let (_, added) = signed(&made, SignatureLocation::QueryParams);
        let mut query = made.query.clone();
        for (name, value) in added {
            let mut encoded = Vec::new();
            canonical::percent_encode(value.as_bytes(), &mut encoded);
            if !query.is_empty() {
                query.push('&');
            }
            query += &format!("{name}={}", String::from_utf8(encoded).unwrap());
        }
        let mut headers = vec![("host".to_owned(), "h:1".to_owned())];
        headers.extend(made.headers.clone());
        let headers = pairs(&headers);
        let request = with(&made, &query, &headers);
        let now = TimestampMs(made.seconds * 1000);
        prop_assert_eq!(verified(&request, SECRET, now), Ok(()));
    }
}
