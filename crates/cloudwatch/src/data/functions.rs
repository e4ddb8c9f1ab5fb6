//! The functions of expressions.

use std::collections::BTreeMap;

use super::quantity::{Quantity, TimeSeries};
use crate::expression::Expression;

/// The time that a request asks for, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// How the numbers of a series, or of several at one time, become one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fold {
    Average,
    Maximum,
    Minimum,
    Deviation,
    Sum,
}

impl Fold {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "AVG" => Self::Average,
            "MAX" => Self::Maximum,
            "MIN" => Self::Minimum,
            "STDDEV" => Self::Deviation,
            "SUM" => Self::Sum,
            _ => return None,
        })
    }

    /// `None` for no numbers.
    fn of(self, numbers: &[f64]) -> Option<f64> {
        if numbers.is_empty() {
            return None;
        }
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        Some(match self {
            Self::Average => sum / count,
            Self::Maximum => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Minimum => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Deviation => {
                let squares = numbers.iter().map(|number| (number - sum / count).powi(2));
                (squares.sum::<f64>() / count).sqrt()
            }
            Self::Sum => sum,
        })
    }

    /// One number of a series; one series of several.
    pub(crate) fn apply(self, of: &Quantity, label: &str) -> Result<Quantity, String> {
        match of {
            Quantity::Number(number) => Ok(Quantity::Number(*number)),
            Quantity::One(series) => {
                let numbers: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
                // Of nothing there is no number that arithmetic could go on with but this.
                Ok(Quantity::Number(self.of(&numbers).unwrap_or(0.0)))
            }
            Quantity::Many(series) => {
                let mut at: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
                for (secs, value) in series.iter().flat_map(|series| &series.points) {
                    at.entry(*secs).or_default().push(*value);
                }
                let points = at.into_iter().filter_map(|(secs, numbers)| {
                    Some((secs, self.of(&numbers)?)).filter(|(_, number)| number.is_finite())
                });
                let period_secs = series.iter().map(|series| series.period_secs).max();
                Ok(Quantity::One(TimeSeries {
                    label: label.to_owned(),
                    period_secs: period_secs.unwrap_or(60),
                    points: points.collect(),
                }))
            }
        }
    }
}

/// The functions of each number by itself.
pub(crate) fn by_number(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "ABS" => f64::abs,
        "CEIL" => f64::ceil,
        "FLOOR" => f64::floor,
        "LOG" => f64::ln,
        "LOG10" => f64::log10,
        _ => return None,
    })
}

/// The functions of one series that give one.
pub(crate) fn by_series(name: &str) -> Option<fn(&TimeSeries) -> TimeSeries> {
    Some(match name {
        "DIFF" => |series| changes(series, |before, after| after.1 - before.1),
        "DIFF_TIME" => |series| changes(series, |before, after| (after.0 - before.0) as f64),
        "RATE" => |series| {
            changes(series, |before, after| {
                (after.1 - before.1) / (after.0 - before.0) as f64
            })
        },
        "REMOVE_EMPTY" => TimeSeries::clone,
        "RUNNING_SUM" => |series| {
            let mut sum = 0.0;
            let points = series.points.iter().map(|(secs, value)| {
                sum += value;
                (*secs, sum)
            });
            series.with(points.collect())
        },
        _ => return None,
    })
}

fn changes(series: &TimeSeries, of: impl Fn((u64, f64), (u64, f64)) -> f64) -> TimeSeries {
    let pairs = series.points.windows(2);
    series.with(
        pairs
            .map(|pair| (pair[1].0, of(pair[0], pair[1])))
            .collect(),
    )
}

/// What stands where there is no point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Filling {
    With(f64),
    /// The number before.
    Repeat,
    /// On the line between the numbers around.
    Linear,
}

impl Filling {
    pub(crate) fn of(argument: &Expression, value: Option<&Quantity>) -> Option<Self> {
        match (argument, value) {
            (Expression::Text(word), _) if word == "REPEAT" => Some(Self::Repeat),
            (Expression::Text(word), _) if word == "LINEAR" => Some(Self::Linear),
            (_, Some(Quantity::Number(number))) => Some(Self::With(*number)),
            _ => None,
        }
    }

    /// A point for every period of the span, except that what has no number before it, or around it, stays out.
    pub(crate) fn fill(self, series: &TimeSeries, span: Span) -> TimeSeries {
        let period_secs = u64::from(series.period_secs.max(1));
        let mut points = Vec::new();
        let mut rest = series.points.iter().peekable();
        let mut before: Option<(u64, f64)> = None;
        let mut at = span.from;
        while at < span.until {
            let here = rest.next_if(|(secs, _)| *secs < at + period_secs);
            let point = match (here, self) {
                (Some(point), _) => {
                    before = Some(*point);
                    Some(*point)
                }
                (None, Self::With(number)) => Some((at, number)),
                (None, Self::Repeat) => before.map(|(_, value)| (at, value)),
                (None, Self::Linear) => before.zip(rest.peek().copied()).map(|(left, right)| {
                    let part = (at - left.0) as f64 / (right.0 - left.0) as f64;
                    (at, left.1 + (right.1 - left.1) * part)
                }),
            };
            points.extend(point);
            at += period_secs;
        }
        series.with(points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(u64, f64)]) -> TimeSeries {
        TimeSeries {
            label: "m".to_owned(),
            period_secs: 60,
            points: points.to_vec(),
        }
    }

    #[test]
    fn gaps_are_filled_as_asked() {
        let holes = series(&[(60, 1.0), (240, 4.0)]);
        let span = Span {
            from: 0,
            until: 360,
        };
        let fill = |filling: Filling| filling.fill(&holes, span).points;
        let zeros = [
            (0, 0.0),
            (60, 1.0),
            (120, 0.0),
            (180, 0.0),
            (240, 4.0),
            (300, 0.0),
        ];
        assert_eq!(fill(Filling::With(0.0)), zeros);
        let repeated = [(60, 1.0), (120, 1.0), (180, 1.0), (240, 4.0), (300, 4.0)];
        assert_eq!(fill(Filling::Repeat), repeated);
        let line = [(60, 1.0), (120, 2.0), (180, 3.0), (240, 4.0)];
        assert_eq!(fill(Filling::Linear), line);
    }

    #[test]
    fn changes_are_between_neighbours() {
        let counts = series(&[(0, 10.0), (60, 70.0), (180, 10.0)]);
        let points = |name: &str| by_series(name).unwrap()(&counts).points;
        assert_eq!(points("DIFF"), [(60, 60.0), (180, -60.0)]);
        assert_eq!(points("RATE"), [(60, 1.0), (180, -0.5)]);
        assert_eq!(points("DIFF_TIME"), [(60, 60.0), (180, 120.0)]);
        assert_eq!(points("RUNNING_SUM"), [(0, 10.0), (60, 80.0), (180, 90.0)]);
    }

    #[test]
    fn several_series_fold_to_one_at_each_time() {
        let many = Quantity::Many(vec![series(&[(0, 1.0), (60, 5.0)]), series(&[(0, 3.0)])]);
        let folded = |name: &str| {
            let folded = Fold::from_name(name).unwrap().apply(&many, "e").unwrap();
            folded.series().unwrap()[0].points.clone()
        };
        assert_eq!(folded("SUM"), [(0, 4.0), (60, 5.0)]);
        assert_eq!(folded("AVG"), [(0, 2.0), (60, 5.0)]);
        assert_eq!(folded("MIN"), [(0, 1.0), (60, 5.0)]);
        assert_eq!(folded("MAX"), [(0, 3.0), (60, 5.0)]);
        assert_eq!(folded("STDDEV"), [(0, 1.0), (60, 0.0)]);
        let one = Quantity::One(series(&[(0, 1.0), (60, 5.0)]));
        assert_eq!(Fold::Average.apply(&one, "e"), Ok(Quantity::Number(3.0)));
    }
}
