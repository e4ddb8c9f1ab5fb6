//! CloudWatch's PutMetricData, for whatever is measured: AWS's, and Millstream's own.

use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use millstream_consumer::{BoxError, MetricDatum, PublishFuture, PutMetricData};
use millstream_types::WallClock;

use crate::CallError;
use crate::query::{Query, QuerySettings};

/// Puts metrics. Clones share the connections.
#[derive(Debug, Clone)]
pub struct CloudWatch(Arc<Query>);

impl CloudWatch {
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
        let settings = QuerySettings {
            service: "monitoring",
            version: "2010-08-01",
            region,
            endpoint_url,
            credentials,
        };
        Ok(Self(Arc::new(Query::new(settings, clock)?)))
    }

    /// Calls with these members of the form. Errors name `about`.
    pub(crate) async fn put(
        &self,
        about: &str,
        members: &[(String, String)],
    ) -> Result<(), CallError> {
        let members: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let put = self.0.call("PutMetricData", about, &members);
        put.await.map(drop)
    }
}

impl PutMetricData for CloudWatch {
    fn put_metric_data(
        &self,
        namespace: &str,
        data: Vec<MetricDatum>,
    ) -> PublishFuture<Result<(), BoxError>> {
        let (cloudwatch, namespace) = (self.clone(), namespace.to_owned());
        let members = members(&namespace, &data);
        Box::pin(async move { Ok(cloudwatch.put(&namespace, &members).await?) })
    }
}

/// The members of the call's form.
fn members(namespace: &str, data: &[MetricDatum]) -> Vec<(String, String)> {
    let mut members = vec![("Namespace".to_owned(), namespace.to_owned())];
    for (number, datum) in (1..).zip(data) {
        let mut add = |member: &str, value: &str| {
            members.push((
                format!("MetricData.member.{number}.{member}"),
                value.to_owned(),
            ));
        };
        add("MetricName", datum.name);
        add("Unit", datum.unit);
        let all = &datum.statistics;
        for (name, value) in [
            ("SampleCount", all.sample_count),
            ("Sum", all.sum),
            ("Minimum", all.minimum),
            ("Maximum", all.maximum),
        ] {
            add(&format!("StatisticValues.{name}"), &value.to_string());
        }
        for (number, (name, value)) in (1..).zip(&datum.dimensions) {
            add(&format!("Dimensions.member.{number}.Name"), name);
            add(&format!("Dimensions.member.{number}.Value"), value);
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use millstream_consumer::{StatisticSet, Unit};

    use super::*;

    #[test]
    fn a_metric_is_a_set_with_its_dimensions() {
        let dimensions = vec![("Stage", "source".to_owned()), ("ShardId", "s".to_owned())];
        let mut all = StatisticSet::of(2.5);
        all.add(4.0);
        let datum = MetricDatum::new("FlushTime", Unit::Milliseconds, dimensions, all);
        let members = members("trades", &[datum.clone(), datum]);
        let text: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            text[..11],
            [
                "Namespace=trades",
                "MetricData.member.1.MetricName=FlushTime",
                "MetricData.member.1.Unit=Milliseconds",
                "MetricData.member.1.StatisticValues.SampleCount=2",
                "MetricData.member.1.StatisticValues.Sum=6.5",
                "MetricData.member.1.StatisticValues.Minimum=2.5",
                "MetricData.member.1.StatisticValues.Maximum=4",
                "MetricData.member.1.Dimensions.member.1.Name=Stage",
                "MetricData.member.1.Dimensions.member.1.Value=source",
                "MetricData.member.1.Dimensions.member.2.Name=ShardId",
                "MetricData.member.1.Dimensions.member.2.Value=s",
            ]
        );
        assert!(text[11].starts_with("MetricData.member.2."));
    }
}
