//! An answer before its common headers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use millstream_wire::{ApiError, Encoding, ErrorCode, encode_error};

use super::request_id::RequestId;
use super::{Protocol, Refused, target, text_header};
use crate::audit::AuditNote;
use crate::http::AnswerBody;
use crate::tables::TablesEdge;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXTENDED_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// Whose common headers an answer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Request id and extended id.
    Kinesis,
    /// The tables' long request id and the body's checksum.
    Tables,
    /// A request id: the answer to a browser's question.
    Preflight,
    /// None: what AWS answers before it looks at a request.
    Bare,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) service: Service,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) error_type: Option<&'static str>,
    pub(crate) extra: HeaderMap,
    pub(crate) body: AnswerBody,
    /// What the audit log is to say of it.
    pub(crate) note: Option<Box<AuditNote>>,
}

impl Answer {
    /// An answer with a body and the common headers of the stream service.
    pub(crate) fn plain(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            service: Service::Kinesis,
            content_type: Some(content_type),
            error_type: None,
            extra: HeaderMap::new(),
            body: AnswerBody::Whole(body.into()),
            note: None,
        }
    }

    /// A stream operation's success; an empty body keeps its content type.
    pub(crate) fn success(encoding: Encoding, body: impl Into<Bytes>) -> Self {
        Self::plain(StatusCode::OK, encoding.content_type(), body)
    }

    /// A stream operation's failure.
    pub(crate) fn error(encoding: Encoding, error: &ApiError) -> Self {
        Self {
            error_type: Some(error.code.name()),
            ..Self::plain(
                StatusCode::from_u16(error.code.http_status())
                    .expect("error codes have statuses that exist"),
                encoding.content_type(),
                encode_error(encoding, error),
            )
        }
    }

    /// The request failed inside; the outcome of a write is unknown.
    pub(crate) fn internal_failure(head: &Parts, id: RequestId) -> Self {
        if TablesEdge::is_target(target(head)) {
            return TablesEdge::internal_failure();
        }
        if let Some(protocol @ (Protocol::Query | Protocol::RpcV2Cbor)) = Protocol::of(head) {
            let refused = Refused {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                name: "InternalFailure",
                query_code: "InternalFailure",
                message: "",
            };
            return protocol.refuse(id, refused);
        }
        let encoding = Encoding::from_content_type(text_header(head, "content-type"));
        Self::error(
            encoding.unwrap_or(Encoding::Json),
            &ApiError::new(ErrorCode::InternalFailure, ""),
        )
    }

    /// AWS's answer to what names no operation.
    pub(crate) fn no_operation() -> Self {
        Self::access_denied("Unable to determine service/operation name to be authorized")
    }

    /// A refusal in XML, without a content type, as AWS answers where no protocol is known.
    pub(crate) fn access_denied(message: &str) -> Self {
        let escaped = message.replace('&', "&amp;").replace('<', "&lt;");
        let body = format!(
            "<AccessDeniedException>\n  <Message>{escaped}</Message>\n</AccessDeniedException>\n"
        );
        Self {
            content_type: None,
            ..Self::plain(StatusCode::FORBIDDEN, "", body)
        }
    }

    /// A request that HTTP does not allow.
    pub(crate) fn bad_request() -> Self {
        Self {
            service: Service::Bare,
            content_type: None,
            ..Self::plain(StatusCode::BAD_REQUEST, "", Bytes::new())
        }
    }

    /// A body that is longer than AWS looks at.
    pub(crate) fn body_too_large() -> Self {
        Self {
            service: Service::Bare,
            content_type: None,
            body: AnswerBody::unsized_and_empty(),
            ..Self::plain(StatusCode::PAYLOAD_TOO_LARGE, "", Bytes::new())
        }
    }

    pub(crate) fn into_response(self, id: RequestId) -> Response<AnswerBody> {
        let mut headers = self.extra;
        headers.reserve(5);
        match self.service {
            Service::Kinesis => {
                let (id, extended) = id.headers();
                headers.insert(REQUEST_ID, id);
                headers.insert(EXTENDED_ID, extended);
            }
            Service::Tables => {
                headers.insert(REQUEST_ID, id.tables_header());
                if let AnswerBody::Whole(body) = &self.body {
                    headers.insert(CRC32, HeaderValue::from(crc32fast::hash(body)));
                }
            }
            Service::Preflight => {
                headers.insert(REQUEST_ID, id.headers().0);
            }
            Service::Bare => {}
        }
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(error_type) = self.error_type {
            headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}
