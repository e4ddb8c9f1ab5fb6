//! The Security Token Service, as far as clients of streams need it: who calls. Its protocol is the query protocol.
//!
//! Anybody whose request is signed may ask, as on AWS: no policy is looked at. Nothing here gives out tokens.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use millstream_wire::sigv4::AuthenticationError;

use crate::absent;
use crate::audit::{AuditNote, cut};
use crate::edge::{
    Answer, Arriving, Authenticator, PortService, Protocol, Refused, form_field, presented_key,
    scope_service, xml_escaped,
};
use crate::http::{BodyError, ByteBudget, Unanswerable, read_body};

/// The service of credential scopes.
const SERVICE: &str = "sts";
const ACTION: &str = "GetCallerIdentity";
const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// Longest form that is looked at: this service's requests have some hundred bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The service behind the port.
#[derive(Debug)]
pub(crate) struct Sts {
    pub(crate) authenticator: Arc<Authenticator>,
    /// Whether somebody reads the audit log.
    pub(crate) is_audited: bool,
    pub(crate) bodies: Arc<ByteBudget>,
}

impl PortService for Sts {
    /// Forms that are signed for this service, and forms whose signature names none: these it refuses.
    fn claims(&self, head: &Parts) -> bool {
        let is_query = Protocol::of(head) == Some(Protocol::Query);
        is_query && scope_service(head).is_none_or(|service| service == SERVICE)
    }

    async fn answer(&self, request: Arriving<'_>) -> Result<Answer, Unanswerable> {
        let Arriving {
            id,
            connection,
            head,
            incoming,
        } = request;
        let read = read_body(
            incoming,
            head.version,
            connection,
            &self.bodies,
            BODY_BYTES_MAX,
            || None,
        );
        let body = match read.await {
            Ok(body) => body,
            Err(BodyError::Incomplete) => return Err(Unanswerable),
            Err(BodyError::TooLarge | BodyError::Unwelcome) => return Ok(Answer::body_too_large()),
            Err(BodyError::NoRoom) => return Ok(Protocol::Query.refuse(id, absent::NO_ROOM)),
        };
        let Some(action) = form_field(&body.bytes, "Action") else {
            return Ok(Answer::no_operation());
        };
        let version = form_field(&body.bytes, "Version");
        if action != ACTION || version.as_deref() != Some(VERSION) {
            let service = scope_service(head);
            return Ok(absent::refuse(
                Protocol::Query,
                id,
                service.as_deref(),
                &action,
            ));
        }
        let caller = match self.authenticator.authenticate(head, &body.bytes, SERVICE) {
            Ok(caller) => caller,
            Err(error) => {
                return Ok(Answer {
                    note: self.is_audited.then(|| note(head, &error)),
                    ..Protocol::Query.refuse(id, Refused::unverified(&error, &error.to_string()))
                });
            }
        };
        let account = &caller.account;
        // Without keys everybody is whom AWS calls the root user, whose id is the account's.
        let (arn, user) = match caller.arn() {
            Some(arn) => (arn.to_owned(), presented_key(head).unwrap_or_default()),
            None => (format!("arn:aws:iam::{account}:root"), account.to_string()),
        };
        let (arn, user) = (xml_escaped(&arn), xml_escaped(&user));
        let text = format!(
            "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    \
             <UserId>{user}</UserId>\n    <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  \
             <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
        );
        Ok(Answer::plain(StatusCode::OK, "text/xml", text))
    }
}

/// What the audit log is to say of a request that was not authenticated.
fn note(head: &Parts, error: &AuthenticationError) -> Box<AuditNote> {
    Box::new(AuditNote {
        action: format!("{SERVICE}:{ACTION}"),
        principal: None,
        access_key: presented_key(head).as_deref().map(cut),
        account: None,
        resource: None,
        error: Some(error.code().name().to_owned()),
    })
}
