//! The searches in expressions: which metrics they find, before any is read.

use std::collections::BTreeMap;

use millstream_metrics::{Metric, MetricStore, Owner, Statistic};

use super::query::{Asked, Kind, Query, in_expression};
use super::{TimeSeries, search_key};
use crate::expression::{Expression, Search};
use crate::{CloudWatchError, statistics};

/// Metrics that a search finds at most.
const FOUND_MAX: usize = 500;
/// Searches of a request at most.
const SEARCHES_MAX: usize = 100;
/// The period of a search that names none, in a query that names none.
const PERIOD_SECS: u32 = 300;

/// What the searches of a request found, by how they are written.
#[derive(Debug, Default)]
pub(super) struct Searches {
    found: BTreeMap<String, Vec<Asked>>,
}

impl Searches {
    /// Looks for what the searches of an expression look for.
    pub(super) async fn find(
        &mut self,
        store: &MetricStore,
        owner: &Owner,
        query: &Query,
        expression: &Expression,
    ) -> Result<(), CloudWatchError> {
        let mut calls = Vec::new();
        expression.walk(&mut |part| match part {
            Expression::Call(name, arguments) if name == "SEARCH" => calls.push(arguments),
            _ => {}
        });
        for arguments in calls {
            let key = search_key(arguments);
            if self.found.contains_key(&key) {
                continue;
            }
            if self.found.len() == SEARCHES_MAX {
                let error = format!("the request has more than {SEARCHES_MAX} searches");
                return Err(in_expression(&query.id, &error));
            }
            let (search, statistic, period_secs) = read(query, arguments)?;
            let (listed, _) = store
                .list(owner, None, FOUND_MAX, |listed| {
                    search.finds(&listed.metric)
                })
                .await?;
            let asked = listed.into_iter().map(|listed| Asked {
                metric: listed.metric,
                statistic,
                period_secs,
                unit: None,
            });
            self.found.insert(key, asked.collect());
        }
        Ok(())
    }

    /// All that has to be read.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.found.values().flatten()
    }

    /// The series of each search; `read` is asked in the order of [`asked`](Self::asked).
    pub(super) fn finish(
        &self,
        mut read: impl FnMut(&Asked, &str) -> TimeSeries,
    ) -> BTreeMap<String, Vec<TimeSeries>> {
        let found = self.found.iter().map(|(key, asked)| {
            let series = asked.iter().map(|asked| read(asked, &label(&asked.metric)));
            (key.clone(), series.collect())
        });
        found.collect()
    }
}

/// What tells a metric from others that are found with it.
fn label(metric: &Metric) -> String {
    let values = metric
        .dimensions()
        .iter()
        .map(|dimension| &*dimension.value);
    values.chain([metric.name()]).collect::<Vec<_>>().join(" ")
}

fn read(
    query: &Query,
    arguments: &[Expression],
) -> Result<(Search, Statistic, u32), CloudWatchError> {
    let wrong = |error: &str| in_expression(&query.id, error);
    let (text, statistic, period) = match arguments {
        [Expression::Text(text), Expression::Text(statistic)] => (text, statistic, None),
        [
            Expression::Text(text),
            Expression::Text(statistic),
            Expression::Number(period),
        ] => (text, statistic, Some(*period)),
        _ => return Err(wrong("SEARCH has other arguments than it takes")),
    };
    let search = Search::parse(text).map_err(|error| wrong(&error))?;
    let statistic = Statistic::from_name(statistic)
        .ok_or_else(|| wrong(&format!("there is no statistic {statistic}")))?;
    let of_query = match query.kind {
        Kind::Math { period_secs, .. } => period_secs,
        Kind::Metric(_) => None,
    };
    let period_secs = match period {
        None => of_query.unwrap_or(PERIOD_SECS),
        Some(period) if period.fract() == 0.0 && (1.0..1e9).contains(&period) => period as u32,
        Some(_) => return Err(wrong("a period is a whole number of seconds")),
    };
    statistics::check_period(period_secs, "Period")?;
    Ok((search, statistic, period_secs))
}
