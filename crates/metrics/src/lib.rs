//! Metrics, kept: samples go in, aggregates by the minute come out, for 15 days.
//!
//! A *series* is one metric of one owner in one unit: a namespace, a name and up to 30 dimensions. Its samples are
//! merged into one [`Aggregate`] for each minute, which merges again into any longer period: count, sum, extremes, and
//! a [`Sketch`] for percentiles. Minutes become five minutes after three days and are dropped after fifteen.
//!
//! The store is itself a log on a [`LogEngine`](millstream_log::LogEngine): a journal of what was put since the last
//! checkpoint, and two logs of blocks, one for each resolution. Memory holds the names of the series, what was not yet
//! written into blocks, and where the blocks are. Every bound is in [`MetricSettings`]; over a bound a put is refused,
//! never dropped in silence.
//!
//! Start with [`MetricStore`]; [`StreamMetrics`] puts what the stream service's calls come to into it. Deliberately absent:
//! CloudWatch's API, and HTTP.

mod aggregate;
mod block;
mod checkpoint;
mod codec;
mod head;
mod journal;
mod kinesis;
mod sample;
mod series;
mod series_table;
mod settings;
mod sketch;
mod state;
mod statistic;
mod store;
mod tier;
mod unit;

pub use aggregate::Aggregate;
pub use kinesis::{IteratorAge, ShardMonitoring, StreamMetrics};
pub use sample::{Minute, Sample};
pub use series::{Dimension, InvalidMetric, Metric, Owner, Series};
pub use settings::MetricSettings;
pub use sketch::Sketch;
pub use state::Refused;
pub use statistic::Statistic;
pub use store::{Listed, MetricStore, MetricWriter, Points, PutError, ReadError, Usage, Wanted};
pub use unit::Unit;
