//! Checkpoints and their order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A record's place in its shard: its sequence number and, inside a KPL aggregate, its index.
///
/// Sequence numbers are decimal integers of any length and compare as integers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExtendedSequenceNumber {
    digits: Arc<str>,
    sub_sequence_number: u64,
}

impl ExtendedSequenceNumber {
    /// The place with this sequence number and this index inside an aggregate (0 for a plain record).
    ///
    /// # Errors
    /// If `sequence_number` is not one or more decimal digits.
    pub fn new(sequence_number: &str, sub_sequence_number: u64) -> Result<Self, InvalidCheckpoint> {
        let is_number =
            !sequence_number.is_empty() && sequence_number.bytes().all(|b| b.is_ascii_digit());
        if !is_number {
            return Err(InvalidCheckpoint(sequence_number.to_owned()));
        }
        let trimmed = sequence_number.trim_start_matches('0');
        let digits = if trimmed.is_empty() { "0" } else { trimmed };
        Ok(Self {
            digits: digits.into(),
            sub_sequence_number,
        })
    }

    /// The same sequence number, with this index.
    pub(crate) fn at_index(&self, sub_sequence_number: u64) -> Self {
        Self {
            digits: Arc::clone(&self.digits),
            sub_sequence_number,
        }
    }

    /// The sequence number, in decimal digits without leading zeros.
    pub fn sequence_number(&self) -> &str {
        &self.digits
    }

    /// The same, for whoever keeps it.
    pub fn shared_sequence_number(&self) -> Arc<str> {
        Arc::clone(&self.digits)
    }

    /// Index inside an aggregate; 0 for a plain record.
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }
}

impl FromStr for ExtendedSequenceNumber {
    type Err = InvalidCheckpoint;

    /// Reads what `Display` writes: the sequence number, and `/` and the index unless it is 0.
    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        let Some((number, index)) = text.split_once('/') else {
            return Self::new(text, 0);
        };
        match index.parse() {
            Ok(index) if index > 0 && !text[number.len() + 1..].starts_with('0') => {
                Self::new(number, index)
            }
            _ => Err(InvalidCheckpoint(text.to_owned())),
        }
    }
}

impl Ord for ExtendedSequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_size = self.digits.len().cmp(&other.digits.len());
        by_size
            .then_with(|| self.digits.cmp(&other.digits))
            .then_with(|| self.sub_sequence_number.cmp(&other.sub_sequence_number))
    }
}

impl PartialOrd for ExtendedSequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ExtendedSequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)?;
        if self.sub_sequence_number > 0 {
            write!(f, "/{}", self.sub_sequence_number)?;
        }
        Ok(())
    }
}

/// How far a shard has been processed. The order of the variants is the order of the checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checkpoint {
    /// Nothing yet; start at the application's timestamp.
    AtTimestamp,
    /// Nothing yet; start at the oldest record.
    TrimHorizon,
    /// Nothing yet; start after the newest record.
    Latest,
    /// Everything up to and including this place.
    At(ExtendedSequenceNumber),
    /// The whole shard.
    ShardEnd,
}

impl Checkpoint {
    /// The checkpoint with this text and sub-sequence number, as the lease table holds them.
    ///
    /// # Errors
    /// If the text is neither a sentinel nor decimal digits.
    pub fn parse(text: &str, sub_sequence_number: u64) -> Result<Self, InvalidCheckpoint> {
        match text {
            "AT_TIMESTAMP" => Ok(Self::AtTimestamp),
            "TRIM_HORIZON" => Ok(Self::TrimHorizon),
            "LATEST" => Ok(Self::Latest),
            "SHARD_END" => Ok(Self::ShardEnd),
            digits => ExtendedSequenceNumber::new(digits, sub_sequence_number).map(Self::At),
        }
    }

    /// The text of the attribute `checkpoint`.
    pub fn text(&self) -> &str {
        match self {
            Self::AtTimestamp => "AT_TIMESTAMP",
            Self::TrimHorizon => "TRIM_HORIZON",
            Self::Latest => "LATEST",
            Self::At(place) => place.sequence_number(),
            Self::ShardEnd => "SHARD_END",
        }
    }

    /// The value of the attribute `checkpointSubSequenceNumber`; 0 for sentinels.
    pub fn sub_sequence_number(&self) -> u64 {
        match self {
            Self::At(place) => place.sub_sequence_number(),
            Self::AtTimestamp | Self::TrimHorizon | Self::Latest | Self::ShardEnd => 0,
        }
    }

    /// The place, unless this is a sentinel.
    pub fn place(&self) -> Option<&ExtendedSequenceNumber> {
        match self {
            Self::At(place) => Some(place),
            Self::AtTimestamp | Self::TrimHorizon | Self::Latest | Self::ShardEnd => None,
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(place) => place.fmt(f),
            sentinel => f.write_str(sentinel.text()),
        }
    }
}

impl FromStr for Checkpoint {
    type Err = InvalidCheckpoint;

    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        Self::parse(text, 0)
    }
}

/// A checkpoint that was announced but is not taken yet, with the application's own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCheckpoint {
    /// Where the checkpoint is going to be.
    pub checkpoint: Checkpoint,
    /// What the application needs to finish the step; opaque here.
    pub state: Option<Vec<u8>>,
}

/// The text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a sequence number nor one of the words TRIM_HORIZON, LATEST, AT_TIMESTAMP and SHARD_END"
)]
pub struct InvalidCheckpoint(pub(crate) String);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentinels_stand_around_the_numbers() {
        let texts = [
            "AT_TIMESTAMP",
            "TRIM_HORIZON",
            "LATEST",
            "0",
            "9",
            "10",
            "SHARD_END",
        ];
        let checkpoints: Vec<Checkpoint> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(checkpoints.windows(2).all(|pair| pair[0] < pair[1]));
        for (text, checkpoint) in texts.iter().zip(&checkpoints) {
            assert_eq!(checkpoint.text(), *text);
        }
    }

    #[test]
    fn refuses_other_text() {
        for bad in ["", "-1", "1a", "trim_horizon", " 1"] {
            assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
        }
        for bad in ["", "1/", "1/0", "1/01", "/1", "1/2/3", "1/-1"] {
            assert!(bad.parse::<ExtendedSequenceNumber>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_compare_as_integers(a in 0u128.., b in 0u128.., sub_a in 0u64..3, sub_b in 0u64..3) {
            let place = |n: u128, sub| ExtendedSequenceNumber::new(&n.to_string(), sub).unwrap();
            prop_assert_eq!(place(a, sub_a).cmp(&place(b, sub_b)), (a, sub_a).cmp(&(b, sub_b)));
            prop_assert_eq!(place(a, sub_a).to_string().parse(), Ok(place(a, sub_a)));
        }
    }
}
