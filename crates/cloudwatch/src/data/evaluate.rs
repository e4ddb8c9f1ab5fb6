//! Expressions, once what they stand on is known.

use std::collections::BTreeMap;

use super::functions::{Filling, Fold, Span, by_number, by_series};
use super::quantity::{Budget, Quantity, TimeSeries};
use crate::CloudWatchError;
use crate::expression::Expression;

/// What expressions of a request may name.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) span: Span,
    /// What queries gave so far, by their id.
    pub(crate) by_id: &'a BTreeMap<String, Quantity>,
    /// Ids of the queries that are metrics, in order.
    pub(crate) metrics: &'a [String],
    /// What searches found, by how they are written.
    pub(crate) searches: &'a BTreeMap<String, Vec<TimeSeries>>,
}

/// Evaluates expressions of one query.
#[derive(Debug)]
pub(crate) struct Evaluation<'a> {
    pub(crate) known: Known<'a>,
    pub(crate) budget: &'a mut Budget,
    /// What a new series is called.
    pub(crate) label: &'a str,
}

/// How a search is found again.
pub(crate) fn search_key(arguments: &[Expression]) -> String {
    format!("{arguments:?}")
}

/// What went wrong: with the expression, or with its size.
#[derive(Debug)]
pub(crate) enum Failure {
    Expression(String),
    Size(CloudWatchError),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Expression(message)
    }
}

impl From<CloudWatchError> for Failure {
    fn from(error: CloudWatchError) -> Self {
        Self::Size(error)
    }
}

impl Evaluation<'_> {
    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Result<Quantity, Failure> {
        let quantity = match expression {
            Expression::Number(number) => Quantity::Number(*number),
            Expression::Text(text) => {
                return Err(format!("'{text}' stands where no text can").into());
            }
            Expression::Reference(id) => self.reference(id)?,
            Expression::Negated(inner) => match self.evaluate(inner)? {
                Quantity::Number(number) => Quantity::Number(-number),
                series => series
                    .map(|series| series.map(|value| -value))
                    .unwrap_or(series),
            },
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                left.combine(*operator, &right)?
            }
            Expression::List(items) => Quantity::Many(self.all_series(items)?),
            Expression::Call(name, arguments) => self.call(name, arguments)?,
        };
        self.budget.take(quantity.points())?;
        Ok(quantity)
    }

    fn reference(&self, id: &str) -> Result<Quantity, String> {
        let known = self.known.by_id.get(id);
        known
            .cloned()
            .ok_or_else(|| format!("there is no query {id}"))
    }

    fn all_series(&mut self, items: &[Expression]) -> Result<Vec<TimeSeries>, Failure> {
        let mut all = Vec::new();
        for item in items {
            let value = self.evaluate(item)?;
            let series = value.series();
            all.extend_from_slice(
                series.ok_or_else(|| "a number stands in a list of time series".to_owned())?,
            );
        }
        Ok(all)
    }

    fn call(&mut self, name: &str, arguments: &[Expression]) -> Result<Quantity, Failure> {
        let wrong = || Failure::Expression(format!("{name} has other arguments than it takes"));
        if let Some(fold) = Fold::from_name(name) {
            return self.fold(name, fold, arguments);
        }
        match (name, arguments) {
            ("METRICS", []) => self.metrics(""),
            ("METRICS", [Expression::Text(part)]) => self.metrics(part),
            ("SEARCH", _) => {
                let found = self.known.searches.get(&search_key(arguments));
                found.cloned().map(Quantity::Many).ok_or_else(wrong)
            }
            ("FILL", [of, with]) => {
                let of = self.evaluate(of)?;
                let value = match with {
                    Expression::Text(_) => None,
                    with => Some(self.evaluate(with)?),
                };
                let filling = Filling::of(with, value.as_ref()).ok_or_else(wrong)?;
                self.fill(filling, &of).ok_or_else(wrong)?
            }
            ("METRIC_COUNT", [of]) => {
                let of = self.evaluate(of)?;
                Ok(Quantity::Number(of.series().ok_or_else(wrong)?.len() as f64))
            }
            ("PERIOD", [of]) => match self.evaluate(of)? {
                Quantity::One(series) => Ok(Quantity::Number(series.period_secs.into())),
                _ => Err(wrong()),
            },
            ("TIME_SERIES", [of]) => match self.evaluate(of)? {
                Quantity::Number(number) => {
                    let period_secs = self.period_secs();
                    let empty = TimeSeries {
                        label: self.label.to_owned(),
                        period_secs,
                        points: Vec::new(),
                    };
                    self.fill(Filling::With(number), &Quantity::One(empty))
                        .ok_or_else(wrong)?
                }
                _ => Err(wrong()),
            },
            ("IF", [condition, then]) => self.choose(condition, then, None),
            ("IF", [condition, then, otherwise]) => self.choose(condition, then, Some(otherwise)),
            (_, [of]) => {
                let of = self.evaluate(of)?;
                let mapped = match (by_number(name), by_series(name)) {
                    (Some(by), _) => match &of {
                        Quantity::Number(number) => Some(Quantity::Number(by(*number))),
                        series => series.map(|series| series.map(by)),
                    },
                    (_, Some(by)) => of.map(by),
                    (None, None) => return Err(format!("there is no function {name}").into()),
                };
                mapped.ok_or_else(wrong)
            }
            _ if by_number(name).is_some() || by_series(name).is_some() => Err(wrong()),
            ("METRICS" | "FILL" | "METRIC_COUNT" | "PERIOD" | "TIME_SERIES" | "IF", _) => {
                Err(wrong())
            }
            _ => Err(format!("there is no function {name}").into()),
        }
    }

    fn fold(
        &mut self,
        name: &str,
        fold: Fold,
        arguments: &[Expression],
    ) -> Result<Quantity, Failure> {
        let of = match arguments {
            [one] => self.evaluate(one)?,
            // Several arguments are a list.
            [_, _, ..] => Quantity::Many(self.all_series(arguments)?),
            [] => return Err(format!("{name} has other arguments than it takes").into()),
        };
        Ok(fold.apply(&of, self.label)?)
    }

    fn metrics(&self, part: &str) -> Result<Quantity, Failure> {
        let ids = self.known.metrics.iter().filter(|id| id.contains(part));
        let series = ids.filter_map(|id| self.known.by_id.get(id)?.series());
        Ok(Quantity::Many(series.flatten().cloned().collect()))
    }

    /// `None` for a number, which has no gaps.
    fn fill(&mut self, filling: Filling, of: &Quantity) -> Option<Result<Quantity, Failure>> {
        let span = self.known.span;
        let series = of.series()?;
        let periods = series
            .iter()
            .map(|series| (span.until - span.from) / u64::from(series.period_secs.max(1)) + 1);
        let points = usize::try_from(periods.sum::<u64>()).unwrap_or(usize::MAX);
        // Before they are made.
        if let Err(error) = self.budget.take(points) {
            return Some(Err(error.into()));
        }
        of.map(|series| filling.fill(series, span)).map(Ok)
    }

    /// The longest period of the metrics that are there, or a minute.
    fn period_secs(&self) -> u32 {
        let series = self.known.by_id.values().filter_map(Quantity::series);
        series
            .flatten()
            .map(|series| series.period_secs)
            .max()
            .unwrap_or(60)
    }

    /// Where a condition is not 0 one value, elsewhere another or nothing.
    fn choose(
        &mut self,
        condition: &Expression,
        then: &Expression,
        otherwise: Option<&Expression>,
    ) -> Result<Quantity, Failure> {
        let (condition, then) = (self.evaluate(condition)?, self.evaluate(then)?);
        let otherwise = otherwise
            .map(|otherwise| self.evaluate(otherwise))
            .transpose()?;
        let at = |value: &Quantity, secs: u64| match value {
            Quantity::Number(number) => Some(*number),
            Quantity::One(series) => {
                let found = series.points.binary_search_by_key(&secs, |(secs, _)| *secs);
                found.ok().map(|at| series.points[at].1)
            }
            Quantity::Many(_) => None,
        };
        let has_many = [Some(&condition), Some(&then), otherwise.as_ref()];
        if has_many
            .iter()
            .flatten()
            .any(|value| matches!(value, Quantity::Many(_)))
        {
            return Err("IF takes numbers and single time series".to_owned().into());
        }
        let series = match (&condition, &then, &otherwise) {
            (Quantity::One(series), _, _)
            | (_, Quantity::One(series), _)
            | (_, _, Some(Quantity::One(series))) => series,
            (Quantity::Number(condition), then, otherwise) => {
                let chosen = if *condition != 0.0 {
                    Some(then.clone())
                } else {
                    otherwise.clone()
                };
                return chosen.ok_or_else(|| "IF gives nothing".to_owned().into());
            }
            _ => return Err("IF takes numbers and single time series".to_owned().into()),
        };
        let points = series.points.iter().filter_map(|(secs, _)| {
            let value = match at(&condition, *secs)? != 0.0 {
                true => at(&then, *secs)?,
                false => at(otherwise.as_ref()?, *secs)?,
            };
            Some((*secs, value))
        });
        Ok(Quantity::One(TimeSeries {
            label: self.label.to_owned(),
            ..series.with(points.collect())
        }))
    }
}
