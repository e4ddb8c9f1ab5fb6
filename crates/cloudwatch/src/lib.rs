//! CloudWatch's API, as far as clients of streams use it: putting samples, and reading them as statistics, as data with
//! arithmetic, and as a list of metrics.
//!
//! A request in any of the three encodings becomes one tree of values ([`Request::read`]), is answered once
//! ([`CloudWatch::answer`]), and the answer is spelled in the encoding of the request ([`encode`]). So no operation knows
//! how its caller speaks.
//!
//! Deliberately absent: HTTP, who may call, and how samples are kept, which is `millstream-metrics`.

mod answer;
mod data;
mod encode;
mod encoding;
mod error;
mod expression;
mod form;
mod list_metrics;
mod members;
mod metric_names;
mod moment;
mod operation;
mod page_token;
mod put_metric_data;
mod request;
mod statistics;

pub use answer::Output;
pub use data::DATAPOINTS_MAX;
pub use encode::{Encoded, encode};
pub use encoding::Encoding;
pub use error::{CloudWatchError, ErrorCode};
pub use operation::Operation;
pub use request::{CloudWatch, Request};

/// Most bytes of a request as it comes: AWS's bound of 1 MB.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Most bytes of a request once it is no longer compressed.
pub const INFLATED_BYTES_MAX: usize = 8 << 20;
