//! The services that are not here. Applications point everything that they use at one address, so requests for them
//! come, and each is told in its own protocol what is missing. Credentials are not looked at: there is nothing to allow.

use std::borrow::Cow;

use http::StatusCode;
use http::request::Parts;
use millstream_streams::Caller;
use millstream_types::Plane;

use crate::edge::{
    Answer, BODY_BYTES_MAX, Callers, Named, PortService, Profile, Protocol, Refusal, Refused,
    Request, RequestId, form_field, rpc_v2_names, scope_service, target,
};

/// Longest name that is repeated to its sender.
const NAME_BYTES_MAX: usize = 128;

/// Services as requests name them, and as people do. Others are called what the request calls them.
const NAMES: [(&str, &str); 16] = [
    ("AWSEvents", "EventBridge"),
    ("AWSGlue", "Glue"),
    ("AmazonSQS", "SQS"),
    ("AmazonSSM", "Systems Manager"),
    ("DynamoDBStreams_20120810", "DynamoDB Streams"),
    ("DynamoDB_20120810", "DynamoDB"),
    ("Firehose_20150804", "Firehose"),
    ("GraniteServiceVersion20100801", "CloudWatch"),
    ("Kinesis_20131202", "Kinesis"),
    ("Logs_20140328", "CloudWatch Logs"),
    ("TrentService", "KMS"),
    ("iam", "IAM"),
    ("monitoring", "CloudWatch"),
    ("sns", "SNS"),
    ("sqs", "SQS"),
    ("sts", "STS"),
];

/// Too many bytes of requests are in flight.
pub(crate) const NO_ROOM: Refused<'static> = Refused {
    status: StatusCode::SERVICE_UNAVAILABLE,
    name: "ServiceUnavailable",
    query_code: "ServiceUnavailable",
    message: "Too many bytes of requests are in flight. Try again.",
};

/// A call has failed inside.
pub(crate) const FAILED: Refused<'static> = Refused {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    name: "InternalFailure",
    query_code: "InternalFailure",
    message: "",
};

/// Answers for all of them.
#[derive(Debug)]
pub(crate) struct Absent;

/// There is no operation here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nothing {}

impl Named for Nothing {
    fn operation(&self) -> &'static str {
        match *self {}
    }

    fn plane(&self) -> Plane {
        match *self {}
    }
}

impl PortService for Absent {
    type Named = Nothing;

    /// What names a service in a protocol that is known. It is asked last.
    fn claims(&self, head: &Parts) -> bool {
        match Protocol::of(head) {
            Some(Protocol::Json10 | Protocol::Json11 | Protocol::Cbor11) => {
                target_names(head).is_some()
            }
            Some(Protocol::Query) => scope_service(head).is_some(),
            Some(Protocol::RpcV2Cbor) => true,
            None => false,
        }
    }

    fn profile(&self) -> Profile {
        Profile {
            service: "",
            scope: "",
            body_bytes_max: BODY_BYTES_MAX,
            callers: Callers::Anybody,
        }
    }

    fn name(&self, request: &Request<'_>) -> Result<Nothing, Box<Answer>> {
        let Request { id, head, body } = request;
        let Some(protocol) = Protocol::of(head) else {
            return Err(Answer::no_operation().into());
        };
        let names = match protocol {
            Protocol::Query => {
                let service = scope_service(head).map(Cow::<str>::Owned);
                service.zip(form_field(&body.bytes, "Action"))
            }
            Protocol::RpcV2Cbor => rpc_v2_names(head).map(borrowed),
            Protocol::Json10 | Protocol::Json11 | Protocol::Cbor11 => {
                target_names(head).map(borrowed)
            }
        };
        let refused = match names {
            Some((service, operation)) => refuse(protocol, *id, Some(&*service), &operation),
            None => Answer::no_operation(),
        };
        Err(refused.into())
    }

    fn refuse(&self, id: RequestId, head: &Parts, refusal: Refusal<'_>) -> Answer {
        let Some(protocol) = Protocol::of(head) else {
            return Answer::no_operation();
        };
        match refusal {
            Refusal::NoRoom => protocol.refuse(id, NO_ROOM),
            Refusal::Unverified(..) => Answer::no_operation(),
            Refusal::Failed => protocol.refuse(id, FAILED),
        }
    }

    async fn call(&self, _request: Request<'_>, named: Nothing, _caller: &Caller) -> Answer {
        match named {}
    }
}

/// Says that an operation of a service is not here.
pub(crate) fn refuse(
    protocol: Protocol,
    id: RequestId,
    service: Option<&str>,
    operation: &str,
) -> Answer {
    let message = missing(service, operation);
    protocol.refuse(
        id,
        Refused {
            status: StatusCode::BAD_REQUEST,
            name: "UnknownOperationException",
            query_code: "InvalidAction",
            message: &message,
        },
    )
}

/// The text that says so, such as "Millstream has no DescribeLimits of DynamoDB.".
pub(crate) fn missing(service: Option<&str>, operation: &str) -> String {
    let operation = if is_name(operation) {
        operation
    } else {
        "such operation"
    };
    let Some(service) = service.filter(|service| is_name(service)) else {
        return format!("Millstream has no {operation}.");
    };
    let known = NAMES.iter().find(|(name, _)| *name == service);
    let service = known.map_or(service, |(_, name)| *name);
    format!("Millstream has no {operation} of {service}.")
}

fn borrowed<'a>((service, operation): (&'a str, &'a str)) -> (Cow<'a, str>, Cow<'a, str>) {
    (service.into(), operation.into())
}

/// Service and operation of an `X-Amz-Target`, if it is one.
fn target_names(head: &Parts) -> Option<(&str, &str)> {
    let (service, operation) = target(head).split_once('.')?;
    (is_name(service) && is_name(operation)).then_some((service, operation))
}

/// Whether a text can be the name of a service or operation.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}
