//! A stream behind the Kinesis API.

use std::fmt;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::Builder;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Shard, ShardFilter, ShardFilterType};
use millstream_types::HashKeyRange;

use super::{CallError, CallErrorKind, OpenShard, PutAnswer, PutEntry, Transport, TransportFuture};

/// The API's largest page of ListShards on AWS.
const SHARDS_PER_PAGE: i32 = 1000;

/// A stream of the Kinesis API (AWS's or Millstream's).
#[derive(Debug, Clone)]
pub struct KinesisTransport {
    client: Client,
    name: Option<String>,
    arn: Option<String>,
}

impl KinesisTransport {
    /// The stream of this name or ARN. The client's own retries are not used: a producer sends again only what failed.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        let stream = stream.into();
        let is_arn = stream.starts_with("arn:");
        let (name, arn) = if is_arn {
            (None, Some(stream))
        } else {
            (Some(stream), None)
        };
        Self { client, name, arn }
    }
}

impl Transport for KinesisTransport {
    fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        let this = self.clone();
        Box::pin(async move {
            let entries = entries.into_iter().map(entry).collect();
            let request = this
                .client
                .put_records()
                .set_stream_name(this.name)
                .set_stream_arn(this.arn)
                .set_records(Some(entries))
                .customize()
                .config_override(Builder::default().retry_config(RetryConfig::disabled()));
            let answer = request.send().await.map_err(failed)?;
            Ok(answers(answer))
        })
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        let this = self.clone();
        Box::pin(async move {
            let filter = ShardFilter::builder()
                .r#type(ShardFilterType::AtLatest)
                .build()
                .map_err(unreadable)?;
            let mut shards = Vec::new();
            let mut next: Option<String> = None;
            loop {
                let request = this.client.list_shards().max_results(SHARDS_PER_PAGE);
                // Pages after the first are asked for by the token alone.
                let request = match next {
                    Some(token) => request.next_token(token),
                    None => request
                        .set_stream_name(this.name.clone())
                        .set_stream_arn(this.arn.clone())
                        .shard_filter(filter.clone()),
                };
                let page = request.send().await.map_err(failed)?;
                for shard in page.shards() {
                    shards.extend(open(shard)?);
                }
                next = page.next_token;
                if next.is_none() {
                    return Ok(shards);
                }
            }
        })
    }
}

fn entry(entry: PutEntry) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder()
        .data(Blob::new(entry.data))
        .partition_key(entry.partition_key)
        .explicit_hash_key(entry.explicit_hash_key.to_string())
        .build()
        .expect("data and partition key are set")
}

fn answers(output: PutRecordsOutput) -> Vec<PutAnswer> {
    let answer = |result: aws_sdk_kinesis::types::PutRecordsResultEntry| match (
        result.error_code,
        result.shard_id,
        result.sequence_number,
    ) {
        (None, Some(shard_id), Some(sequence_number)) => PutAnswer::Stored {
            shard_id,
            sequence_number,
        },
        (code, ..) => PutAnswer::Refused {
            code: code.unwrap_or_else(|| "Exception".to_owned()),
            message: result.error_message.unwrap_or_default(),
        },
    };
    output.records.into_iter().map(answer).collect()
}

/// A shard that takes records. A service that does not know the filter lists closed ones too.
fn open(shard: &Shard) -> Result<Option<OpenShard>, CallError> {
    let is_closed = shard
        .sequence_number_range()
        .is_some_and(|range| range.ending_sequence_number().is_some());
    if is_closed {
        return Ok(None);
    }
    let range = shard.hash_key_range();
    let parsed = range.and_then(|range| {
        Some(HashKeyRange {
            start: range.starting_hash_key().parse().ok()?,
            end: range.ending_hash_key().parse().ok()?,
        })
    });
    Ok(Some(OpenShard {
        shard_id: shard.shard_id().to_owned(),
        hash_key_range: parsed
            .ok_or_else(|| unreadable(format!("{} has no hash key range", shard.shard_id())))?,
    }))
}

fn unreadable(what: impl ToString) -> CallError {
    CallError {
        kind: CallErrorKind::Unknown,
        code: "Exception".to_owned(),
        message: what.to_string(),
    }
}

/// What a code of the service says about its request.
fn kind(code: &str) -> CallErrorKind {
    match code {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "KMSThrottlingException"
        | "ResourceInUseException"
        | "ExpiredTokenException"
        | "RequestExpired" => CallErrorKind::Throttled,
        "InvalidArgumentException" | "ValidationException" | "SerializationException" => {
            CallErrorKind::Invalid
        }
        "ResourceNotFoundException"
        | "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "UnknownOperationException"
        | "KMSDisabledException"
        | "KMSInvalidStateException"
        | "KMSAccessDeniedException"
        | "KMSNotFoundException"
        | "KMSOptInRequired" => CallErrorKind::Denied,
        _ => CallErrorKind::Unknown,
    }
}

fn failed<E, R>(error: SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug,
{
    let (code, message) = match &error {
        SdkError::ServiceError(refused) => {
            let error = refused.err();
            let otherwise = match error.code() {
                Some(_) => "",
                None => "what answers there is not a Kinesis service",
            };
            let message = error.message().unwrap_or(otherwise);
            (error.code(), message.to_owned())
        }
        SdkError::TimeoutError(_) => (Some("Timeout"), "the call timed out".to_owned()),
        other => (None, innermost(other)),
    };
    match code {
        Some(code) => CallError {
            kind: kind(code),
            code: code.to_owned(),
            message,
        },
        // What could not even be made into a request (no credentials, no region) never will be by itself.
        None if matches!(error, SdkError::ConstructionFailure(_)) => CallError {
            kind: CallErrorKind::Denied,
            code: "Exception".to_owned(),
            message,
        },
        None => unreadable(message),
    }
}

/// The last error of the chain: "connection refused" rather than "dispatch failure".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
