//! Up to where a table has the records of a shard, and what that says of a cut. Without I/O.
//!
//! A property of the table for each writer and shard, which changes with the very commit that adds the rows. It is not
//! read from summaries of snapshots, which have it too: those go when snapshots expire, and a compaction's has none.

use std::fmt;
use std::str::FromStr;

use millstream_connectors::{Cut, Item};

/// Digits of a sequence number in the name of a cut.
const DIGITS: usize = 56;

/// A record of a shard. Places of one shard are in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Padded with zeros, so that texts are in order as numbers are.
    sequence_number: String,
    sub_sequence_number: u64,
}

/// The last cut of a shard that a table has: nothing of the shard is in it that lies behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    first: Place,
    last: Place,
    rows: u64,
}

/// The text is no position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidPosition;

/// What a table has of a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Absent,
    /// All of it.
    Present,
    /// Something else of the same records, or later ones.
    Other,
}

/// The name of the property of a shard.
pub(crate) fn property(writer: &str, shard_id: &str) -> String {
    format!("millstream.{writer}.{shard_id}")
}

impl Position {
    /// Of a cut whose last row is of this item, if the name of the cut is one.
    pub(crate) fn of(cut: &Cut, last: &Item, rows: usize) -> Option<Self> {
        let first = cut.first.parse().ok()?;
        let last = Place {
            sequence_number: padded(&last.origin.sequence_number),
            sub_sequence_number: last.origin.sub_sequence_number,
        };
        Some(Self {
            first,
            last,
            rows: rows as u64,
        })
    }

    /// What a table that has `held` of the shard has of this cut.
    pub(crate) fn standing(&self, held: Option<&Self>) -> Standing {
        match held {
            None => Standing::Absent,
            Some(held) if held == self => Standing::Present,
            Some(held) if held.last < self.first => Standing::Absent,
            Some(_) => Standing::Other,
        }
    }
}

fn padded(number: &str) -> String {
    format!("{number:0>DIGITS$}")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.sequence_number.trim_start_matches('0');
        f.write_str(if number.is_empty() { "0" } else { number })?;
        match self.sub_sequence_number {
            0 => Ok(()),
            index => write!(f, ".{index}"),
        }
    }
}

impl FromStr for Place {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (number, index) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(number) || !is_number(index) {
            return Err(InvalidPosition);
        }
        Ok(Self {
            sequence_number: padded(number),
            sub_sequence_number: index.parse().map_err(|_| InvalidPosition)?,
        })
    }
}

/// First and last sequence number, with the index among joined records behind a point, and how many rows.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.first, self.last, self.rows)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(InvalidPosition);
        let position = Self {
            first: word()?.parse()?,
            last: word()?.parse()?,
            rows: word()?.parse().map_err(|_| InvalidPosition)?,
        };
        match words.next() {
            None => Ok(position),
            Some(_) => Err(InvalidPosition),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millstream_connectors::Origin;
    use serde_json::Value;

    use super::*;

    fn position(first: &str, last: (&str, u64), rows: usize) -> Position {
        let origin = Origin {
            shard_id: "s".into(),
            sequence_number: last.0.into(),
            sub_sequence_number: last.1,
            partition_key: "k".into(),
            arrived_ms: 0,
            data: Default::default(),
        };
        let last = Item::of_record("t", Arc::new(origin), 0, Value::Null, None, 0);
        let cut = Cut {
            shard_id: "s".into(),
            first: first.into(),
        };
        Position::of(&cut, &last, rows).unwrap()
    }

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let padded = format!("{:0>56}.000012", "49");
        let written = position(&padded, ("5000", 0), 7).to_string();
        assert_eq!(written, "49.12 5000 7");
        assert_eq!(
            written.parse(),
            Ok(position("49.12", ("5000", 0), 7)),
            "padding says nothing"
        );
        for bad in ["", "1 2", "1 2 3 4", "1 x 3", "1 2 -3", "1. 2 3", "1  2 3"] {
            assert_eq!(bad.parse::<Position>(), Err(InvalidPosition), "{bad:?}");
        }
    }

    #[test]
    fn a_cut_is_absent_or_present_or_something_is_wrong() {
        let held = position("100", ("109", 3), 5);
        assert_eq!(held.standing(None), Standing::Absent);
        assert_eq!(held.standing(Some(&held)), Standing::Present);
        for behind in [
            position("109.4", ("200", 0), 1),
            position("1000", ("1001", 0), 1),
        ] {
            assert_eq!(behind.standing(Some(&held)), Standing::Absent, "{behind}");
        }
    }

    /// A lease table that was deleted makes cuts anew; a stream that was made anew begins before what the table has; a
    /// worker that does not know yet that it lost its shard comes late.
    #[test]
    fn what_overlaps_is_neither_added_nor_passed_over() {
        let held = position("100", ("109", 3), 5);
        for other in [
            position("100", ("120", 0), 9),
            position("100", ("109", 3), 4),
            position("109.3", ("120", 0), 9),
            position("50", ("60", 0), 5),
        ] {
            assert_eq!(other.standing(Some(&held)), Standing::Other, "{other}");
        }
    }
}
