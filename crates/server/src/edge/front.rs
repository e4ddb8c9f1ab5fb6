//! The one way from a `POST` to its answer: read the body, name the operation, authenticate, call.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::request::Parts;
use millstream_streams::{Asked, Caller};
use millstream_types::Plane;
use millstream_wire::sigv4::AuthenticationError;

use super::credentials::Authenticator;
use super::request_id::RequestId;
use super::service::{Arriving, Callers, Named, PortService, Profile, Refusal, Request};
use super::{Answer, target};
use crate::http::{BodyError, ByteBudget, Holder, RequestBody, Unanswerable, read_body};

/// The services of a port.
pub(crate) trait PortServices: Send + Sync + std::fmt::Debug + 'static {
    /// Has the service that claims a request serve it; the one that AWS's address would be, if none does.
    ///
    /// # Errors
    /// If no answer can be given, because the request did not arrive whole.
    fn serve(
        &self,
        front: &Front,
        request: Arriving<'_>,
    ) -> impl Future<Output = Result<Served, Unanswerable>> + Send;
}

/// What the front needs for requests of all services.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) bodies: Arc<ByteBudget>,
    /// Whether somebody reads what permission was asked for.
    pub(crate) is_audited: bool,
}

/// An answer, and what is told of the call that it ends.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) answer: Answer,
    /// As in [`Profile::service`](super::Profile::service).
    pub(crate) service: &'static str,
    pub(crate) operation: Option<&'static str>,
    pub(crate) plane: Plane,
    /// Who it was; `None` if that was not verified.
    pub(crate) caller: Option<Caller>,
    pub(crate) request_bytes: u64,
}

impl Served {
    /// An answer that no service gave.
    pub(crate) fn by_nobody(answer: Answer) -> Self {
        Self {
            answer,
            service: "",
            operation: None,
            plane: Plane::Data,
            caller: None,
            request_bytes: 0,
        }
    }

    fn by(service: &'static str, answer: Answer) -> Self {
        Self {
            service,
            ..Self::by_nobody(answer)
        }
    }
}

impl Front {
    /// Has a service answer a request that is its own.
    ///
    /// # Errors
    /// If no answer can be given, because the request did not arrive whole.
    pub(crate) async fn serve<S: PortService>(
        &self,
        service: &S,
        arriving: Arriving<'_>,
    ) -> Result<Served, Unanswerable> {
        let Arriving {
            id,
            connection,
            head,
            incoming,
        } = arriving;
        let profile = service.profile();
        let sender = || match profile.callers {
            Callers::Verified => self.authenticator.sender(head, profile.scope).ok(),
            Callers::Anybody => Some(Holder::peer(connection.peer)),
        };
        let read = read_body(
            incoming,
            head.version,
            connection,
            &self.bodies,
            profile.body_bytes_max,
            sender,
        )
        .await;
        match read {
            Ok(body) => Ok(self.whole(service, id, head, body).await),
            Err(BodyError::Incomplete) => Err(Unanswerable),
            Err(BodyError::TooLarge) => Ok(Served::by(profile.service, Answer::body_too_large())),
            Err(BodyError::NoRoom) => {
                let answer = service.refuse(id, head, Refusal::NoRoom);
                Ok(Served::by(profile.service, answer))
            }
            Err(BodyError::Unwelcome) => {
                let error = self.authenticator.sender(head, profile.scope).err();
                // The key may have come into force meanwhile.
                let error = error.unwrap_or(AuthenticationError::UnknownKey);
                let answer = service.refuse(id, head, Refusal::Unverified(&error, None));
                Ok(Served::by(profile.service, answer))
            }
        }
    }

    /// A request that has arrived.
    async fn whole<S: PortService>(
        &self,
        service: &S,
        id: RequestId,
        head: &Parts,
        body: RequestBody,
    ) -> Served {
        let request = Request { id, head, body };
        let request_bytes = request.body.bytes.len() as u64;
        let Profile {
            service: name,
            scope,
            ..
        } = service.profile();
        let named = match service.name(&request) {
            Ok(named) => named,
            Err(answer) => {
                return Served {
                    request_bytes,
                    ..Served::by(name, *answer)
                };
            }
        };
        let (operation, plane) = (Some(named.operation()), named.plane());
        let (answer, caller) = match self.verified(scope, plane, &request) {
            Ok(caller) => (call(service, request, named, &caller).await, Some(caller)),
            Err(error) => {
                let refusal = Refusal::Unverified(&error, Some(&request.body.bytes));
                (service.refuse(id, head, refusal), None)
            }
        };
        Served {
            answer,
            service: name,
            operation,
            plane,
            caller,
            request_bytes,
        }
    }

    /// Who has sent a request; keeps what permission will be asked for, if somebody is to be told of it.
    fn verified(
        &self,
        scope: &'static str,
        plane: Plane,
        request: &Request<'_>,
    ) -> Result<Caller, AuthenticationError> {
        let authenticator = &self.authenticator;
        let mut caller = authenticator.authenticate(request.head, &request.body.bytes, scope)?;
        if self.is_audited {
            match plane {
                Plane::Control => caller.asked = Asked::of_every_call(),
                // Told only if they are denied, which nobody is whom no policy binds.
                Plane::Data if caller.arn().is_some() => caller.asked = Asked::of_denials(),
                Plane::Data => {}
            }
        }
        Ok(caller)
    }
}

/// Calls a service; one that panics has failed for this request and for no other.
async fn call<S: PortService>(
    service: &S,
    request: Request<'_>,
    named: S::Named,
    caller: &Caller,
) -> Answer {
    let (id, head) = (request.id, request.head);
    // In its place from the start: a future of some kilobytes is not moved from wrapper to wrapper.
    let mut call = pin!(service.call(request, named, caller));
    let called = poll_fn(|cx| {
        // What a service holds across a panic is its own: it must be sound at any await, as futures may be dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)));
        polled.map_or_else(|panic| Poll::Ready(Err(panic)), |polled| polled.map(Ok))
    });
    called.await.unwrap_or_else(|panic| {
        let panic = panic_text(&*panic);
        tracing::error!(request_id = %id, target = target(head), panic, "a request failed");
        service.refuse(id, head, Refusal::Failed)
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
