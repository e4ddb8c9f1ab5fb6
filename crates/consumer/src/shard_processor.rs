//! Any [`RecordProcessor`] behind a pointer: the machinery around it is compiled once, not once for each application's type.
//! That costs an allocation for each batch.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use crate::{BoxError, Checkpointer, Failure, RecordBatch, RecordProcessor, ShardStart};

type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes the processor of the shard of this id.
pub(crate) type ProcessorFactory = Box<dyn Fn(&str) -> Box<dyn ShardProcessor> + Send + Sync>;

/// See [`RecordProcessor`]; the methods are its.
pub(crate) trait ShardProcessor: Send {
    fn process<'a>(
        &'a mut self,
        batch: &'a RecordBatch,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), Failure>>;

    fn started<'a>(
        &'a mut self,
        start: &'a ShardStart,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>>;

    fn next_timer(&self) -> Option<Instant>;

    fn timer_fired<'a>(
        &'a mut self,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>>;

    fn lease_lost(&mut self) -> Call<'_, ()>;

    fn shard_ended<'a>(
        &'a mut self,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>>;

    fn stop_requested<'a>(
        &'a mut self,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>>;
}

impl<P: RecordProcessor> ShardProcessor for P {
    fn process<'a>(
        &'a mut self,
        batch: &'a RecordBatch,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), Failure>> {
        Box::pin(RecordProcessor::process(self, batch, checkpointer))
    }

    fn started<'a>(
        &'a mut self,
        start: &'a ShardStart,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>> {
        Box::pin(RecordProcessor::started(self, start, checkpointer))
    }

    fn next_timer(&self) -> Option<Instant> {
        RecordProcessor::next_timer(self)
    }

    fn timer_fired<'a>(
        &'a mut self,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>> {
        Box::pin(RecordProcessor::timer_fired(self, checkpointer))
    }

    fn lease_lost(&mut self) -> Call<'_, ()> {
        Box::pin(RecordProcessor::lease_lost(self))
    }

    fn shard_ended<'a>(
        &'a mut self,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>> {
        Box::pin(RecordProcessor::shard_ended(self, checkpointer))
    }

    fn stop_requested<'a>(
        &'a mut self,
        checkpointer: &'a Checkpointer,
    ) -> Call<'a, Result<(), BoxError>> {
        Box::pin(RecordProcessor::stop_requested(self, checkpointer))
    }
}
