//! One shard's records, handed to a program message by message.

use std::sync::Arc;
use std::time::Instant;

use millstream_consumer::{
    BoxError, CheckpointError, Checkpointer, ExtendedSequenceNumber, Failure, LeaseTableError,
    RecordBatch, RecordProcessor, ShardStart, StartOver,
};
use tokio::time::timeout;

use super::daemon::Daemon;
use super::messages::{FromProgram, ToProgram};
use super::program::{Program, ProgramError};
use crate::failure::in_one_line;

/// Speaks to the program of one shard.
///
/// A program that dies, hangs or answers what was not asked is killed; what it knew is lost with it, so a new one starts at
/// the last checkpoint. The other shards go on.
pub(super) struct ProgramProcessor {
    daemon: Arc<Daemon>,
    shard_id: String,
    program: Option<Program>,
    /// What the program has been told and not answered, because the call was dropped.
    unanswered: Option<&'static str>,
    /// The last record that was sent.
    last: Option<ExtendedSequenceNumber>,
    millis_behind_latest: u64,
    last_call: Instant,
}

/// Whether the program may checkpoint now.
#[derive(Clone, Copy)]
enum Checkpoints<'a> {
    With(&'a Checkpointer),
    LeaseIsLost,
    NotNow,
}

/// What came with an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    /// Everything that was sent has been checkpointed.
    stored_everything: bool,
}

impl ProgramProcessor {
    pub(super) fn new(daemon: Arc<Daemon>, shard_id: &str) -> Self {
        Self {
            daemon,
            shard_id: shard_id.to_owned(),
            program: None,
            unanswered: None,
            last: None,
            millis_behind_latest: 0,
            last_call: now(),
        }
    }

    /// Tells the program something and waits for its answer.
    async fn tell(
        &mut self,
        message: ToProgram,
        checkpoints: Checkpoints<'_>,
    ) -> Result<Answer, ProgramError> {
        let Some(program) = &mut self.program else {
            return Err(ProgramError::Ended("it was not started".to_owned()));
        };
        program.send(&message).await?;
        self.unanswered = Some(message.action());
        let answer = self.answer(message.action(), checkpoints).await;
        self.last_call = now();
        answer
    }

    /// Waits for the answer to `asked`, and makes the checkpoints that come before it.
    async fn answer(
        &mut self,
        asked: &'static str,
        checkpoints: Checkpoints<'_>,
    ) -> Result<Answer, ProgramError> {
        let mut answer = Answer::default();
        loop {
            match self.next_message(asked).await? {
                FromProgram::Status { response_for } if response_for == asked => {
                    self.unanswered = None;
                    return Ok(answer);
                }
                FromProgram::Status { response_for } => {
                    return Err(ProgramError::WrongAnswer {
                        asked,
                        answered: response_for,
                    });
                }
                FromProgram::Checkpoint {
                    sequence_number,
                    sub_sequence_number,
                } => {
                    let place = (sequence_number.as_deref(), sub_sequence_number);
                    let stored = self.checkpoint(place, checkpoints).await;
                    if let Ok(stored_everything) = stored {
                        answer.stored_everything = stored_everything;
                    }
                    let said = ToProgram::Checkpoint {
                        sequence_number,
                        sub_sequence_number,
                        error: stored.err(),
                    };
                    if let Some(program) = &mut self.program {
                        program.send(&said).await?;
                    }
                }
            }
        }
    }

    async fn next_message(&mut self, action: &'static str) -> Result<FromProgram, ProgramError> {
        let Some(program) = &mut self.program else {
            return Err(ProgramError::Ended("it was not started".to_owned()));
        };
        let Some(answer_timeout) = self.daemon.answer_timeout else {
            return program.next().await;
        };
        let message = timeout(answer_timeout, program.next()).await;
        message.unwrap_or(Err(ProgramError::Hangs {
            action,
            timeout: answer_timeout,
        }))
    }

    /// Whether everything that was sent is stored now; or the name of the exception that a Java processor would get.
    async fn checkpoint(
        &self,
        (number, sub): (Option<&str>, Option<u64>),
        checkpoints: Checkpoints<'_>,
    ) -> Result<bool, &'static str> {
        let checkpointer = match checkpoints {
            Checkpoints::With(checkpointer) => checkpointer,
            Checkpoints::LeaseIsLost => return Err("ShutdownException"),
            Checkpoints::NotNow => return Err("InvalidStateException"),
        };
        let (stored, is_everything) = match number {
            None => (checkpointer.checkpoint().await, true),
            Some(number) => {
                // Without an index: the first record of those that travelled together, as in the KCL.
                let place = ExtendedSequenceNumber::new(number, sub.unwrap_or(0));
                let place = place.map_err(|_| "IllegalArgumentException")?;
                let is_last = self.last.as_ref().is_none_or(|last| *last <= place);
                (checkpointer.checkpoint_at(&place).await, is_last)
            }
        };
        match stored {
            Ok(()) => Ok(is_everything),
            Err(error) => {
                let exception = exception(&error);
                tracing::warn!(
                    shard_id = self.shard_id,
                    number,
                    sub,
                    exception,
                    error = in_one_line(&error),
                    "the program's checkpoint is not stored"
                );
                Err(exception)
            }
        }
    }

    /// Lets the program go.
    async fn end(&mut self) {
        let Some(program) = self.program.take() else {
            return;
        };
        match program.end(self.daemon.exit_timeout).await {
            Some(status) if status.success() => {}
            Some(status) => {
                tracing::warn!(shard_id = self.shard_id, %status, "the program failed at its end")
            }
            None => tracing::warn!(
                shard_id = self.shard_id,
                "the program did not end when its input did, and was killed"
            ),
        }
    }
}

impl RecordProcessor for ProgramProcessor {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        self.program = None;
        self.unanswered = None;
        self.program = Some(Program::start(&self.daemon.command, &self.shard_id)?);
        let initialize = ToProgram::initialize(start);
        self.tell(initialize, Checkpoints::NotNow).await?;
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        let behind_ms = batch.behind_latest().as_millis();
        self.millis_behind_latest = u64::try_from(behind_ms).unwrap_or(u64::MAX);
        self.last = batch.records().last().map(|record| record.place.clone());
        let message = ToProgram::process_records(batch.records(), self.millis_behind_latest);
        let told = self.tell(message, Checkpoints::With(checkpointer)).await;
        told.map_err(StartOver::because)?;
        Ok(())
    }

    fn next_timer(&self) -> Option<Instant> {
        let every = self.daemon.idle_calls_every?;
        Some(self.last_call + every)
    }

    async fn timer_fired(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        let message = ToProgram::process_records(&[], self.millis_behind_latest);
        let told = self.tell(message, Checkpoints::With(checkpointer)).await;
        told.map_err(StartOver::because)?;
        Ok(())
    }

    async fn lease_lost(&mut self) {
        let told = async {
            if let Some(asked) = self.unanswered {
                self.answer(asked, Checkpoints::LeaseIsLost).await?;
            }
            self.tell(ToProgram::LeaseLost, Checkpoints::NotNow).await
        };
        if let Err(error) = told.await {
            tracing::warn!(
                shard_id = self.shard_id,
                error = in_one_line(&error),
                "the program did not hear that its lease is lost"
            );
            self.program = None;
        }
        self.end().await;
    }

    async fn shard_ended(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        let told = self
            .tell(ToProgram::ShardEnded, Checkpoints::With(checkpointer))
            .await;
        let answer = told.map_err(StartOver::because)?;
        if !answer.stored_everything {
            return Err(StartOver::because(ProgramError::EndNotCheckpointed).into());
        }
        self.end().await;
        Ok(())
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        let stop = ToProgram::ShutdownRequested;
        self.tell(stop, Checkpoints::With(checkpointer)).await?;
        // As in the KCL, whose workers lose their leases in the end.
        self.tell(ToProgram::LeaseLost, Checkpoints::NotNow).await?;
        self.end().await;
        Ok(())
    }
}

/// What a Java processor would have to catch.
fn exception(error: &CheckpointError) -> &'static str {
    match error {
        CheckpointError::LeaseLost | CheckpointError::ShuttingDown => "ShutdownException",
        CheckpointError::OutOfRange { .. } | CheckpointError::Invalid(_) => {
            "IllegalArgumentException"
        }
        CheckpointError::Table(LeaseTableError::Throttled(_)) => "ThrottlingException",
        CheckpointError::Table(LeaseTableError::Missing(_)) => "InvalidStateException",
        _ => "KinesisClientLibDependencyException",
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
