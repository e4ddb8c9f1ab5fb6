//! How a producer is put together.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::pipeline::Pipeline;
use crate::runner::{Ended, Outside, Shared, run};
use crate::{InvalidSettings, KinesisTransport, MetricsRecorder, Producer, Settings, Transport};

/// Why a producer cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither [`client`](ProducerBuilder::client) nor [`transport`](ProducerBuilder::transport) was given.
    #[error("no client for the stream was given")]
    NoStream,
    /// A setting is out of its bounds.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// There is no Tokio runtime to work on.
    #[error("a producer is built inside a Tokio runtime")]
    NoRuntime,
}

/// Puts a [`Producer`] together.
#[derive(Debug)]
#[must_use]
pub struct ProducerBuilder {
    stream: String,
    transport: Option<Arc<dyn Transport>>,
    recorder: Option<Arc<dyn MetricsRecorder>>,
    settings: Settings,
    seed: Option<u64>,
}

impl ProducerBuilder {
    pub(crate) fn new(stream: String) -> Self {
        Self {
            stream,
            transport: None,
            recorder: None,
            settings: Settings::default(),
            seed: None,
        }
    }

    /// Sends through this client. It needs permission for PutRecords and ListShards.
    pub fn client(self, client: aws_sdk_kinesis::Client) -> Self {
        let transport = KinesisTransport::new(client, &self.stream);
        self.transport(Arc::new(transport))
    }

    /// Sends through `transport`.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Tells `recorder` what happens. Default: nothing is measured.
    pub fn metrics(mut self, recorder: Arc<dyn MetricsRecorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Replaces all settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Fixes the jitter, so that a simulation can be repeated.
    #[cfg(test)]
    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The producer. Its task runs on the runtime that this is called in, and lists the shards at once.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Producer, BuildError> {
        self.settings.check()?;
        let transport = self.transport.ok_or(BuildError::NoStream)?;
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let seed = self.seed.unwrap_or_else(rand::random);
        let outside = Outside {
            transport,
            request_timeout: self.settings.request_timeout,
            recorder: self.recorder,
        };
        let room_bytes = self.settings.buffered_bytes_max;
        let record_bytes_max = self.settings.max_user_record_size_bytes;
        let pipeline = Pipeline::new(self.settings, seed, outside.recorder.is_some());
        let shared = Arc::new(Shared::new(pipeline, room_bytes));
        runtime.spawn(run(Ended(Arc::clone(&shared)), outside));
        Ok(Producer::new(shared, record_bytes_max))
    }
}
