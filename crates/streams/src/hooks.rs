//! Who is asked before a call is served, and who is told of it afterwards: where limits and metrics have their place.

use std::fmt;
use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_types::{AccountId, CallRecorder, Region};
use millstream_wire::Operation;

use crate::Failure;

/// Hooks of a service; none by default.
#[derive(Debug, Clone, Default)]
pub struct CallHooks {
    /// Lets calls in, or refuses them. None: all are let in.
    pub admission: Option<Arc<dyn Admission>>,
    /// Hears what each call did with the stream that it found, and each event of a subscription.
    pub recorder: Option<Arc<dyn CallRecorder>>,
}

/// Lets calls in, or refuses them. Asked once per call, after access (who may not do something does not learn how busy
/// it is) and before anything is done. Called on the thread that serves: it must be quick and must not wait.
pub trait Admission: Send + Sync + fmt::Debug {
    /// Whether the call is let in.
    ///
    /// # Errors
    /// What the caller is told; [`LimitExceeded`](millstream_wire::ErrorCode::LimitExceeded) or
    /// [`ProvisionedThroughputExceeded`](millstream_wire::ErrorCode::ProvisionedThroughputExceeded), say.
    fn admit(&self, asking: &Asking<'_>) -> Result<(), Failure>;
}

/// A call that asks to be let in.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Asking<'a> {
    /// What is called.
    pub operation: Operation,
    /// The caller's account.
    pub account: &'a AccountId,
    /// Where.
    pub region: &'a Region,
    /// The stream that the request names; `None` for a call about no stream that is there.
    pub stream: Option<&'a Stream>,
}
