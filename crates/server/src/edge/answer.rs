//! An answer before its common headers.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use millstream_types::{CallError, ErrorClass};
use millstream_wire::{ApiError, Encoding, encode_error};

use super::request_id::RequestId;
use crate::http::AnswerBody;

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
    /// Headers besides the common ones. Most answers have none, and an answer goes through many hands: what is rare is
    /// behind a pointer.
    pub(crate) extra: Option<Box<HeaderMap>>,
    pub(crate) body: AnswerBody,
    /// The error as it is told of, where that is not the `error_type`.
    pub(crate) told_as: Option<Box<(Cow<'static, str>, ErrorClass)>>,
    /// What permission was asked for, where the caller does not say.
    pub(crate) resource: Option<String>,
    /// Records that were stored or are handed out.
    pub(crate) records: u64,
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
            extra: None,
            body: AnswerBody::Whole(body.into()),
            told_as: None,
            resource: None,
            records: 0,
        }
    }

    /// How the call failed that it answers; `None` if it was done.
    pub(crate) fn failure(&self) -> Option<CallError<'_>> {
        let status = self.status.as_u16();
        match (self.told_as.as_deref(), self.error_type) {
            (Some((name, class)), _) => Some(CallError {
                name,
                class: *class,
            }),
            (None, Some(name)) => Some(CallError::of(status, name)),
            (None, None) => (status >= 400).then(|| CallError::of(status, "")),
        }
    }

    /// The same answer, told of as an error with this name.
    pub(crate) fn named(self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        let class = ErrorClass::of(self.status.as_u16(), &name);
        Self {
            told_as: Some(Box::new((name, class))),
            ..self
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

    /// No page has this path.
    pub(crate) fn not_found() -> Self {
        Self {
            service: Service::Bare,
            ..Self::plain(
                StatusCode::NOT_FOUND,
                "text/plain",
                "There is no such page.\n",
            )
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
        let mut headers = self.extra.map_or_else(HeaderMap::new, |extra| *extra);
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
