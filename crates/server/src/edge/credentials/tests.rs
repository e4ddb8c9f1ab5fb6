use http::Request;

use super::*;
use millstream_wire::ErrorCode;

const GOOD: &str = "AWS4-HMAC-SHA256 Credential=123456789012/20261123/eu-west-1/kinesis/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=ab";

fn of(uri: &str, headers: &[(&str, &str)]) -> Result<Caller, AuthenticationError> {
    let mut request = Request::post(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let head = request.body(()).unwrap().into_parts().0;
    Authenticator::Anyone("000000000000".parse().unwrap()).authenticate(&head, b"", "kinesis")
}

fn incomplete(uri: &str, headers: &[(&str, &str)]) -> String {
    match of(uri, headers) {
        Err(AuthenticationError::Incomplete(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn account_and_region_come_from_the_credential() {
    let dated = ("x-amz-date", "20261123T000000Z");
    let credentials = of("/", &[("authorization", GOOD), dated]).unwrap();
    assert_eq!(credentials.account.as_str(), "123456789012");
    assert_eq!(credentials.region.as_str(), "eu-west-1");
    let close = GOOD
        .replace(", ", ",")
        .replace("123456789012", "AKIDEXAMPLE");
    let credentials = of("/", &[("authorization", &close), ("date", "now")]).unwrap();
    assert_eq!(credentials.account.as_str(), "000000000000");
    let presigned = of(
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2Fd%2Fus-east-2%2Fkinesis%2Faws4_request\
         &X-Amz-Signature=s&X-Amz-SignedHeaders=host&X-Amz-Date=d",
        &[],
    )
    .unwrap();
    assert_eq!(presigned.region.as_str(), "us-east-2");
}

#[test]
fn an_authority_is_a_host_and_may_be_signed_as_either() {
    let request = Request::post("http://h:1/").version(Version::HTTP_2);
    let head = request.body(()).unwrap().into_parts().0;
    assert_eq!(
        headers(&head),
        [("host", &b"h:1"[..]), (":authority", &b"h:1"[..])]
    );
    let request = Request::post("http://h:1/").header("host", "other");
    let head = request.body(()).unwrap().into_parts().0;
    assert_eq!(
        headers(&head),
        [("host", &b"other"[..])],
        "HTTP/1.1 has no such name"
    );
}

#[test]
fn none_or_two_sets_of_credentials_are_refused() {
    let none = of("/", &[]).unwrap_err();
    assert_eq!(none.to_string(), "Missing Authentication Token");
    assert_eq!(none.code(), ErrorCode::MissingAuthenticationToken);
    let both = of("/?X-Amz-Algorithm", &[("authorization", GOOD)]).unwrap_err();
    assert_eq!(
        both.to_string(),
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    );
    assert_eq!(both.code(), ErrorCode::InvalidSignature);
}

#[test]
fn missing_parts_are_named() {
    assert_eq!(
        incomplete("/", &[("authorization", "AWS4-HMAC-SHA256 Credential=")]),
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a \
         'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Credential="
    );
    assert_eq!(
        incomplete(
            "/?X-Amz-Algorithm=a&X-Amz-Credential=&X-Amz-Signature=s",
            &[]
        ),
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include \
         'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string \
         parameters."
    );
}

#[test]
fn a_scope_has_five_parts_and_a_region() {
    let with = |credential: &str| {
        let header = format!("A Credential={credential}, Signature=s, SignedHeaders=h");
        of("/", &[("authorization", &header), ("date", "d")])
    };
    for short in ["k", "k/d/r/s", "k/d/r/s/t/more", "////// "] {
        assert!(
            matches!(with(short), Err(AuthenticationError::Incomplete(_))),
            "{short}"
        );
    }
    assert_eq!(with("k/d//s/t").unwrap_err(), AuthenticationError::Region);
    assert_eq!(
        with("k/d/a b/s/t").unwrap_err().code(),
        ErrorCode::IncompleteSignature
    );
}
