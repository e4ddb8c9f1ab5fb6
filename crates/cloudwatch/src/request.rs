//! Requests, and who answers them.

use std::borrow::Cow;

use millstream_metrics::{MetricStore, Owner};
use millstream_wire::{Value, cbor, json};

use crate::members::Members;
use crate::{CloudWatchError, Encoding, ErrorCode, Operation, Output};
use crate::{data, form, list_metrics, put_metric_data, statistics};

/// The one version of the API.
const VERSION: &str = "2010-08-01";

/// A request whose operation is here.
#[derive(Debug, Clone, PartialEq)]
pub struct Request<'a> {
    operation: Operation,
    encoding: Encoding,
    input: Value<'a>,
}

impl<'a> Request<'a> {
    /// Reads a body. `name` is the operation's as target or path say it; forms name theirs in the body.
    ///
    /// # Errors
    /// If the body cannot be read, is deeper or larger than the limits, or the operation is not here.
    pub fn read(
        encoding: Encoding,
        name: Option<&str>,
        body: &'a [u8],
    ) -> Result<Self, CloudWatchError> {
        let malformed =
            || CloudWatchError::new(ErrorCode::Malformed, "The request cannot be read.");
        let input = match encoding {
            Encoding::Query => form::parse(body).ok_or_else(malformed)?,
            _ if body.is_empty() => Value::Map(Vec::new()),
            Encoding::Json => json::parse(body).map_err(|_| malformed())?,
            Encoding::Cbor => cbor::parse_in_seconds(body).map_err(|_| malformed())?,
        };
        if !matches!(input, Value::Map(_)) {
            return Err(malformed());
        }
        let text = |name| match input.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let name = match (encoding, name) {
            (Encoding::Query, _) => text("Action").ok_or_else(|| {
                let message = "The request must contain the parameter Action.";
                CloudWatchError::new(ErrorCode::MissingParameter, message)
            })?,
            (_, name) => Cow::Owned(name.unwrap_or("").to_owned()),
        };
        let is_known_version =
            encoding != Encoding::Query || text("Version").as_deref() == Some(VERSION);
        let operation = Operation::from_name(&name).filter(|_| is_known_version);
        let operation = operation.ok_or_else(|| CloudWatchError::no_operation(&name))?;
        Ok(Self {
            operation,
            encoding,
            input,
        })
    }

    /// What is asked for.
    pub fn operation(&self) -> Operation {
        self.operation
    }
}

/// The service over a store.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    store: MetricStore,
}

impl CloudWatch {
    /// The service over this store.
    pub fn new(store: MetricStore) -> Self {
        Self { store }
    }

    /// Answers a request that its sender may make. Dropping the future drops the answer; samples may still be put.
    ///
    /// # Errors
    /// What AWS answers; of a put that failed inside nobody knows whether its samples are there.
    pub async fn answer(
        &self,
        owner: &Owner,
        request: &Request<'_>,
    ) -> Result<Output, CloudWatchError> {
        let members = Members::of(&request.input, request.encoding);
        match request.operation {
            Operation::GetMetricData => data::get(&self.store, owner, &members).await,
            Operation::GetMetricStatistics => statistics::get(&self.store, owner, &members).await,
            Operation::ListMetrics => list_metrics::list(&self.store, owner, &members).await,
            Operation::PutMetricData => put_metric_data::put(&self.store, owner, &members).await,
        }
    }
}

#[cfg(test)]
mod tests;
