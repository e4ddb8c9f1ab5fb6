//! Amazon resource names of streams.

use std::fmt;
use std::str::FromStr;

use crate::{AccountId, Region, StreamName};

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

#[cfg(test)]
mod tests {
    use super::*;

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
