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
use millstream_types::Plane;

use crate::edge::{
    Answer, Callers, Named, PortService, Profile, Protocol, Refusal, Refused, Request, RequestId,
    form_field, rpc_v2_names, scope_service, target, text_header,
};
use crate::http::{AnswerBody, ByteBudget, Holder, InflateError, hold, inflate};

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
    pub(crate) bodies: Arc<ByteBudget>,
    pub(crate) answers: Arc<ByteBudget>,
}

/// What a request asks for, and how it is spelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    operation: Operation,
    encoding: Encoding,
}

impl Named for Asked {
    fn operation(&self) -> &'static str {
        self.operation.name()
    }

    fn plane(&self) -> Plane {
        Plane::Data
    }
}

impl PortService for CloudWatchEdge {
    type Named = Asked;

    fn claims(&self, head: &Parts) -> bool {
        encoding(head).is_some()
    }

    fn profile(&self) -> Profile {
        Profile {
            service: SERVICE,
            scope: SCOPE,
            body_bytes_max: BODY_BYTES_MAX,
            callers: Callers::Verified,
        }
    }

    fn name(&self, request: &Request<'_>) -> Result<Asked, Box<Answer>> {
        let head = request.head;
        let encoding = encoding(head).unwrap_or(Encoding::Json);
        let form;
        let name = match encoding {
            Encoding::Query => {
                form = form_head(head, &request.body.bytes);
                form_field(&form, "Action").unwrap_or_default()
            }
            Encoding::Json => target_operation(head).unwrap_or_default().into(),
            Encoding::Cbor => rpc_v2_names(head).map_or("", |(_, name)| name).into(),
        };
        let operation = Operation::from_name(&name);
        let operation = operation.ok_or_else(|| {
            let error = CloudWatchError::no_operation(&name);
            Box::new(self.answer(encoding, None, request.id, Err(error)))
        })?;
        Ok(Asked {
            operation,
            encoding,
        })
    }

    fn refuse(&self, id: RequestId, head: &Parts, refusal: Refusal<'_>) -> Answer {
        let encoding = encoding(head).unwrap_or(Encoding::Json);
        let error = match refusal {
            Refusal::NoRoom => no_room("requests"),
            Refusal::Failed => CloudWatchError::new(ErrorCode::InternalService, ""),
            Refusal::Unverified(error, _) => {
                let protocol = Protocol::of(head).unwrap_or(Protocol::Json10);
                return protocol.refuse(id, Refused::unverified(error, &error.to_string()));
            }
        };
        self.answer(encoding, None, id, Err(error))
    }

    async fn call(&self, request: Request<'_>, asked: Asked, caller: &Caller) -> Answer {
        let answer = match authorize(caller, asked.operation) {
            Ok(()) => self.called(&request, asked, caller).await,
            Err(denied) => {
                return Answer {
                    resource: Some("*".to_owned()),
                    ..self.answer(
                        asked.encoding,
                        Some(asked.operation),
                        request.id,
                        Err(denied),
                    )
                };
            }
        };
        let answer = self.answer(asked.encoding, Some(asked.operation), request.id, answer);
        self.held(answer, asked, request.id, caller)
    }
}

impl CloudWatchEdge {
    async fn called(
        &self,
        request: &Request<'_>,
        asked: Asked,
        caller: &Caller,
    ) -> Result<Output, CloudWatchError> {
        let malformed = || CloudWatchError::new(ErrorCode::Malformed, "The body cannot be read.");
        let inflated;
        let body = match text_header(request.head, "content-encoding") {
            "" | "identity" => &request.body.bytes,
            "gzip" => {
                let read = inflate(&request.body.bytes, &self.bodies, INFLATED_BYTES_MAX).await;
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

    fn answer(
        &self,
        encoding: Encoding,
        operation: Option<Operation>,
        id: RequestId,
        answer: Result<Output, CloudWatchError>,
    ) -> Answer {
        let encoded = encode(encoding, operation, &answer, &id.to_string());
        let mut extra = HeaderMap::new();
        for (name, value) in encoded.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                extra.insert(HeaderName::from_static(name), value);
            }
        }
        let status = StatusCode::from_u16(encoded.status);
        let answered = Answer {
            extra: Some(extra.into()),
            ..Answer::plain(
                status.expect("error codes have statuses that exist"),
                encoding.content_type(),
                encoded.body,
            )
        };
        match answer {
            Ok(_) => answered,
            Err(error) => answered.named(error.code.shape()),
        }
    }

    /// Counts a large answer on its caller's account until it is sent.
    fn held(&self, answer: Answer, asked: Asked, id: RequestId, caller: &Caller) -> Answer {
        let AnswerBody::Whole(body) = &answer.body else {
            return answer;
        };
        let holder = || Holder::Account(caller.account.clone());
        let size_bytes = body.len();
        match hold(&self.answers, holder, Bytes::clone(body), size_bytes) {
            Some(body) => Answer {
                body: AnswerBody::Whole(body),
                ..answer
            },
            None => {
                let error = Err(no_room("answers"));
                self.answer(asked.encoding, Some(asked.operation), id, error)
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
