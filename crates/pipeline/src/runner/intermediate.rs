//! The stream between the stages.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::StreamStatus;
use tokio::time::sleep;

use crate::window::Piece;

const ACTIVE_POLL: Duration = Duration::from_millis(200);
const ACTIVE_POLLS_MAX: u32 = 1500;

/// What putting a piece returns. It borrows nothing.
pub type PieceFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Takes pieces in order.
pub trait PieceStream: Send + Sync + fmt::Debug {
    /// Puts a piece; `Ok` means that it is stored. It may be stored after an error too, and put again.
    fn put(&self, piece: &Piece) -> PieceFuture;
}

/// A stream of the Kinesis API with one shard.
#[derive(Debug, Clone)]
pub struct KinesisPieces {
    client: Client,
    stream: String,
}

impl KinesisPieces {
    /// The stream of this name.
    pub fn new(client: Client, stream: &str) -> Self {
        Self {
            client,
            stream: stream.to_owned(),
        }
    }

    /// Makes the stream unless it is there, and waits until it can be used.
    ///
    /// # Errors
    /// In words.
    pub async fn ensure_exists(&self) -> Result<(), String> {
        let created = self
            .client
            .create_stream()
            .stream_name(&self.stream)
            .shard_count(1)
            .send()
            .await;
        if let Err(error) = created
            && error.code() != Some("ResourceInUseException")
        {
            return Err(DisplayErrorContext(&error).to_string());
        }
        for _ in 0..ACTIVE_POLLS_MAX {
            let summary = self
                .client
                .describe_stream_summary()
                .stream_name(&self.stream)
                .send()
                .await;
            let summary = summary.map_err(|error| DisplayErrorContext(&error).to_string())?;
            let status = summary
                .stream_description_summary()
                .map(|summary| summary.stream_status().clone());
            if matches!(status, Some(StreamStatus::Active | StreamStatus::Updating)) {
                return Ok(());
            }
            sleep(ACTIVE_POLL).await;
        }
        Err("it does not become ACTIVE".to_owned())
    }
}

impl PieceStream for KinesisPieces {
    fn put(&self, piece: &Piece) -> PieceFuture {
        let request = self
            .client
            .put_record()
            .stream_name(&self.stream)
            .partition_key(&piece.shard)
            .data(Blob::new(piece.to_bytes()));
        Box::pin(async move {
            let put = request.send().await;
            put.map(drop)
                .map_err(|error| format!("a piece was not put: {}", DisplayErrorContext(&error)))
        })
    }
}
