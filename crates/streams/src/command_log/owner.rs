//! The one task that writes the command log.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::{
    Append, AppendError, AppendId, Appended, EntryKind, LogEngine, Place, SnapshotStore,
};
use millstream_types::WallClock;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open::{CommandLogError, read_commands};
use super::snapshots::Snapshots;
use super::{CommandLog, Proposal, ProposeError, QUEUE_COMMANDS_MAX};
use crate::life_cycle::Changing;
use crate::view::View;
use millstream_catalog::{Applied, Command, CommandEntry, Rejected};

/// An append that is not answered after this long has an unknown outcome.
const APPEND_PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between attempts to learn what became of a command.
const RESOLVE_PAUSE_MIN: Duration = Duration::from_millis(50);
const RESOLVE_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A command whose outcome is unknown.
#[derive(Debug)]
struct Unresolved {
    append: Append,
    pause: Duration,
    next_attempt: Instant,
}

/// Writes the command log and applies what is in it.
#[derive(Debug)]
pub(crate) struct Owner {
    engine: Arc<dyn LogEngine>,
    clock: Arc<dyn WallClock>,
    view: Arc<View>,
    changing: Arc<Changing>,
    place: Place,
    /// Every command below is applied.
    next: u64,
    proposals: mpsc::Receiver<Proposal>,
    unresolved: Option<Unresolved>,
    snapshots: Snapshots,
}

/// What the owner works with.
#[derive(Debug)]
pub(super) struct OwnerParts {
    pub(super) engine: Arc<dyn LogEngine>,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) view: Arc<View>,
    pub(super) changing: Arc<Changing>,
    pub(super) place: Place,
    pub(super) next: u64,
    pub(super) store: Arc<dyn SnapshotStore>,
    pub(super) snapshot_offsets: Vec<u64>,
    pub(super) commands_per_snapshot: u64,
}

impl Owner {
    pub(super) fn new(parts: OwnerParts) -> (Self, CommandLog) {
        let (sender, proposals) = mpsc::channel(QUEUE_COMMANDS_MAX);
        let snapshots = Snapshots::new(
            parts.store,
            &parts.snapshot_offsets,
            parts.commands_per_snapshot,
        );
        let owner = Self {
            engine: parts.engine,
            clock: parts.clock,
            view: parts.view,
            changing: parts.changing,
            place: parts.place,
            next: parts.next,
            proposals,
            unresolved: None,
            snapshots,
        };
        (owner, CommandLog { proposals: sender })
    }

    /// Serves proposals until `stop`; then finishes those that wait and stores the catalog.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let resolve_at = self.unresolved.as_ref().map(|one| one.next_attempt);
            tokio::select! {
                proposal = self.proposals.recv() => match proposal {
                    Some(proposal) => self.handle(proposal).await,
                    None => break,
                },
                () = tokio::time::sleep_until(resolve_at.unwrap_or_else(Instant::now)),
                    if resolve_at.is_some() => self.resolve().await,
                saved = self.snapshots.saved() => self.snapshot_saved(saved).await,
                () = stop.cancelled(), if !self.proposals.is_closed() => self.proposals.close(),
            }
            self.snapshots.begin_if_due(&self.view, self.next);
        }
        // What is unknown now stays unknown until the log is read at the next start.
        if self.unresolved.is_none() {
            let saved = self.snapshots.finish(&self.view, self.next).await;
            self.snapshot_saved(saved).await;
        }
    }

    async fn handle(&mut self, Proposal { command, answer }: Proposal) {
        let result = self.write_and_apply(command).await;
        // A caller that hung up loses its answer, never its command.
        if answer.send(result).is_err() {
            tracing::debug!("nobody waits for the answer of a command");
        }
    }

    async fn write_and_apply(&mut self, command: Command) -> Result<Applied, ProposeError> {
        if self.unresolved.is_some() {
            return Err(ProposeError::Suspended);
        }
        let entry = CommandEntry::new(self.clock.now(), command);
        self.view.read(|catalog| catalog.decide(&entry).map(drop))?;
        let append = Append {
            place: self.place,
            kind: EntryKind::Data,
            payload: entry.encode(),
            id: Some(random_append_id().ok_or(ProposeError::Overloaded)?),
        };
        match self.append(&append).await {
            Ok(appended) if appended.offset == self.next => {
                Ok(self.apply(appended.offset, &entry)?)
            }
            // The engine leaves offsets out, or entries that this task has not read stand before it: read them all.
            Ok(appended) => match self.catch_up(appended.offset).await {
                Ok(applied) => Ok(applied?),
                Err(error) => {
                    tracing::error!(%error, "the command log cannot be followed");
                    Err(self.unresolved(append))
                }
            },
            Err(AppendError::OutcomeUnknown) => {
                tracing::error!(?entry, "the outcome of a command is unknown");
                Err(self.unresolved(append))
            }
            Err(AppendError::NotWritten(reason)) => Err(ProposeError::NotWritten(reason)),
        }
    }

    /// No more commands until this one's outcome is known.
    fn unresolved(&mut self, append: Append) -> ProposeError {
        self.unresolved = Some(Unresolved {
            append,
            pause: RESOLVE_PAUSE_MIN,
            next_attempt: Instant::now(),
        });
        ProposeError::OutcomeUnknown
    }

    async fn append(&mut self, append: &Append) -> Result<Appended, AppendError> {
        let answers = self.engine.append_many(vec![append.clone()]);
        match tokio::time::timeout(APPEND_PATIENCE, answers).await {
            Ok(mut answers) => answers.pop().unwrap_or(Err(AppendError::OutcomeUnknown)),
            Err(_) => Err(AppendError::OutcomeUnknown),
        }
    }

    /// Applies the first command that is not applied yet, which stands at `offset`.
    fn apply(&mut self, offset: u64, entry: &CommandEntry) -> Result<Applied, Rejected> {
        self.next = offset + 1;
        let applied = self.view.apply(entry)?;
        let changed = applied.stream.and_then(|id| self.view.get(id));
        if let Some(stream) = changed {
            self.changing.add(&stream);
        }
        Ok(applied)
    }

    /// Writes the unresolved command again under its id, which does not duplicate it, and so learns its offset; then
    /// reads the log up to there.
    async fn resolve(&mut self) {
        let Some(unresolved) = self.unresolved.take() else {
            return;
        };
        let caught_up = match self.append(&unresolved.append).await {
            Ok(appended) if appended.offset < self.next => Ok(()),
            Ok(appended) => self.catch_up(appended.offset).await.map(drop),
            Err(error) => Err(CommandLogError::Append(error)),
        };
        match caught_up {
            Ok(()) => tracing::info!(next = self.next, "the command log is known again"),
            Err(error) => {
                tracing::error!(%error, "the outcome of a command is still unknown");
                self.unresolved = Some(Unresolved {
                    append: unresolved.append,
                    pause: (unresolved.pause * 2).min(RESOLVE_PAUSE_MAX),
                    next_attempt: Instant::now() + unresolved.pause,
                });
            }
        }
    }

    /// Applies every command up to the one at `last`, which is there, and tells how that one ended.
    async fn catch_up(&mut self, last: u64) -> Result<Result<Applied, Rejected>, CommandLogError> {
        let mut outcome = None;
        while self.next <= last {
            let entries = read_commands(&*self.engine, self.place, self.next).await?;
            if entries.is_empty() {
                return Err(CommandLogError::Missing(self.next));
            }
            for (offset, entry) in entries {
                let applied = self.apply(offset, &entry);
                if let Err(reason) = &applied {
                    tracing::debug!(%reason, ?entry, "a command in the log has no effect");
                }
                if offset == last {
                    outcome = Some(applied);
                }
            }
        }
        outcome.ok_or(CommandLogError::Missing(last))
    }

    async fn snapshot_saved(&mut self, saved: Option<u64>) {
        let Some(older) = saved else { return };
        if let Err(error) = self.engine.trim(self.place, older).await {
            tracing::warn!(%error, "the command log was not trimmed");
        }
    }
}

/// `None` if the system gives no random numbers; a command without an id of its own must not be written.
fn random_append_id() -> Option<AppendId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(AppendId(u128::from_le_bytes(bytes)))
}
