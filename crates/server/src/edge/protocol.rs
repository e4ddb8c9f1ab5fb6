//! In which protocol a request is, as far as its head tells, and errors in each: a client reads no other's.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use millstream_wire::sigv4::AuthenticationError;
use millstream_wire::{Encoding, ErrorCode, encode};
use serde::Serialize;

use super::request_id::RequestId;
use super::{Answer, target, text_header};

const JSON_1_0: &str = "application/x-amz-json-1.0";
const RPC_V2: HeaderName = HeaderName::from_static("smithy-protocol");

/// A protocol of AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// DynamoDB's, and that of newer services.
    Json10,
    /// Kinesis's and its neighbours'.
    Json11,
    /// The same in CBOR.
    Cbor11,
    /// A form that names its `Action`, answered in XML.
    Query,
    /// Smithy's RPC v2 in CBOR, which names the operation in the path.
    RpcV2Cbor,
}

/// An error as every protocol can say it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused<'a> {
    pub(crate) status: StatusCode,
    /// The name in all protocols but one.
    pub(crate) name: &'static str,
    /// The name in the query protocol.
    pub(crate) query_code: &'static str,
    /// Empty for none.
    pub(crate) message: &'a str,
}

impl<'a> Refused<'a> {
    /// What is wrong with credentials. Forms have names of their own for it.
    pub(crate) fn unverified(error: &AuthenticationError, message: &'a str) -> Self {
        let (status, query_code) = match error.code() {
            ErrorCode::MissingAuthenticationToken => {
                (StatusCode::FORBIDDEN, "MissingAuthenticationToken")
            }
            ErrorCode::IncompleteSignature => (StatusCode::BAD_REQUEST, "IncompleteSignature"),
            ErrorCode::UnrecognizedClient => (StatusCode::FORBIDDEN, "InvalidClientTokenId"),
            _ => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        };
        Self {
            status,
            name: error.code().name(),
            query_code,
            message,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "__type")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

impl Protocol {
    /// The protocol of a request; `None` if it cannot be told.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        if head.method != Method::POST {
            return None;
        }
        if rpc_v2_names(head).is_some() {
            return Some(Self::RpcV2Cbor);
        }
        let content_type = text_header(head, "content-type");
        match Encoding::from_content_type(content_type) {
            Some(Encoding::Json) => return Some(Self::Json11),
            Some(Encoding::Cbor) => return Some(Self::Cbor11),
            None => {}
        }
        if is_media_type(content_type, JSON_1_0) {
            Some(Self::Json10)
        } else if is_media_type(content_type, "application/x-www-form-urlencoded")
            && target(head).is_empty()
        {
            Some(Self::Query)
        } else {
            None
        }
    }

    /// The answer that says so.
    pub(crate) fn refuse(self, id: RequestId, refused: Refused<'_>) -> Answer {
        let Refused {
            status,
            name,
            query_code,
            message,
        } = refused;
        let long_name = format!("com.amazon.coral.service#{name}");
        let body = |encoding, name| encode(encoding, &Body { name, message });
        match self {
            Self::Json10 => {
                Answer::plain(status, JSON_1_0, body(Encoding::Json, long_name.as_str()))
                    .named(name)
            }
            Self::Json11 | Self::Cbor11 => {
                let encoding = match self {
                    Self::Cbor11 => Encoding::Cbor,
                    _ => Encoding::Json,
                };
                Answer {
                    error_type: Some(name),
                    ..Answer::plain(status, encoding.content_type(), body(encoding, name))
                }
            }
            Self::Query => {
                let who = if status.is_server_error() {
                    "Receiver"
                } else {
                    "Sender"
                };
                let message = xml_escaped(message);
                let text = format!(
                    "<ErrorResponse>\n  <Error>\n    <Type>{who}</Type>\n    <Code>{query_code}</Code>\n    \
                     <Message>{message}</Message>\n  </Error>\n  <RequestId>{id}</RequestId>\n</ErrorResponse>\n"
                );
                Answer::plain(status, "text/xml", text).named(query_code)
            }
            Self::RpcV2Cbor => {
                let mut extra = HeaderMap::new();
                extra.insert(RPC_V2, HeaderValue::from_static("rpc-v2-cbor"));
                Answer {
                    extra: Some(extra.into()),
                    ..Answer::plain(
                        status,
                        "application/cbor",
                        body(Encoding::Cbor, long_name.as_str()),
                    )
                    .named(name)
                }
            }
        }
    }
}

/// Service and operation of a path `…/service/SERVICE/operation/OPERATION` in Smithy's RPC v2.
pub(crate) fn rpc_v2_names(head: &Parts) -> Option<(&str, &str)> {
    if !head.headers.contains_key(RPC_V2) {
        return None;
    }
    let mut parts = head.uri.path().rsplit('/');
    let (operation, word) = (parts.next()?, parts.next()?);
    let (service, other_word) = (parts.next()?, parts.next()?);
    let is_path = word == "operation" && other_word == "service";
    is_path.then_some((service, operation))
}

/// Whether a `Content-Type` names this media type: case, parameters and blanks around it do not matter.
pub(crate) fn is_media_type(content_type: &str, media_type: &str) -> bool {
    let named = content_type.split(';').next().unwrap_or("");
    named.trim().eq_ignore_ascii_case(media_type)
}

/// Text as it stands between two tags.
pub(crate) fn xml_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
