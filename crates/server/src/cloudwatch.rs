//! CloudWatch over HTTP: its three encodings, compressed bodies, and who may call.

mod keeping;

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use millstream_cloudwatch::{
    BODY_BYTES_MAX, CloudWatch, CloudWatchError, Encoding, ErrorCode, INFLATED_BYTES_MAX,
    Operation, Output, Request as CloudWatchRequest, encode,
};
use millstream_metrics::Owner;
use millstream_policy::{Question, decide};
use millstream_streams::{Caller, Identity};
use millstream_wire::sigv4::AuthenticationError;

use crate::audit::{AuditNote, cut_access_key};
use crate::edge::{
    Answer, Arriving, Authenticator, PortService, Protocol, Refused, RequestId, form_field,
    presented_key, rpc_v2_names, scope_service, target, text_header,
};
use crate::http::{
    AnswerBody, BodyError, ByteBudget, Holder, InflateError, Unanswerable, hold, inflate, read_body,
};

pub(crate) use keeping::{Keeping, Unkept};

/// The service of policies.
const SERVICE: &str = "cloudwatch";
/// The service of credential scopes.
const SCOPE: &str = "monitoring";
/// How much of a compressed form is looked at for the operation that it names.
const FORM_HEAD_BYTES: usize = 8 * 1024;

/// The service behind the port.
#[derive(Debug)]
pub(crate) struct CloudWatchEdge {
    pub(crate) cloudwatch: CloudWatch,
    pub(crate) authenticator: Arc<Authenticator>,
    /// Whether somebody reads the audit log.
    pub(crate) is_audited: bool,
    pub(crate) bodies: Arc<ByteBudget>,
    pub(crate) answers: Arc<ByteBudget>,
}

/// What a request asks for, and how it is spelled.
#[derive(Debug, Clone, Copy)]
struct Asked {
    operation: Operation,
    encoding: Encoding,
}

impl PortService for CloudWatchEdge {
    fn claims(&self, head: &Parts) -> bool {
        encoding(head).is_some()
    }

    async fn answer(&self, request: Arriving<'_>) -> Result<Answer, Unanswerable> {
        let Arriving {
            id,
            connection,
            head,
            incoming,
        } = request;
        let encoding = encoding(head).unwrap_or(Encoding::Json);
        let sender = || self.authenticator.sender(head, SCOPE).ok();
        let read = read_body(
            incoming,
            head.version,
            connection,
            &self.bodies,
            BODY_BYTES_MAX,
            sender,
        );
        let body = match read.await {
            Ok(body) => body.bytes,
            Err(BodyError::Incomplete) => return Err(Unanswerable),
            Err(BodyError::TooLarge) => return Ok(Answer::body_too_large()),
            Err(BodyError::NoRoom) => {
                return Ok(self.encoded(encoding, None, id, &Err(no_room("requests"))));
            }
            Err(BodyError::Unwelcome) => {
                let error = self.authenticator.sender(head, SCOPE).err();
                // The key may have come into force meanwhile.
                let error = error.unwrap_or(AuthenticationError::UnknownKey);
                return Ok(self.unverified(head, id, "", &error));
            }
        };
        let name = operation_name(encoding, head, &body);
        let Some(operation) = Operation::from_name(&name) else {
            let error = Err(CloudWatchError::no_operation(&name));
            return Ok(self.encoded(encoding, None, id, &error));
        };
        let caller = match self.authenticator.authenticate(head, &body, SCOPE) {
            Ok(caller) => caller,
            Err(error) => return Ok(self.unverified(head, id, operation.name(), &error)),
        };
        let asked = Asked {
            operation,
            encoding,
        };
        Ok(self.call(id, head, &body, asked, &caller).await)
    }
}

impl CloudWatchEdge {
    async fn call(
        &self,
        id: RequestId,
        head: &Parts,
        body: &Bytes,
        asked: Asked,
        caller: &Caller,
    ) -> Answer {
        let Asked {
            operation,
            encoding,
        } = asked;
        if let Err(denied) = authorize(caller, operation) {
            let note = self.is_audited.then(|| {
                Box::new(AuditNote {
                    action: format!("{SERVICE}:{}", operation.name()),
                    principal: caller.arn().map(str::to_owned),
                    access_key: None,
                    account: Some(caller.account.to_string()),
                    resource: Some("*".to_owned()),
                    error: Some(denied.code.shape().to_owned()),
                })
            });
            return Answer {
                note,
                ..self.encoded(encoding, Some(operation), id, &Err(denied))
            };
        }
        let answer = self.called(head, body, asked, caller).await;
        let answer = self.encoded(encoding, Some(operation), id, &answer);
        self.held(answer, asked, id, caller)
    }

    /// The answer to whoever is not known.
    fn unverified(
        &self,
        head: &Parts,
        id: RequestId,
        operation: &str,
        error: &AuthenticationError,
    ) -> Answer {
        let protocol = Protocol::of(head).unwrap_or(Protocol::Json10);
        let note = self.is_audited.then(|| {
            Box::new(AuditNote {
                action: format!("{SERVICE}:{operation}"),
                principal: None,
                access_key: presented_key(head).as_deref().map(cut_access_key),
                account: None,
                resource: None,
                error: Some(error.code().name().to_owned()),
            })
        });
        Answer {
            note,
            ..protocol.refuse(id, Refused::unverified(error, &error.to_string()))
        }
    }

    async fn called(
        &self,
        head: &Parts,
        body: &Bytes,
        asked: Asked,
        caller: &Caller,
    ) -> Result<Output, CloudWatchError> {
        let malformed = || CloudWatchError::new(ErrorCode::Malformed, "The body cannot be read.");
        let inflated;
        let body = match text_header(head, "content-encoding") {
            "" | "identity" => body,
            "gzip" => {
                let read = inflate(body, &self.bodies, INFLATED_BYTES_MAX).await;
                inflated = read.map_err(|error| match error {
                    InflateError::Malformed => malformed(),
                    InflateError::NoRoom => no_room("requests"),
                    InflateError::TooLarge => {
                        let message = "The request is too large once it is no longer compressed.";
                        CloudWatchError::new(ErrorCode::InvalidParameterValue, message)
                    }
                })?;
                &inflated.bytes
            }
            _ => return Err(malformed()),
        };
        let request = CloudWatchRequest::read(asked.encoding, Some(asked.operation.name()), body)?;
        // What permission was asked for is what is done, whatever else the body names.
        if request.operation() != asked.operation {
            return Err(malformed());
        }
        let owner = Owner {
            account: caller.account.clone(),
            region: caller.region.clone(),
        };
        self.cloudwatch.answer(&owner, &request).await
    }

    fn encoded(
        &self,
        encoding: Encoding,
        operation: Option<Operation>,
        id: RequestId,
        answer: &Result<Output, CloudWatchError>,
    ) -> Answer {
        let encoded = encode(encoding, operation, answer, &id.to_string());
        let mut extra = HeaderMap::new();
        for (name, value) in encoded.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                extra.insert(HeaderName::from_static(name), value);
            }
        }
        let status = StatusCode::from_u16(encoded.status);
        Answer {
            extra,
            ..Answer::plain(
                status.expect("error codes have statuses that exist"),
                encoding.content_type(),
                encoded.body,
            )
        }
    }

    /// Counts a large answer on its caller's account until it is sent.
    fn held(&self, answer: Answer, asked: Asked, id: RequestId, caller: &Caller) -> Answer {
        let AnswerBody::Whole(body) = &answer.body else {
            return answer;
        };
        let holder = || Holder::Account(caller.account.clone());
        match hold(&self.answers, holder, body.clone(), body.len()) {
            Some(body) => Answer {
                body: AnswerBody::Whole(body),
                ..answer
            },
            None => {
                let error = Err(no_room("answers"));
                self.encoded(asked.encoding, Some(asked.operation), id, &error)
            }
        }
    }
}

fn no_room(what: &str) -> CloudWatchError {
    let message = format!("Too many bytes of {what} are in flight. Try again.");
    CloudWatchError::new(ErrorCode::Unavailable, message)
}

/// How a request for this service is spelled; `None` if it is none.
fn encoding(head: &Parts) -> Option<Encoding> {
    let is_ours = match Protocol::of(head)? {
        Protocol::RpcV2Cbor => rpc_v2_names(head)?.0 == Encoding::SERVICE,
        Protocol::Json10 => target_operation(head).is_some(),
        Protocol::Query => scope_service(head).as_deref() == Some(SCOPE),
        Protocol::Json11 | Protocol::Cbor11 => false,
    };
    let encoding = match Protocol::of(head)? {
        Protocol::RpcV2Cbor => Encoding::Cbor,
        Protocol::Query => Encoding::Query,
        _ => Encoding::Json,
    };
    is_ours.then_some(encoding)
}

fn target_operation(head: &Parts) -> Option<&str> {
    let (service, operation) = target(head).split_once('.')?;
    (service == Encoding::SERVICE).then_some(operation)
}

/// The operation that a request names; empty if it names none.
fn operation_name(encoding: Encoding, head: &Parts, body: &Bytes) -> String {
    match encoding {
        Encoding::Query => {
            let form = form_head(head, body);
            form_field(&form, "Action").unwrap_or_default().into_owned()
        }
        Encoding::Json => target_operation(head).unwrap_or("").to_owned(),
        Encoding::Cbor => rpc_v2_names(head).map_or("", |(_, name)| name).to_owned(),
    }
}

/// The beginning of a form, where clients put what they ask for.
fn form_head(head: &Parts, body: &Bytes) -> Bytes {
    if text_header(head, "content-encoding") != "gzip" {
        return body.clone();
    }
    let mut form = Vec::new();
    let mut decoder = MultiGzDecoder::new(&body[..]).take(FORM_HEAD_BYTES as u64);
    // Of what is no gzip nothing is read, or what came before the damage: the whole is read later.
    if decoder.read_to_end(&mut form).is_err() {
        tracing::debug!("a compressed form is damaged");
    }
    // The last field may be cut.
    let end = match form.len() < FORM_HEAD_BYTES {
        true => form.len(),
        false => form.iter().rposition(|byte| *byte == b'&').unwrap_or(0),
    };
    form.truncate(end);
    form.into()
}

/// Whether the caller's policies allow an operation. Metrics have no ARNs: permission is for all or none.
fn authorize(caller: &Caller, operation: Operation) -> Result<(), CloudWatchError> {
    let Identity::User(user) = &caller.identity else {
        return Ok(());
    };
    let question = Question {
        account: &caller.account,
        arn: &user.arn,
        action: &format!("{SERVICE}:{}", operation.name()),
        resource: "*",
        owner: &caller.account,
    };
    decide(&question, &user.permissions, None)
        .map_err(|denial| CloudWatchError::new(ErrorCode::AccessDenied, denial.to_string()))
}
