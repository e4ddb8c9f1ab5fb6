//! From what a file says of its sinks to sinks.

use std::sync::Arc;

use millstream_connectors::sinks::{
    dynamodb::DynamoDb, files::Files, stdout::Stdout, stream::Stream,
};
use millstream_connectors::{Opener, SinkStatus};
use millstream_pipeline::runner::{Clients, ReadySink};
use millstream_pipeline::{Pipeline, SinkKind};
use millstream_producer::{Producer, Settings};

use crate::failure::Failure;

/// Largest record that another stream may take.
const RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// All sinks of a pipeline. Nothing is sent yet.
pub(super) fn ready(pipeline: &Pipeline, clients: &Clients) -> Result<Vec<ReadySink>, Failure> {
    let ready = |spec: &millstream_pipeline::SinkSpec| {
        let opener: Arc<dyn Opener> = match &spec.kind {
            SinkKind::Stdout { format } => Arc::new(Stdout {
                format: format.clone(),
            }),
            SinkKind::Files {
                folder,
                format,
                compression,
                ..
            } => Arc::new(Files {
                folder: folder.clone(),
                format: format.clone(),
                compression: *compression,
            }),
            SinkKind::DynamoDb { table, key } => Arc::new(DynamoDb {
                client: clients.dynamodb.clone(),
                table: table.clone(),
                key: key.clone(),
            }),
            SinkKind::Stream { stream, key } => {
                let settings = Settings::default().max_user_record_size_bytes(RECORD_BYTES_MAX);
                let producer = Producer::builder(stream)
                    .client(clients.kinesis.clone())
                    .settings(settings)
                    .build();
                let producer = producer
                    .map_err(|error| Failure::Setup(format!("sink {}: {error}", spec.name)))?;
                Arc::new(Stream {
                    name: stream.clone(),
                    producer,
                    key: key.clone(),
                })
            }
        };
        Ok(ReadySink {
            spec: spec.clone(),
            opener,
            status: SinkStatus::default(),
        })
    };
    pipeline.sinks.iter().map(ready).collect()
}
