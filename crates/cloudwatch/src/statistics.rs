//! GetMetricStatistics: statistics of one metric, one point for each period and unit that has samples.

use millstream_metrics::{Aggregate, MetricStore, Minute, Owner, Statistic, Unit, Wanted};

use crate::members::Members;
use crate::{CloudWatchError, ErrorCode, Output, metric_names};

/// Most points that may be asked for.
const POINTS_MAX: u64 = 1440;
const STATISTICS_MAX: usize = 5;
const EXTENDED_STATISTICS_MAX: usize = 10;

pub(crate) async fn get(
    store: &MetricStore,
    owner: &Owner,
    members: &Members<'_>,
) -> Result<Output, CloudWatchError> {
    let namespace = metric_names::namespace(members)?;
    let metric = metric_names::metric(members, namespace, "MetricName")?;
    let (from, until) = span(members)?;
    let period_secs = members.whole("Period")?;
    let period_secs = period_secs.ok_or_else(|| CloudWatchError::missing("Period"))?;
    check_period(period_secs, "Period")?;
    let points = (until.as_secs() - from.as_secs()).div_ceil(period_secs.into());
    if points > POINTS_MAX {
        return Err(CloudWatchError::combination(format!(
            "You have requested up to {points} datapoints, which exceeds the limit of {POINTS_MAX}. You may reduce the \
             datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    let (plain, extended) = asked(members)?;
    let wanted = Wanted {
        owner: owner.clone(),
        metric: metric.clone(),
        unit: metric_names::unit(members)?,
        from,
        until,
        period_secs,
        with_spread: !extended.is_empty(),
    };
    let read = store.read(&[wanted]).await?;
    let mut datapoints = Vec::new();
    for (unit, points) in read.into_iter().flatten() {
        for (secs, aggregate) in points {
            datapoints.extend(datapoint(secs, unit, &aggregate, &plain, &extended));
        }
    }
    Ok(Output::Structure(vec![
        ("Label", Output::text(metric.name())),
        ("Datapoints", Output::List(datapoints)),
    ]))
}

/// A statistic, and what it is called in answers.
type Asked = Vec<(&'static str, Statistic)>;
type AskedExtended = Vec<(String, Statistic)>;

fn asked(members: &Members<'_>) -> Result<(Asked, AskedExtended), CloudWatchError> {
    let (names, extended_names) = (
        members.texts("Statistics")?,
        members.texts("ExtendedStatistics")?,
    );
    if names.is_empty() && extended_names.is_empty() {
        let message =
            "At least one of the parameters Statistics or ExtendedStatistics must be specified.";
        return Err(CloudWatchError::new(
            ErrorCode::InvalidParameterCombination,
            message,
        ));
    }
    for (path, count, max) in [
        ("Statistics", names.len(), STATISTICS_MAX),
        (
            "ExtendedStatistics",
            extended_names.len(),
            EXTENDED_STATISTICS_MAX,
        ),
    ] {
        if count > max {
            return Err(CloudWatchError::value(format!(
                "The collection {path} must not have a size greater than {max}."
            )));
        }
    }
    let known = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
    let mut plain = Vec::new();
    for name in &names {
        let known = known.into_iter().find(|known| known == name);
        let statistic = Statistic::from_name(name);
        let (name, statistic) = known
            .zip(statistic)
            .ok_or_else(|| CloudWatchError::invalid("Statistics", name))?;
        plain.push((name, statistic));
    }
    let mut extended = Vec::new();
    for name in extended_names {
        let statistic = Statistic::from_name(&name).filter(|statistic| statistic.wants_spread());
        let statistic =
            statistic.ok_or_else(|| CloudWatchError::invalid("ExtendedStatistics", &name))?;
        extended.push((name.into_owned(), statistic));
    }
    Ok((plain, extended))
}

/// `None` if nothing that is asked for is known of the point.
fn datapoint(
    secs: u64,
    unit: Unit,
    aggregate: &Aggregate,
    plain: &Asked,
    extended: &AskedExtended,
) -> Option<Output> {
    let mut members = vec![("Timestamp", Output::Time(secs))];
    for (name, statistic) in plain {
        members.extend(
            statistic
                .of(aggregate)
                .map(|value| (*name, Output::Number(value))),
        );
    }
    let extended = extended.iter().filter_map(|(name, statistic)| {
        let value = statistic.of(aggregate)?;
        Some((name.clone(), Output::Number(value)))
    });
    let extended: Vec<_> = extended.collect();
    if plain.is_empty() && extended.is_empty() {
        return None;
    }
    members.push(("Unit", Output::text(unit.name())));
    if !extended.is_empty() {
        members.push(("ExtendedStatistics", Output::Dictionary(extended)));
    }
    Some(Output::Structure(members))
}

/// The time that is asked for: from a minute on, up to before another.
pub(crate) fn span(members: &Members<'_>) -> Result<(Minute, Minute), CloudWatchError> {
    let (start, end) = (
        members.needed_time("StartTime")?,
        members.needed_time("EndTime")?,
    );
    if start >= end {
        let message = "The parameter StartTime must be less than the parameter EndTime.";
        return Err(CloudWatchError::combination(message));
    }
    let from = Minute::of(metric_names::moment(start));
    // A minute that has begun before the end is asked for.
    let until = Minute::of(metric_names::moment(end.saturating_add(59_999)));
    Ok((from, until))
}

/// Periods are whole minutes, or one of the few that divide one.
pub(crate) fn check_period(period_secs: u32, path: &str) -> Result<(), CloudWatchError> {
    let is_short = matches!(period_secs, 1 | 5 | 10 | 20 | 30);
    if is_short || (period_secs > 0 && period_secs.is_multiple_of(60)) {
        return Ok(());
    }
    Err(CloudWatchError::value(format!(
        "The parameter {path} must be a multiple of 60, or one of 1, 5, 10, 20 and 30."
    )))
}
