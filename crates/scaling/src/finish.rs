//! The end of what an application has made: streams first, so that nobody reads what is being deleted, then tables.
//!
//! A worker that still reads its stream makes its table again: a stream is waited for until it is gone.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use tokio::time::{Instant, sleep};

use crate::lag::LagError;

/// How long a stream may take to be gone.
const GONE_MAX: Duration = Duration::from_secs(300);
/// How often it is looked at meanwhile.
const GONE_PAUSE: Duration = Duration::from_millis(100);
const NOT_THERE: &str = "ResourceNotFoundException";

/// What became of what was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Gone,
    /// It was not there.
    WasNotThere,
    /// It was asked for, and is not gone after five minutes.
    NotYet,
}

/// Deletes a stream with its fan-out consumers, and waits until it is gone. Dropping the future leaves it on its way.
///
/// # Errors
/// If a call is refused or not answered.
pub async fn delete_stream(
    client: &aws_sdk_kinesis::Client,
    stream: &str,
) -> Result<Deleted, LagError> {
    let request = client.delete_stream().stream_name(stream);
    match request.enforce_consumer_deletion(true).send().await {
        Ok(_) => {}
        Err(error) if error.code() == Some(NOT_THERE) => return Ok(Deleted::WasNotThere),
        Err(error) => return Err(LagError::of("DeleteStream", stream, &error)),
    }
    let deadline = Instant::now() + GONE_MAX;
    loop {
        let asked = client.describe_stream_summary().stream_name(stream);
        match asked.send().await {
            Err(error) if error.code() == Some(NOT_THERE) => return Ok(Deleted::Gone),
            Err(error) => return Err(LagError::of("DescribeStreamSummary", stream, &error)),
            Ok(_) if Instant::now() > deadline => return Ok(Deleted::NotYet),
            Ok(_) => sleep(GONE_PAUSE).await,
        }
    }
}

/// Deletes a table.
///
/// # Errors
/// If the call is refused or not answered.
pub async fn delete_table(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
) -> Result<Deleted, LagError> {
    match client.delete_table().table_name(table).send().await {
        Ok(_) => Ok(Deleted::Gone),
        Err(error) if error.code() == Some(NOT_THERE) => Ok(Deleted::WasNotThere),
        Err(error) => Err(LagError::of("DeleteTable", table, &error)),
    }
}
