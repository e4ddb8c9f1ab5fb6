//! Waiting for a stream to become what a command asked for.

use std::future::Future;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamStatus};
use tokio::time::{Instant, sleep};

use crate::failure::Failure;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Options of commands that change a stream.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Patience {
    /// Return at once instead of waiting for the change to be complete
    #[arg(long)]
    no_wait: bool,
    /// Longest wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

impl Patience {
    /// Waits until the stream is ACTIVE, unless the user does not care.
    ///
    /// # Errors
    /// [`Failure::Late`] if it takes longer than the user will wait; the change goes on.
    pub(crate) async fn until_active(&self, client: &Client, stream: &str) -> Result<(), Failure> {
        self.until(&format!("{stream} is not ACTIVE yet"), || async {
            Ok(summary(client, stream).await?.stream_status == StreamStatus::Active)
        })
        .await
    }

    /// Waits until the stream is gone, unless the user does not care.
    pub(crate) async fn until_gone(&self, client: &Client, stream: &str) -> Result<(), Failure> {
        self.until(&format!("{stream} is still being deleted"), || async {
            match summary(client, stream).await {
                Ok(_) => Ok(false),
                Err(failure) if failure.is("ResourceNotFoundException") => Ok(true),
                Err(failure) => Err(failure),
            }
        })
        .await
    }

    async fn until<F>(&self, otherwise: &str, mut is_done: impl FnMut() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<bool, Failure>>,
    {
        if self.no_wait {
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        while !is_done().await? {
            if Instant::now() + pause > deadline {
                return Err(Failure::Late(format!(
                    "{otherwise} after {}; it goes on without you: look again with `millstream streams describe`",
                    humantime::format_duration(self.timeout)
                )));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }
}

/// The stream as DescribeStreamSummary has it.
pub(crate) async fn summary(
    client: &Client,
    stream: &str,
) -> Result<StreamDescriptionSummary, Failure> {
    let answer = client
        .describe_stream_summary()
        .stream_name(stream)
        .send()
        .await
        .map_err(|error| Failure::of("DescribeStreamSummary", error))?;
    answer
        .stream_description_summary
        .ok_or_else(|| Failure::Unreachable {
            operation: "DescribeStreamSummary",
            cause: "the answer has no description".to_owned(),
        })
}
