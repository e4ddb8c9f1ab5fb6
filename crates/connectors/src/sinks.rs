//! The sinks, each behind a feature of its name.

#[cfg(any(feature = "dynamodb", test))]
pub mod dynamodb;
#[cfg(any(feature = "files", test))]
pub mod files;
#[cfg(any(feature = "postgres", feature = "http", feature = "opensearch", test))]
mod halves;
#[cfg(any(feature = "http", test))]
pub mod http;
#[cfg(any(
    feature = "http",
    feature = "opensearch",
    feature = "kafka",
    feature = "redshift",
    test
))]
mod https;
#[cfg(any(feature = "kafka", test))]
pub mod kafka;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
#[cfg(any(feature = "opensearch", test))]
pub mod opensearch;
#[cfg(any(feature = "postgres", test))]
pub mod postgres;
#[cfg(test)]
mod receiver;
#[cfg(any(feature = "redshift", test))]
pub mod redshift;
#[cfg(any(feature = "s3", test))]
pub mod s3;
#[cfg(any(feature = "stdout", test))]
pub mod stdout;
#[cfg(any(feature = "stream", test))]
pub mod stream;
