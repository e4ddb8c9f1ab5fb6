//! The queries of a request, read.

use std::collections::{BTreeMap, BTreeSet};

use millstream_metrics::{Metric, Statistic, Unit};

use crate::expression::{Expression, parse};
use crate::members::Members;
use crate::{CloudWatchError, metric_names, statistics};

/// Most queries of a request.
const QUERIES_MAX: usize = 500;

/// One query.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) id: String,
    pub(crate) label: Option<String>,
    pub(crate) is_returned: bool,
    pub(crate) kind: Kind,
}

/// What a query asks for.
#[derive(Debug)]
pub(crate) enum Kind {
    Metric(Asked),
    Math {
        expression: Expression,
        /// For searches that name none.
        period_secs: Option<u32>,
    },
}

/// One number of a metric over time.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) metric: Metric,
    pub(crate) statistic: Statistic,
    pub(crate) period_secs: u32,
    pub(crate) unit: Option<Unit>,
}

/// The queries of a request, in its order.
pub(crate) fn read(members: &Members<'_>, account: &str) -> Result<Vec<Query>, CloudWatchError> {
    let queries = members.structures("MetricDataQueries")?;
    let queries = queries.ok_or_else(|| CloudWatchError::missing("MetricDataQueries"))?;
    if queries.is_empty() || queries.len() > QUERIES_MAX {
        return Err(CloudWatchError::validation(format!(
            "The collection MetricDataQueries must have a size of 1 to {QUERIES_MAX}."
        )));
    }
    let mut ids = BTreeSet::new();
    let mut read = Vec::with_capacity(queries.len());
    for query in &queries {
        let id = query.needed_text("Id")?;
        let is_id = id.starts_with(|letter: char| letter.is_ascii_lowercase())
            && id.len() <= 255
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_id {
            return Err(CloudWatchError::invalid(&query.path("Id"), id));
        }
        if !ids.insert(id.to_owned()) {
            let message = "The values for parameter id in MetricDataQueries are not unique.";
            return Err(CloudWatchError::validation(message));
        }
        if let Some(other) = query.text("AccountId")?.filter(|other| *other != account) {
            return Err(CloudWatchError::invalid(&query.path("AccountId"), other));
        }
        read.push(Query {
            id: id.to_owned(),
            label: query.text("Label")?.map(str::to_owned),
            is_returned: query.flag("ReturnData")?.unwrap_or(true),
            kind: kind(query, id)?,
        });
    }
    if read.iter().all(|query| !query.is_returned) {
        let message = "At least one query must have ReturnData true.";
        return Err(CloudWatchError::validation(message));
    }
    Ok(read)
}

fn kind(query: &Members<'_>, id: &str) -> Result<Kind, CloudWatchError> {
    match (query.structure("MetricStat")?, query.text("Expression")?) {
        (Some(stat), None) => metric(&stat).map(Kind::Metric),
        (None, Some(text)) => Ok(Kind::Math {
            expression: parse(text).map_err(|error| in_expression(id, &error))?,
            period_secs: period(query)?,
        }),
        (Some(_), Some(_)) => Err(CloudWatchError::combination(format!(
            "The parameters {} and {} are mutually exclusive and you have specified both.",
            query.path("MetricStat"),
            query.path("Expression")
        ))),
        (None, None) => Err(CloudWatchError::combination(format!(
            "At least one of the parameters {} or {} must be specified.",
            query.path("MetricStat"),
            query.path("Expression")
        ))),
    }
}

fn metric(stat: &Members<'_>) -> Result<Asked, CloudWatchError> {
    let metric = stat.structure("Metric")?;
    let metric = metric.ok_or_else(|| CloudWatchError::missing(&stat.path("Metric")))?;
    let namespace = metric_names::namespace(&metric)?;
    let period_secs =
        period(stat)?.ok_or_else(|| CloudWatchError::missing(&stat.path("Period")))?;
    let name = stat.needed_text("Stat")?;
    let statistic = Statistic::from_name(name);
    Ok(Asked {
        metric: metric_names::metric(&metric, namespace, "MetricName")?,
        statistic: statistic.ok_or_else(|| CloudWatchError::invalid(&stat.path("Stat"), name))?,
        period_secs,
        unit: metric_names::unit(stat)?,
    })
}

fn period(members: &Members<'_>) -> Result<Option<u32>, CloudWatchError> {
    let period_secs = members.whole("Period")?;
    if let Some(period_secs) = period_secs {
        statistics::check_period(period_secs, &members.path("Period"))?;
    }
    Ok(period_secs)
}

/// What is wrong with an expression.
pub(crate) fn in_expression(id: &str, error: &str) -> CloudWatchError {
    CloudWatchError::validation(format!("Error in expression '{id}': {error}."))
}

/// The queries that are expressions, each behind those that it names.
///
/// # Errors
/// If they name each other in a circle, or a query that is not there.
pub(crate) fn in_order(queries: &[Query]) -> Result<Vec<(&Query, &Expression)>, CloudWatchError> {
    let ids: BTreeSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    let mut left: BTreeMap<&str, (&Query, &Expression, BTreeSet<&str>)> = BTreeMap::new();
    for query in queries {
        let Kind::Math { expression, .. } = &query.kind else {
            continue;
        };
        let mut named = BTreeSet::new();
        expression.walk(&mut |part| {
            if let Expression::Reference(id) = part {
                named.insert(id.as_str());
            }
        });
        if let Some(unknown) = named.iter().find(|id| !ids.contains(**id)) {
            return Err(in_expression(
                &query.id,
                &format!("there is no query {unknown}"),
            ));
        }
        left.insert(&query.id, (query, expression, named));
    }
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_ready = |named: &BTreeSet<&str>| named.iter().all(|id| !left.contains_key(id));
        let ready: Vec<&str> = left
            .iter()
            .filter(|(_, (_, _, named))| is_ready(named))
            .map(|(id, _)| *id)
            .collect();
        if ready.is_empty() {
            let id = left.keys().next().copied().unwrap_or("");
            return Err(in_expression(
                id,
                "it names itself, or is named by what it names",
            ));
        }
        for id in ready {
            if let Some((query, expression, _)) = left.remove(id) {
                ordered.push((query, expression));
            }
        }
    }
    Ok(ordered)
}
