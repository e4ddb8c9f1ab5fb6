//! Whatever comes as a header or a query: an answer, and never the wrong one.

use proptest::prelude::*;

use super::*;

/// Pieces that credentials are made of, and pieces that they are not made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("AWS4-HMAC-SHA256 ".to_owned()),
        Just("Credential=".to_owned()),
        Just("SignedHeaders=".to_owned()),
        Just("Signature=".to_owned()),
        Just("host;x-amz-date;x-amz-target".to_owned()),
        Just("k/20150830/eu-west-1/kinesis/aws4_request".to_owned()),
        Just("X-Amz-Algorithm=".to_owned()),
        Just("X-Amz-Credential=".to_owned()),
        Just("X-Amz-Date=20150830T123600Z".to_owned()),
        Just("X-Amz-SignedHeaders=host".to_owned()),
        Just("X-Amz-Signature=".to_owned()),
        Just("X-Amz-Expires=".to_owned()),
        Just("0".repeat(64)),
        "[,;&=/%+ ]",
        "\\PC{0,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn made_up_headers_are_refused(authorization in text(), extra in any::<Vec<u8>>()) {
        let mut bytes = authorization.into_bytes();
        bytes.extend(extra.iter().take(3));
        let mut headers = HEADERS.to_vec();
        headers.push(("authorization", &bytes));
        let answer = verified(&request("", &headers, b"{}"), SECRET, NOW);
        prop_assert!(answer.is_err());
    }

    #[test]
    fn made_up_queries_are_refused(query in text()) {
        let answer = verified(&request(&query, &HEADERS, b"{}"), SECRET, NOW);
        prop_assert!(answer.is_err());
    }

    #[test]
    fn any_byte_of_a_right_header_counts(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let secret = SecretKey::new(SECRET);
        let authorization = signer(&secret).authorization(&request("", &HEADERS, b"{}"), NOW);
        let mut bytes = authorization.clone().into_bytes();
        let at = at.index(bytes.len());
        // What stands between the parts may be a comma or a space; which one says nothing.
        prop_assume!(bytes[at] != to && !b", ".contains(&bytes[at]));
        // A name in another case is another name; a signed header's name is the same in any case.
        prop_assume!(!bytes[at].eq_ignore_ascii_case(&to));
        bytes[at] = to;
        let mut headers = HEADERS.to_vec();
        headers.push(("authorization", &bytes));
        let answer = verified(&request("", &headers, b"{}"), SECRET, NOW);
        // The access key's name is the caller's to look up.
        let is_name = (authorization.find(KEY).unwrap()..authorization.find("/2015").unwrap()).contains(&at);
        prop_assert!(answer.is_err() || is_name, "{answer:?}");
    }

    #[test]
    fn decoding_undoes_encoding(bytes in any::<Vec<u8>>()) {
        let mut encoded = Vec::new();
        canonical::percent_encode(&bytes, &mut encoded);
        prop_assert!(encoded.is_ascii());
        prop_assert_eq!(canonical::percent_decoded(&encoded), bytes);
        prop_assert_eq!(canonical::percent_decoded(b"%%4%zz%C3"), b"%%4%zz\xc3");
    }
}
