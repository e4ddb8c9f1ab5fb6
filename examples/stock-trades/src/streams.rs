//! Creates streams and waits for them.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kinesis::types::StreamStatus;
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Creates the stream unless it exists, and waits until it is ACTIVE; true if it was created.
pub(crate) async fn ensure(client: &Client, stream: &str, shards: u32) -> anyhow::Result<bool> {
    let created = match status(client, stream).await? {
        Some(_) => false,
        None => {
            let request = client
                .create_stream()
                .stream_name(stream)
                .shard_count(i32::try_from(shards)?);
            match request.send().await {
                Ok(_) => true,
                // Somebody else was faster.
                Err(error) if error.code() == Some("ResourceInUseException") => false,
                Err(error) => {
                    bail!("cannot create {stream}: {}", DisplayErrorContext(&error))
                }
            }
        }
    };
    wait_until_active(client, stream).await?;
    Ok(created)
}

/// Waits until the stream is ACTIVE; fails at once if it does not exist.
pub(crate) async fn wait_until_active(client: &Client, stream: &str) -> anyhow::Result<()> {
    let give_up = Instant::now() + WAIT_MAX;
    loop {
        let status = status(client, stream).await?.with_context(|| {
            format!("stream {stream} does not exist; `stock-trades run` creates it")
        })?;
        match status {
            StreamStatus::Active | StreamStatus::Updating => return Ok(()),
            StreamStatus::Deleting => bail!("stream {stream} is being deleted"),
            _ if Instant::now() >= give_up => bail!("stream {stream} stays {status}"),
            _ => sleep(POLL).await,
        }
    }
}

/// `None` if there is no such stream.
pub(crate) async fn status(client: &Client, stream: &str) -> anyhow::Result<Option<StreamStatus>> {
    let answer = client
        .describe_stream_summary()
        .stream_name(stream)
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(answer
            .stream_description_summary()
            .map(|summary| summary.stream_status().clone())),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => bail!("cannot reach {stream}: {}", DisplayErrorContext(&error)),
    }
}
