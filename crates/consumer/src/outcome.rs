//! What becomes of a record that could not be processed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::{ExtendedSequenceNumber, Record};

/// Any error of an application.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a record, or a batch, is not done, and what is to become of it.
///
/// Any error becomes a `Failure` by `?`: then the [`FailurePolicy`](crate::FailurePolicy) decides. The constructors
/// decide here and now. Whatever is decided, nothing is skipped: a record is done, or parked where it can be found
/// again, or it comes again.
///
/// ```
/// # use std::time::Duration;
/// # use millstream_consumer::Failure;
/// # fn call() -> Result<(), std::io::Error> { Ok(()) }
/// fn handle(order: &str) -> Result<(), Failure> {
///     if order.is_empty() {
///         return Err(Failure::park("an order without text"));
///     }
///     call().map_err(|busy| Failure::retry_after(Duration::from_secs(5), busy))?;
///     call()?; // The policy decides.
///     Ok(())
/// }
/// # handle("x").unwrap();
/// ```
pub struct Failure {
    pub(crate) verdict: Verdict,
    pub(crate) cause: BoxError,
    /// The record, if it is one of a batch.
    pub(crate) at: Option<ExtendedSequenceNumber>,
}

/// What is to become of a record that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As the policy says.
    Policy,
    RetryAfter(Duration),
    Park,
    Halt,
}

impl Failure {
    fn with(verdict: Verdict, cause: impl Into<BoxError>) -> Self {
        Self {
            verdict,
            cause: cause.into(),
            at: None,
        }
    }

    /// The policy decides. The same as `?` or `into()`.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self::with(Verdict::Policy, cause)
    }

    /// Comes again after `pause`, however often it has failed. The shard waits meanwhile.
    pub fn retry_after(pause: Duration, cause: impl Into<BoxError>) -> Self {
        Self::with(Verdict::RetryAfter(pause), cause)
    }

    /// Goes to the dead letters with its cause, and the shard goes on. A consumer without dead letters
    /// ([`ConsumerBuilder::dead_letter_stream`](crate::ConsumerBuilder::dead_letter_stream)) halts instead.
    pub fn park(cause: impl Into<BoxError>) -> Self {
        Self::with(Verdict::Park, cause)
    }

    /// Stops this worker in good order with [`ConsumerError::Halted`](crate::ConsumerError::Halted).
    pub fn halt(cause: impl Into<BoxError>) -> Self {
        Self::with(Verdict::Halt, cause)
    }

    /// The failure is this record's: those before it in the batch are done, those after it come again and have not
    /// failed. Without it, the whole batch has failed.
    pub fn at(mut self, record: &Record) -> Self {
        self.at = Some(record.place.clone());
        self
    }

    /// The error.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::new(cause)
    }
}

/// An error of a processor that cannot go on from where it is: what it knew of the shard is lost, as that of a child process
/// that died. The processor is discarded, and after the pause of the [`FailurePolicy`](crate::FailurePolicy) a new one
/// starts at the last checkpoint. With [`halt_after`](crate::FailurePolicy::halt_after), so many starts in a row without a
/// checkpoint halt the worker.
///
/// To be returned by any method of a [`RecordProcessor`](crate::RecordProcessor), by `?` or inside a [`Failure`]; from
/// `stop_requested` it is only logged.
#[derive(Debug, thiserror::Error)]
#[error("the processor cannot go on and starts over")]
pub struct StartOver(#[source] BoxError);

impl StartOver {
    /// Starts over because of this.
    pub fn because(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("verdict", &self.verdict)
            .field("cause", &self.cause)
            .field("at", &self.at)
            .finish()
    }
}

/// An error with all its causes, in one line.
pub(crate) fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}
