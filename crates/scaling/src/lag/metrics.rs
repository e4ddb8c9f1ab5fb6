//! Lag as metrics, by PutMetricData: for alarms and dashboards beside those of the stream.

use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use millstream_types::WallClock;

use super::Lag;
use crate::{CallError, CloudWatch};

/// The metrics' namespace.
const NAMESPACE: &str = "Millstream/Applications";

/// Puts what looks saw of an application, under its name and its stream's.
#[derive(Debug)]
pub struct LagMetrics(CloudWatch);

impl LagMetrics {
    /// Nothing is sent yet. `endpoint_url` is CloudWatch's, which is Millstream's own too; `None` is AWS in the region.
    /// The credentials need `cloudwatch:PutMetricData`.
    ///
    /// # Errors
    /// If the endpoint is no URL, or the machine trusts nobody.
    pub fn new(
        region: String,
        endpoint_url: Option<String>,
        credentials: SharedCredentialsProvider,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, CallError> {
        CloudWatch::new(region, endpoint_url, credentials, clock).map(Self)
    }

    /// Puts one value of each metric that is known. If this future is dropped, they may have arrived.
    ///
    /// # Errors
    /// If the call is refused or not answered.
    pub async fn put(&self, lag: &Lag) -> Result<(), CallError> {
        let mut members = vec![("Namespace".to_owned(), NAMESPACE.to_owned())];
        for (number, (name, unit, value)) in (1..).zip(values(lag)) {
            let mut add = |member: &str, value: &str| {
                members.push((
                    format!("MetricData.member.{number}.{member}"),
                    value.to_owned(),
                ));
            };
            add("MetricName", name);
            add("Unit", unit);
            add("Value", &value.to_string());
            add("Dimensions.member.1.Name", "ApplicationName");
            add("Dimensions.member.1.Value", &lag.application);
            add("Dimensions.member.2.Name", "StreamName");
            add("Dimensions.member.2.Value", &lag.stream);
        }
        if members.len() == 1 {
            return Ok(());
        }
        self.0.put(&lag.application, &members).await
    }
}

/// Name, unit and value of each metric that is known.
fn values(lag: &Lag) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
    let backlog = lag.backlog();
    let rates = lag.rates();
    let known = [
        (
            "MillisBehind",
            "Milliseconds",
            lag.behind_ms().map(|ms| ms as f64),
        ),
        (
            "RecordsBehind",
            "Count",
            backlog.map(|behind| behind.records as f64),
        ),
        (
            "BytesBehind",
            "Bytes",
            backlog.map(|behind| behind.bytes as f64),
        ),
        (
            "DrainTime",
            "Milliseconds",
            lag.drain_ms().map(|ms| ms as f64),
        ),
        (
            "IncomingRecords",
            "Count/Second",
            rates.map(|(incoming, _)| incoming.records_per_s),
        ),
        ("ReadRecords", "Count/Second", rates.map(|(_, read)| read)),
        ("Workers", "Count", Some(lag.workers().len() as f64)),
    ];
    let known = known.into_iter();
    known.filter_map(|(name, unit, value)| Some((name, unit, value?)))
}
