//! A call that is being served: it finds what the request names, asks whether the caller may, submits, waits, and says
//! in the end what became of it.

mod admission;
mod change;
mod find_consumer;
mod find_resource;
mod find_stream;
mod of_stream;
mod record;

use millstream_catalog::Commitment;
use millstream_types::{ShardUse, TimestampMs};
use millstream_wire::Operation;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub(crate) use find_consumer::{FoundConsumer, NamedConsumer};
pub(crate) use find_resource::FoundResource;
pub(crate) use find_stream::NamedStream;
pub(crate) use of_stream::OfStream;
use record::Recording;

use crate::refusals;
use crate::service::{Inner, NotServing};
use crate::{Caller, Failure, StreamService};

/// A call on behalf of a caller. It counts as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: &'a StreamService,
    pub(crate) caller: &'a Caller,
    pub(crate) operation: Operation,
    served: Served,
}

/// The part of a call that borrows nothing, for what goes on when the request is gone.
#[derive(Debug)]
pub(crate) struct Served {
    operation: Operation,
    in_flight: Result<TaskTrackerToken, NotServing>,
    recording: Option<Recording>,
}

/// Gives the service a method for an operation; the operation's rule is a function of the method's name beside it.
macro_rules! operation {
    (
        $(#[$doc:meta])*
        $operation:ident: $method:ident($request:ty) -> $answer:ty
    ) => {
        impl $crate::StreamService {
            $(#[$doc])*
            ///
            /// # Errors
            #[doc = concat!(
                "See [`Failure`](crate::Failure). The codes are those of `", stringify!($operation),
                "` in AWS's model, and those that every operation has."
            )]
            pub async fn $method(
                &self,
                caller: &$crate::Caller,
                request: $request,
            ) -> Result<$answer, $crate::Failure> {
                let call = self.enter(caller, millstream_wire::Operation::$operation);
                let answer = match call.begun() {
                    Ok(()) => $method(&call, request).await,
                    Err(failure) => Err(failure),
                };
                call.end(answer)
            }
        }
    };
}
pub(crate) use operation;

impl StreamService {
    /// Begins a call.
    pub(crate) fn enter<'a>(&'a self, caller: &'a Caller, operation: Operation) -> Call<'a> {
        let recorder = self.inner.recorder.as_ref();
        Call {
            service: self,
            caller,
            operation,
            served: Served {
                operation,
                in_flight: self.in_flight(),
                recording: recorder.map(|recorder| Recording::new(recorder, operation)),
            },
        }
    }
}

impl<'a> Call<'a> {
    /// Whether the service serves calls.
    pub(crate) fn begun(&self) -> Result<(), Failure> {
        match &self.served.in_flight {
            Ok(_) => Ok(()),
            Err(reason) => Err((*reason).into()),
        }
    }

    /// What the call works with.
    pub(crate) fn inner(&self) -> &'a Inner {
        &self.service.inner
    }

    /// The wall clock's time.
    pub(crate) fn now(&self) -> TimestampMs {
        self.inner().clock.now()
    }

    /// Whether the caller may do this in general: to no stream in particular.
    pub(crate) fn allow_in_general(&self) -> Result<(), Failure> {
        self.caller.authorize_in_general(self.operation)?;
        self.admit(None)
    }

    /// What the caller's account commits itself to in the caller's region, if it ever did.
    pub(crate) fn commitment(&self) -> Option<Commitment> {
        let (account, region) = (&self.caller.account, &self.caller.region);
        let view = &self.inner().view;
        view.read(|catalog| catalog.commitment(account, region).copied())
    }

    /// Notes what was read of a shard, for whoever records the call.
    pub(crate) fn note_read(&self, read: ShardUse, behind_ms: u64) {
        if let Some(recording) = &self.served.recording {
            recording.note_read(read, behind_ms);
        }
    }

    /// Lets go of caller and request.
    pub(crate) fn detach(self) -> Served {
        self.served
    }

    /// The call is over.
    pub(crate) fn end<T>(self, answer: Result<T, Failure>) -> Result<T, Failure> {
        self.served.end(answer)
    }
}

impl Served {
    /// Whether somebody records what the call did.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// The call is over.
    pub(crate) fn end<T>(self, answer: Result<T, Failure>) -> Result<T, Failure> {
        self.end_put(answer, &[])
    }

    /// The call is over, and this is what became of the records that it put.
    pub(crate) fn end_put<T>(
        self,
        answer: Result<T, Failure>,
        put: &[ShardUse],
    ) -> Result<T, Failure> {
        let failure = answer.as_ref().err();
        debug_assert!(
            failure.is_none_or(|failure| self.operation.has_error(failure.code())),
            "{} has no such error on AWS: {failure:?}",
            self.operation.name()
        );
        if let Some(recording) = self.recording {
            recording.end(failure, put);
        }
        answer
    }
}

impl From<NotServing> for Failure {
    fn from(reason: NotServing) -> Self {
        match reason {
            NotServing::Stopping => refusals::stopping(),
            NotServing::Failed => refusals::failed(),
        }
    }
}
