//! Amazon resource names of streams and of their consumers.

use std::fmt;
use std::str::FromStr;

use crate::{AccountId, ConsumerName, Region, StreamName};

/// `arn:aws:kinesis:<region>:<account>:stream/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamArn {
    /// Where the stream lives.
    pub region: Region,
    /// Whose stream it is.
    pub account: AccountId,
    /// The stream.
    pub stream: StreamName,
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:kinesis:{}:{}:stream/{}",
            self.region, self.account, self.stream
        )
    }
}

/// The text is not the ARN of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream ARN has the form arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")]
pub struct InvalidArn;

impl FromStr for StreamArn {
    type Err = InvalidArn;

    /// Accepts any partition (`aws`, `aws-cn`, …), as AWS's own pattern does.
    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(InvalidArn);
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        if arn != "arn" || !partition.starts_with("aws") || service != "kinesis" {
            return Err(InvalidArn);
        }
        let stream = resource.strip_prefix("stream/").ok_or(InvalidArn)?;
        Ok(Self {
            region: region.parse().map_err(|_| InvalidArn)?,
            account: account.parse().map_err(|_| InvalidArn)?,
            stream: stream.parse().map_err(|_| InvalidArn)?,
        })
    }
}

/// `<stream ARN>/consumer/<name>:<second of its creation>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConsumerArn {
    /// The stream that it consumes.
    pub stream: StreamArn,
    /// The consumer.
    pub consumer: ConsumerName,
    /// When it was registered, in seconds since the Unix epoch; tells consumers of the same name apart.
    pub created_s: u64,
}

impl fmt::Display for ConsumerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/consumer/{}:{}",
            self.stream, self.consumer, self.created_s
        )
    }
}

/// The text is not the ARN of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a consumer ARN has the form arn:aws:kinesis:REGION:ACCOUNT:stream/NAME/consumer/NAME:SECOND"
)]
pub struct InvalidConsumerArn;

impl FromStr for ConsumerArn {
    type Err = InvalidConsumerArn;

    /// Accepts any partition, as a stream's ARN does.
    fn from_str(text: &str) -> Result<Self, InvalidConsumerArn> {
        let (stream, rest) = text.split_once("/consumer/").ok_or(InvalidConsumerArn)?;
        let (consumer, created_s) = rest.split_once(':').ok_or(InvalidConsumerArn)?;
        // A sign would parse as a number too.
        if !created_s.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidConsumerArn);
        }
        Ok(Self {
            stream: stream.parse().map_err(|_| InvalidConsumerArn)?,
            consumer: consumer.parse().map_err(|_| InvalidConsumerArn)?,
            created_s: created_s.parse().map_err(|_| InvalidConsumerArn)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumer_arns_round_trip_and_refuse_others() {
        let text =
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:1793620900";
        let arn: ConsumerArn = text.parse().unwrap();
        assert_eq!(arn.to_string(), text);
        assert_eq!(arn.created_s, 1_793_620_900);
        for bad in [
            "",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:+1",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:1:2",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/:1",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/b:99999999999999999999",
        ] {
            assert_eq!(bad.parse::<ConsumerArn>(), Err(InvalidConsumerArn), "{bad}");
        }
    }

    #[test]
    fn round_trips_and_refuses_other_resources() {
        let text = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";
        assert_eq!(text.parse::<StreamArn>().unwrap().to_string(), text);
        for bad in [
            "",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/",
            "arn:aws:kinesis:eu-west-1:210987654321:queue/meters",
            "arn:aws:kinesis:eu-west-1:21098765432:stream/meters",
            "arn:aws:s3:eu-west-1:210987654321:stream/meters",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:1",
        ] {
            assert_eq!(bad.parse::<StreamArn>(), Err(InvalidArn), "{bad}");
        }
    }
}
