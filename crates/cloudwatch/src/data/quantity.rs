//! What an expression comes to: a number, a series of numbers over time, or several series.

use crate::CloudWatchError;
use crate::expression::Operator;

/// Most points that all expressions of a request may make.
const POINTS_MAX: usize = 1_000_000;

/// Numbers over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeSeries {
    pub(crate) label: String,
    pub(crate) period_secs: u32,
    /// By the second at which the period begins, earliest first.
    pub(crate) points: Vec<(u64, f64)>,
}

/// A value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Quantity {
    Number(f64),
    One(TimeSeries),
    Many(Vec<TimeSeries>),
}

/// Counts points that expressions make, so that a small request takes no large memory.
#[derive(Debug)]
pub(crate) struct Budget {
    points_left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            points_left: POINTS_MAX,
        }
    }
}

impl Budget {
    pub(crate) fn take(&mut self, points: usize) -> Result<(), CloudWatchError> {
        let left = self.points_left.checked_sub(points);
        self.points_left = left.ok_or_else(|| {
            let message = "The expressions of the request make too many datapoints.";
            CloudWatchError::new(crate::ErrorCode::LimitExceeded, message)
        })?;
        Ok(())
    }
}

impl TimeSeries {
    /// The same with other points.
    pub(crate) fn with(&self, points: Vec<(u64, f64)>) -> Self {
        Self {
            label: self.label.clone(),
            period_secs: self.period_secs,
            points,
        }
    }

    /// Each number by itself; what is none any more is left out.
    pub(crate) fn map(&self, of: impl Fn(f64) -> f64) -> Self {
        let points = self.points.iter().map(|(secs, value)| (*secs, of(*value)));
        self.with(points.filter(|(_, value)| value.is_finite()).collect())
    }

    /// The points that both have.
    fn zip(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let mut others = other.points.iter().peekable();
        let mut points = Vec::new();
        for (secs, value) in &self.points {
            while others.next_if(|(other, _)| other < secs).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| other == secs) {
                points.push((*secs, of(*value, *other)));
            }
        }
        points.retain(|(_, value)| value.is_finite());
        Self {
            label: self.label.clone(),
            period_secs: self.period_secs.max(other.period_secs),
            points,
        }
    }
}

impl Quantity {
    pub(crate) fn points(&self) -> usize {
        match self {
            Self::Number(_) => 1,
            Self::One(series) => series.points.len(),
            Self::Many(series) => series.iter().map(|series| series.points.len() + 1).sum(),
        }
    }

    /// Its series, if it is any.
    pub(crate) fn series(&self) -> Option<&[TimeSeries]> {
        match self {
            Self::Number(_) => None,
            Self::One(series) => Some(std::slice::from_ref(series)),
            Self::Many(series) => Some(series),
        }
    }

    /// Each series by itself, in the same number.
    pub(crate) fn map(&self, of: impl Fn(&TimeSeries) -> TimeSeries) -> Option<Self> {
        match self {
            Self::Number(_) => None,
            Self::One(series) => Some(Self::One(of(series))),
            Self::Many(series) => Some(Self::Many(series.iter().map(of).collect())),
        }
    }

    /// Arithmetic: a number with each point, a series with each of several, point by point where both have one.
    ///
    /// # Errors
    /// For several with several.
    pub(crate) fn combine(&self, operator: Operator, other: &Self) -> Result<Self, String> {
        let of = |left, right| operator.of(left, right);
        Ok(match (self, other) {
            (Self::Number(left), Self::Number(right)) => {
                let number = of(*left, *right);
                if !number.is_finite() {
                    return Err("a number of it is infinite or none".to_owned());
                }
                Self::Number(number)
            }
            (Self::Number(left), other) => {
                let mapped = other.map(|series| series.map(|right| of(*left, right)));
                mapped.unwrap_or_else(|| self.clone())
            }
            (one, Self::Number(right)) => {
                let mapped = one.map(|series| series.map(|left| of(left, *right)));
                mapped.unwrap_or_else(|| self.clone())
            }
            (Self::One(left), Self::One(right)) => Self::One(left.zip(right, of)),
            (Self::One(left), Self::Many(right)) => Self::Many(
                right
                    .iter()
                    .map(|right| TimeSeries {
                        label: right.label.clone(),
                        ..left.zip(right, of)
                    })
                    .collect(),
            ),
            (Self::Many(left), Self::One(right)) => {
                Self::Many(left.iter().map(|left| left.zip(right, of)).collect())
            }
            (Self::Many(_), Self::Many(_)) => {
                return Err("there is no arithmetic between two lists of time series".to_owned());
            }
        })
    }
}
