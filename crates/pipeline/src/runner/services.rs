//! What the stages stand on: streams, lease tables and the table of states.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use millstream_consumer::{Consumer, ConsumerBuilder, Polling, Source};

use super::{Clients, KinesisPieces, PieceStream, Reports, RunError, StateStore, StateTable};
use crate::file::Pipeline;

/// What making something returns. It borrows the services.
pub(super) type Made<'a> = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send + 'a>>;

/// What the stages stand on: services of AWS's API, or doubles of them.
pub(super) trait Services: Send + Sync + fmt::Debug {
    /// A consumer of the source, with its lease table.
    fn source_consumer(&self) -> ConsumerBuilder;

    /// A consumer of the stream between the stages, with its lease table.
    fn piece_consumer(&self) -> ConsumerBuilder;

    /// The source, whose shards are listed.
    fn source(&self) -> Arc<dyn Source>;

    /// The stream between the stages.
    fn pieces(&self) -> Arc<dyn PieceStream>;

    /// Where the second stage keeps its state.
    fn states(&self) -> Arc<dyn StateStore>;

    /// Where the workers say how they are doing, if anywhere.
    fn reports(&self) -> Option<Reports>;

    /// Makes the table of states, unless it is there.
    fn ensure_states(&self) -> Made<'_>;

    /// Makes the stream between the stages, unless it is there.
    fn ensure_pieces(&self) -> Made<'_>;
}

/// Services of AWS's API, under the names that the pipeline gives.
#[derive(Debug)]
pub(super) struct AwsServices {
    pub(super) clients: Clients,
    pub(super) pipeline: Arc<Pipeline>,
}

impl AwsServices {
    fn consumer(&self, application: String, stream: &str) -> ConsumerBuilder {
        Consumer::builder(application, stream)
            .clients(self.clients.kinesis.clone(), self.clients.dynamodb.clone())
    }

    fn kinesis_pieces(&self) -> KinesisPieces {
        KinesisPieces::new(
            self.clients.kinesis.clone(),
            &self.pipeline.intermediate_stream(),
        )
    }

    fn state_table(&self) -> StateTable {
        StateTable::new(self.clients.dynamodb.clone(), &self.pipeline.state_table())
    }
}

impl Services for AwsServices {
    fn source_consumer(&self) -> ConsumerBuilder {
        self.consumer(self.pipeline.application(), &self.pipeline.source.stream)
    }

    fn piece_consumer(&self) -> ConsumerBuilder {
        self.consumer(
            self.pipeline.merge_application(),
            &self.pipeline.intermediate_stream(),
        )
    }

    fn source(&self) -> Arc<dyn Source> {
        Arc::new(Polling::new(
            self.clients.kinesis.clone(),
            &self.pipeline.source.stream,
        ))
    }

    fn pieces(&self) -> Arc<dyn PieceStream> {
        Arc::new(self.kinesis_pieces())
    }

    fn states(&self) -> Arc<dyn StateStore> {
        Arc::new(self.state_table())
    }

    fn reports(&self) -> Option<Reports> {
        let table = self.pipeline.state_table();
        Some(Reports::new(self.clients.dynamodb.clone(), &table))
    }

    fn ensure_states(&self) -> Made<'_> {
        Box::pin(async move { Ok(self.state_table().ensure_exists().await?) })
    }

    fn ensure_pieces(&self) -> Made<'_> {
        Box::pin(async move {
            let made = self.kinesis_pieces().ensure_exists().await;
            made.map_err(|cause| RunError::Intermediate {
                stream: self.pipeline.intermediate_stream(),
                cause,
            })
        })
    }
}
