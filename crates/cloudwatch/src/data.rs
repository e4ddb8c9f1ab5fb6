//! GetMetricData: series of numbers, and what expressions make of them.

mod evaluate;
mod functions;
mod pages;
mod quantity;
mod query;
mod searches;

use std::collections::BTreeMap;

use millstream_metrics::{MetricStore, Minute, Owner, Points, Unit, Wanted};

use crate::members::Members;
use crate::statistics::span;
use crate::{CloudWatchError, Output};
use evaluate::{Evaluation, Failure, Known, search_key};
use functions::Span;
use pages::Pages;
use quantity::{Budget, Quantity, TimeSeries};
use query::{Asked, Kind, Query};
use searches::Searches;

/// Most points of a page, and of one query.
pub const DATAPOINTS_MAX: usize = 100_800;

pub(crate) async fn get(
    store: &MetricStore,
    owner: &Owner,
    members: &Members<'_>,
) -> Result<Output, CloudWatchError> {
    let queries = query::read(members, owner.account.as_str())?;
    let ordered = query::in_order(&queries)?;
    let (from, until) = span(members)?;
    let pages = Pages::read(members)?;
    let mut searches = Searches::default();
    for (query, expression) in &ordered {
        searches.find(store, owner, query, expression).await?;
    }
    let asked: Vec<&Asked> = queries
        .iter()
        .filter_map(|query| match &query.kind {
            Kind::Metric(asked) => Some(asked),
            Kind::Math { .. } => None,
        })
        .chain(searches.asked())
        .collect();
    let wanted = wanted(owner, &asked, from, until)?;
    let mut read = store.read(&wanted).await?.into_iter();
    let mut by_id = BTreeMap::new();
    let mut metrics = Vec::new();
    for query in &queries {
        if let Kind::Metric(asked) = &query.kind {
            let label = query.label.as_deref().unwrap_or(asked.metric.name());
            let series = series_of(asked, label, read.next().unwrap_or_default());
            by_id.insert(query.id.clone(), Quantity::One(series));
            metrics.push(query.id.clone());
        }
    }
    let found =
        searches.finish(|asked, label| series_of(asked, label, read.next().unwrap_or_default()));
    let span = Span {
        from: from.as_secs(),
        until: until.as_secs(),
    };
    let mut budget = Budget::default();
    for (query, expression) in ordered {
        let label = query.label.as_deref().unwrap_or(&query.id);
        let mut evaluation = Evaluation {
            known: Known {
                span,
                by_id: &by_id,
                metrics: &metrics,
                searches: &found,
            },
            budget: &mut budget,
            label,
        };
        let value = evaluation
            .evaluate(expression)
            .map_err(|failure| match failure {
                Failure::Expression(error) => query::in_expression(&query.id, &error),
                Failure::Size(error) => error,
            })?;
        by_id.insert(query.id.clone(), labelled(value, query));
    }
    let mut results = Vec::new();
    for query in queries.iter().filter(|query| query.is_returned) {
        let value = by_id.remove(&query.id);
        let series = value.as_ref().and_then(Quantity::series).ok_or_else(|| {
            let error = "a number is no result; only a time series is, or several";
            query::in_expression(&query.id, error)
        })?;
        results.extend(
            series
                .iter()
                .map(|series| (query.id.clone(), series.clone())),
        );
    }
    Ok(pages.cut(results))
}

fn wanted(
    owner: &Owner,
    asked: &[&Asked],
    from: Minute,
    until: Minute,
) -> Result<Vec<Wanted>, CloudWatchError> {
    let wanted = asked.iter().map(|asked| {
        let points = (until.as_secs() - from.as_secs()).div_ceil(asked.period_secs.max(60).into());
        if points > DATAPOINTS_MAX as u64 {
            return Err(CloudWatchError::validation(format!(
                "You have requested up to {points} datapoints of one metric, which exceeds the limit of {DATAPOINTS_MAX}. \
                 You may reduce the datapoints requested by increasing Period, or decreasing the time range."
            )));
        }
        Ok(Wanted {
            owner: owner.clone(),
            metric: asked.metric.clone(),
            unit: asked.unit,
            from,
            until,
            period_secs: asked.period_secs,
            with_spread: asked.statistic.wants_spread(),
        })
    });
    wanted.collect()
}

/// One number of each point. Samples of several units, where none is asked for, are one.
fn series_of(asked: &Asked, label: &str, units: Vec<(Unit, Points)>) -> TimeSeries {
    let mut units = units.into_iter().map(|(_, points)| points);
    let mut points = units.next().unwrap_or_default();
    for (secs, more) in units.flatten() {
        match points.get_mut(&secs) {
            Some(point) => point.merge(&more),
            None => drop(points.insert(secs, more)),
        }
    }
    let points = points.into_iter();
    TimeSeries {
        label: label.to_owned(),
        period_secs: asked.period_secs,
        points: points
            .filter_map(|(secs, aggregate)| Some((secs, asked.statistic.of(&aggregate)?)))
            .collect(),
    }
}

/// The one series of an expression is called as the query says; of several, each also by its own name.
fn labelled(value: Quantity, query: &Query) -> Quantity {
    let label = query.label.as_deref().unwrap_or(&query.id);
    match value {
        Quantity::One(series) => Quantity::One(TimeSeries {
            label: label.to_owned(),
            ..series
        }),
        Quantity::Many(mut series) => {
            if let Some(label) = &query.label {
                for series in &mut series {
                    series.label = format!("{label} {}", series.label);
                }
            }
            Quantity::Many(series)
        }
        number => number,
    }
}
