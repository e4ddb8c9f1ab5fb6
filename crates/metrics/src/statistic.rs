//! What can be asked of an aggregate.

use crate::Aggregate;

/// One number of an [`Aggregate`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// How many samples there were.
    SampleCount,
    /// Their mean.
    Average,
    /// Their sum.
    Sum,
    /// The smallest.
    Minimum,
    /// The greatest.
    Maximum,
    /// A value that so many percent of them do not exceed: 0 to 100.
    Percentile(f64),
}

impl Statistic {
    /// The statistic that CloudWatch calls by this name: `Sum`, `p99.9`; `None` if there is no such.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => Self::Percentile(percent(name)?),
        })
    }

    /// Whether it has to be known how the samples are spread.
    pub fn wants_spread(self) -> bool {
        matches!(self, Self::Percentile(_))
    }

    /// The number; `None` if it is not known.
    pub fn of(self, aggregate: &Aggregate) -> Option<f64> {
        match self {
            Self::SampleCount => Some(aggregate.count()),
            Self::Average => Some(aggregate.average()),
            Self::Sum => Some(aggregate.sum()),
            Self::Minimum => Some(aggregate.minimum()),
            Self::Maximum => Some(aggregate.maximum()),
            Self::Percentile(percent) => aggregate.percentile(percent),
        }
    }
}

/// `p0` to `p100` with up to ten digits after the point.
fn percent(name: &str) -> Option<f64> {
    let number = name.strip_prefix(['p', 'P'])?;
    let is_number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_number || number.len() > 14 {
        return None;
    }
    let percent: f64 = number.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cloudwatchs() {
        assert_eq!(Statistic::from_name("Sum"), Some(Statistic::Sum));
        assert_eq!(
            Statistic::from_name("p99.9"),
            Some(Statistic::Percentile(99.9))
        );
        assert_eq!(
            Statistic::from_name("p100"),
            Some(Statistic::Percentile(100.0))
        );
        for unknown in [
            "sum",
            "p",
            "p101",
            "p-1",
            "p1e1",
            "p..",
            "tm90",
            "p9999999999999999",
        ] {
            assert_eq!(Statistic::from_name(unknown), None, "{unknown}");
        }
    }
}
