//! Amazon resource names of streams and of their consumers.

use std::fmt;
use std::str::FromStr;

use crate::{AccountId, ConsumerName, Region, StreamName};

/// The parts of an ARN, `arn:<partition>:<service>:<region>:<account>:<resource>`: told apart, not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArnParts<'a> {
    /// `aws`, `aws-cn`, …
    pub partition: &'a str,
    /// `kinesis`, say.
    pub service: &'a str,
    /// Empty for what is in no region.
    pub region: &'a str,
    /// Whose it is.
    pub account: &'a str,
    /// What it is; may hold colons.
    pub resource: &'a str,
}

impl<'a> ArnParts<'a> {
    /// The parts; `None` if the text does not begin with `arn:`, or has fewer, or names no partition of AWS's.
    pub fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        if next()? != "arn" {
            return None;
        }
        let parts = Self {
            partition: next()?,
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        };
        parts.partition.starts_with("aws").then_some(parts)
    }
}

/// A part of AWS's world that knows nothing of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Partition {
    /// `aws`: everything that Millstream keeps is there.
    #[default]
    Aws,
    /// `aws-cn`, `aws-us-gov`, …
    Other(Box<str>),
}

impl From<&str> for Partition {
    fn from(name: &str) -> Self {
        match name {
            "aws" => Self::Aws,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aws => "aws",
            Self::Other(name) => name,
        })
    }
}

/// `arn:<partition>:kinesis:<region>:<account>:stream/<name>`. Two are of the same stream only if every part agrees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamArn {
    /// [`Partition::Aws`] for every stream that there is.
    pub partition: Partition,
    /// Where the stream lives.
    pub region: Region,
    /// Whose stream it is.
    pub account: AccountId,
    /// Its name.
    pub stream: StreamName,
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:kinesis:{}:{}:stream/{}",
            self.partition, self.region, self.account, self.stream
        )
    }
}

/// The text is not the ARN of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream ARN has the form arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")]
pub struct InvalidArn;

impl FromStr for StreamArn {
    type Err = InvalidArn;

    /// Reads any partition, as AWS's own pattern does: that nothing is in another one is the reader's to find.
    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let parts = ArnParts::of(text).filter(|parts| parts.service == "kinesis");
        let parts = parts.ok_or(InvalidArn)?;
        let stream = parts.resource.strip_prefix("stream/").ok_or(InvalidArn)?;
        Ok(Self {
            partition: parts.partition.into(),
            region: parts.region.parse().map_err(|_| InvalidArn)?,
            account: parts.account.parse().map_err(|_| InvalidArn)?,
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

    /// Reads any partition, as for a stream's ARN.
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
        let arn: StreamArn = text.parse().unwrap();
        assert_eq!(arn.to_string(), text);
        for other in [
            "arn:aws-cn:kinesis:eu-west-1:210987654321:stream/meters",
            "arn:aws:kinesis:eu-west-2:210987654321:stream/meters",
            "arn:aws:kinesis:eu-west-1:210987654322:stream/meters",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meter",
        ] {
            let read: StreamArn = other.parse().unwrap();
            assert_eq!(read.to_string(), other);
            assert_ne!(read, arn);
        }
        for bad in [
            "",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/",
            "arn:aws:kinesis:eu-west-1:210987654321:queue/meters",
            "arn:aws:kinesis:eu-west-1:21098765432:stream/meters",
            "arn:aws:s3:eu-west-1:210987654321:stream/meters",
            "arn:other:kinesis:eu-west-1:210987654321:stream/meters",
            "urn:aws:kinesis:eu-west-1:210987654321:stream/meters",
            "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:1",
        ] {
            assert_eq!(bad.parse::<StreamArn>(), Err(InvalidArn), "{bad}");
        }
    }
}
