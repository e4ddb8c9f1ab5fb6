//! Decisions as records of a stream of their own.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::StreamStatus;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::streams::wait::summary;

/// How often a new stream is looked at.
const PAUSE: Duration = Duration::from_millis(250);
/// How long it may take to be there.
const READY_MAX: Duration = Duration::from_secs(120);

/// The stream that decisions are written to, all with the application's name as their key.
#[derive(Debug)]
pub(super) struct DecisionStream {
    client: Client,
    stream: String,
    application: String,
}

impl DecisionStream {
    /// Makes it, with one shard, unless it is there.
    pub(super) async fn open(
        client: Client,
        stream: String,
        application: String,
    ) -> Result<Self, Failure> {
        let create = client.create_stream().stream_name(&stream).shard_count(1);
        match create.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => {}
            Err(error) => return Err(Failure::of("CreateStream", error)),
        }
        let deadline = Instant::now() + READY_MAX;
        while summary(&client, &stream).await?.stream_status != StreamStatus::Active {
            if Instant::now() > deadline {
                return Err(Failure::Late(format!("{stream} is not ACTIVE yet")));
            }
            sleep(PAUSE).await;
        }
        Ok(Self {
            client,
            stream,
            application,
        })
    }

    /// Puts one decision.
    pub(super) async fn put(&self, line: &Value) -> Result<(), Failure> {
        let request = self.client.put_record().stream_name(&self.stream);
        let request = request
            .partition_key(&self.application)
            .data(Blob::new(line.to_string()));
        let put = request.send().await;
        put.map_err(|error| Failure::of("PutRecord", error))
            .map(drop)
    }
}
