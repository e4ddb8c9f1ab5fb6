//! The Security Token Service, as far as clients of streams need it: who calls. Its protocol is the query protocol.
//!
//! Anybody whose request is signed may ask, as on AWS: no policy is looked at. Nothing here gives out tokens.

use http::StatusCode;
use http::request::Parts;
use millstream_streams::Caller;
use millstream_types::Plane;

use crate::absent;
use crate::edge::{
    Answer, Callers, Named, PortService, Profile, Protocol, Refusal, Refused, Request, RequestId,
    form_field, presented_key, scope_service, xml_escaped,
};

/// The service of credential scopes.
const SERVICE: &str = "sts";
const ACTION: &str = "GetCallerIdentity";
const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// Longest form that is looked at: this service's requests have some hundred bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The service behind the port.
#[derive(Debug)]
pub(crate) struct Sts;

/// Its one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GetCallerIdentity;

impl Named for GetCallerIdentity {
    fn operation(&self) -> &'static str {
        ACTION
    }

    fn plane(&self) -> Plane {
        Plane::Data
    }
}

impl PortService for Sts {
    type Named = GetCallerIdentity;

    /// Forms that are signed for this service, and forms whose signature names none: these it refuses.
    fn claims(&self, head: &Parts) -> bool {
        let is_query = Protocol::of(head) == Some(Protocol::Query);
        is_query && scope_service(head).is_none_or(|service| service == SERVICE)
    }

    fn profile(&self) -> Profile {
        Profile {
            service: SERVICE,
            scope: SERVICE,
            body_bytes_max: BODY_BYTES_MAX,
            callers: Callers::Verified,
        }
    }

    fn name(&self, request: &Request<'_>) -> Result<GetCallerIdentity, Box<Answer>> {
        let form = &request.body.bytes;
        let Some(action) = form_field(form, "Action") else {
            return Err(Answer::no_operation().into());
        };
        let version = form_field(form, "Version");
        if action == ACTION && version.as_deref() == Some(VERSION) {
            return Ok(GetCallerIdentity);
        }
        let service = scope_service(request.head);
        let refused = absent::refuse(Protocol::Query, request.id, service.as_deref(), &action);
        Err(refused.into())
    }

    fn refuse(&self, id: RequestId, _head: &Parts, refusal: Refusal<'_>) -> Answer {
        match refusal {
            Refusal::NoRoom => Protocol::Query.refuse(id, absent::NO_ROOM),
            Refusal::Failed => Protocol::Query.refuse(id, absent::FAILED),
            Refusal::Unverified(error, _) => {
                Protocol::Query.refuse(id, Refused::unverified(error, &error.to_string()))
            }
        }
    }

    async fn call(&self, request: Request<'_>, _: GetCallerIdentity, caller: &Caller) -> Answer {
        let (account, id) = (&caller.account, request.id);
        // Without keys everybody is whom AWS calls the root user, whose id is the account's.
        let (arn, user) = match caller.arn() {
            Some(arn) => {
                let user = presented_key(request.head).unwrap_or_default();
                (arn.to_owned(), user)
            }
            None => (format!("arn:aws:iam::{account}:root"), account.to_string()),
        };
        let (arn, user) = (xml_escaped(&arn), xml_escaped(&user));
        let text = format!(
            "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    \
             <UserId>{user}</UserId>\n    <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  \
             <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
        );
        Answer::plain(StatusCode::OK, "text/xml", text)
    }
}
