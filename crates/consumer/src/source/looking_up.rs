//! What tells a stream from others, asked of the service.

use aws_sdk_kinesis::Client;

use super::ReadError;
use super::kinesis::failed;
use crate::StreamIdentifier;

impl StreamIdentifier {
    /// Asks the service what the stream of this name is. A stream that is deleted and created again is another one then:
    /// all workers of an application must name the same one, or two of them process the same records.
    ///
    /// # Errors
    /// If the service does not answer, or knows no such stream.
    pub async fn look_up(client: &Client, stream_name: &str) -> Result<Self, ReadError> {
        let request = client.describe_stream_summary().stream_name(stream_name);
        let answer = request.send().await.map_err(failed)?;
        let summary = answer.stream_description_summary;
        let summary = summary.ok_or_else(|| ReadError::Unavailable("no summary".into()))?;
        let created_s = u64::try_from(summary.stream_creation_timestamp.secs()).unwrap_or(0);
        // arn:aws:kinesis:REGION:ACCOUNT:stream/NAME
        let account_id = summary.stream_arn.split(':').nth(4).unwrap_or_default();
        Self::new(account_id, stream_name, created_s)
            .map_err(|error| ReadError::Unavailable(error.into()))
    }
}
