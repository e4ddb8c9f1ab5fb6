//! How far readers were behind, for those who look at the server and not at CloudWatch.

use std::cmp::Reverse;

use super::names::{CONSUMER, ConsumerMetric, STREAM, StreamMetric};
use crate::{Owner, Sample};

/// The most that readers of one stream were behind its tip within a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IteratorAge {
    /// Whose the stream is.
    pub owner: Owner,
    /// The stream's name.
    pub stream: String,
    /// The consumer that events were pushed to; `None` for all that read by GetRecords.
    pub consumer: Option<String>,
    /// In milliseconds, whole.
    pub most_ms: u64,
}

/// Of the samples of one minute the greatest ages, at most so many, the greatest first.
pub(super) fn greatest(samples: &[Sample], count: usize) -> Vec<IteratorAge> {
    let names = [
        STREAM[StreamMetric::GetRecordsIteratorAgeMilliseconds as usize].name,
        CONSUMER[ConsumerMetric::EventMillisBehindLatest as usize].name,
    ];
    let mut ages: Vec<_> = samples
        .iter()
        .filter(|sample| names.contains(&sample.series.metric.name()))
        .filter_map(|sample| {
            let metric = &sample.series.metric;
            Some(IteratorAge {
                owner: sample.series.owner.clone(),
                stream: metric.dimension("StreamName")?.to_owned(),
                consumer: metric.dimension("ConsumerName").map(str::to_owned),
                most_ms: sample.aggregate.maximum() as u64,
            })
        })
        .collect();
    ages.sort_by_key(|age| Reverse(age.most_ms));
    ages.truncate(count);
    ages
}
