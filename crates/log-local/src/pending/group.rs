//! What was submitted and waits to become durable together, and the answers that wait for it.

use bytes::Bytes;
use millstream_log::{AppendError, AppendId, Appended, EngineError, EntryKind, NotWritten};
use tokio::sync::oneshot;

use crate::format::{ControlOp, LogKey};

/// Everything submitted since the group before was taken.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) control_ops: Vec<ControlOp>,
    pub(crate) entries: Vec<PendingEntry>,
    pub(crate) calls: Vec<Call>,
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.control_ops.is_empty() && self.entries.is_empty() && self.calls.is_empty()
    }

    /// Keeps the memory of small vectors for the next group.
    pub(crate) fn clear(&mut self) {
        const KEPT: usize = 4096;
        self.control_ops.clear();
        self.entries.clear();
        self.calls.clear();
        self.control_ops.shrink_to(KEPT);
        self.entries.shrink_to(KEPT);
        self.calls.shrink_to(KEPT);
    }
}

/// An entry with its place in its log.
#[derive(Debug)]
pub(crate) struct PendingEntry {
    pub(crate) key: LogKey,
    pub(crate) row: u32,
    pub(crate) offset: u64,
    pub(crate) time: u64,
    pub(crate) kind: EntryKind,
    pub(crate) id: Option<AppendId>,
    pub(crate) payload: Bytes,
}

pub(crate) type AppendAnswers = Vec<Result<Appended, AppendError>>;

/// A caller that waits.
#[derive(Debug)]
pub(crate) enum Call {
    Appends {
        plan: Vec<Planned>,
        /// Counted in the bytes that are pending.
        bytes: usize,
        answer: oneshot::Sender<AppendAnswers>,
    },
    Control {
        /// If all goes well.
        outcome: Result<(), EngineError>,
        answer: oneshot::Sender<Result<(), EngineError>>,
    },
}

/// What an entry's answer will be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Planned {
    /// Known already.
    Settled(Result<Appended, AppendError>),
    /// Written by this call, or by one before with the same append id, once the group is durable.
    Written(LogKey, Appended),
    /// Refused because of something before it that is not durable yet.
    Refused(NotWritten),
}

/// How a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Durable,
    /// A write or an fsync failed: what was not published before is unknown.
    Unknown,
    /// Never given to the disk.
    NotStarted,
}

impl Call {
    /// Answers the caller; `is_durable` tells whether an entry was published. Returns the bytes no longer pending.
    pub(crate) fn answer(self, ending: Ending, is_durable: impl Fn(LogKey, u64) -> bool) -> usize {
        match self {
            Self::Appends {
                plan,
                bytes,
                answer,
            } => {
                let answers = plan
                    .into_iter()
                    .map(|planned| planned.answer(ending, &is_durable))
                    .collect();
                // A caller that hung up loses its answer, never its entries.
                drop(answer.send(answers));
                bytes
            }
            Self::Control { outcome, answer } => {
                let outcome = match ending {
                    Ending::Durable => outcome,
                    Ending::Unknown => Err(EngineError::OutcomeUnknown),
                    Ending::NotStarted => Err(EngineError::Stopped),
                };
                drop(answer.send(outcome));
                0
            }
        }
    }
}

impl Planned {
    fn answer(
        self,
        ending: Ending,
        is_durable: &impl Fn(LogKey, u64) -> bool,
    ) -> Result<Appended, AppendError> {
        match (self, ending) {
            (Self::Settled(answer), _) => answer,
            (Self::Written(_, appended), Ending::Durable) => Ok(appended),
            (Self::Written(key, appended), _) if is_durable(key, appended.offset) => Ok(appended),
            (Self::Written(..), Ending::Unknown) => Err(AppendError::OutcomeUnknown),
            (Self::Refused(why), Ending::Durable) => Err(why.into()),
            (Self::Written(..) | Self::Refused(_), _) => Err(NotWritten::Stopped.into()),
        }
    }
}
