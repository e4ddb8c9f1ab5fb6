//! PutMetricData: all samples of a request, or none.

use millstream_metrics::{Aggregate, MetricStore, Minute, Owner, Sample, Series};

use crate::members::Members;
use crate::metric_names;
use crate::{CloudWatchError, ErrorCode, Output};

/// Most samples of a request, each of one metric.
const DATUMS_MAX: usize = 1000;
/// Most values of a sample.
const VALUES_MAX: usize = 150;
/// No number is beyond 2 to this power.
const EXPONENT_MAX: i32 = 360;

pub(crate) async fn put(
    store: &MetricStore,
    owner: &Owner,
    members: &Members<'_>,
) -> Result<Output, CloudWatchError> {
    let samples = samples(store, owner, members)?;
    store.put(samples).await?;
    Ok(Output::Structure(Vec::new()))
}

fn samples(
    store: &MetricStore,
    owner: &Owner,
    members: &Members<'_>,
) -> Result<Vec<Sample>, CloudWatchError> {
    let namespace = metric_names::namespace(members)?;
    // The services' own: nobody else may put what looks like theirs.
    if namespace.starts_with("AWS/") {
        return Err(CloudWatchError::invalid("Namespace", namespace));
    }
    if members.has("EntityMetricData") {
        let message =
            "Millstream keeps no entities: the parameter EntityMetricData is not supported.";
        return Err(CloudWatchError::value(message));
    }
    let datums = members.structures("MetricData")?;
    let datums = datums.ok_or_else(|| CloudWatchError::missing("MetricData"))?;
    if datums.is_empty() {
        return Err(CloudWatchError::missing("MetricData"));
    }
    if datums.len() > DATUMS_MAX {
        return Err(CloudWatchError::value(format!(
            "The collection MetricData must not have a size greater than {DATUMS_MAX}."
        )));
    }
    let now = store.now();
    let samples = datums.iter().map(|datum| {
        Ok(Sample {
            series: Series {
                owner: owner.clone(),
                metric: metric_names::metric(datum, namespace, "MetricName")?,
                unit: metric_names::unit(datum)?.unwrap_or_default(),
            },
            minute: minute(store, datum, now)?,
            aggregate: aggregate(datum)?,
        })
    });
    samples.collect()
}

fn minute(
    store: &MetricStore,
    datum: &Members<'_>,
    now: Minute,
) -> Result<Minute, CloudWatchError> {
    if let Some(resolution) = datum.whole("StorageResolution")?
        && !matches!(resolution, 1 | 60)
    {
        let path = datum.path("StorageResolution");
        return Err(CloudWatchError::invalid(&path, &resolution.to_string()));
    }
    let Some(time) = datum.time("Timestamp")? else {
        return Ok(now);
    };
    let minute = Minute::of(metric_names::moment(time));
    if store.may_take(minute) {
        return Ok(minute);
    }
    let path = datum.path("Timestamp");
    Err(CloudWatchError::value(if minute > now {
        format!("The parameter {path} must specify a time no more than two hours in the future.")
    } else {
        format!("The parameter {path} must specify a time within the past two weeks.")
    }))
}

fn aggregate(datum: &Members<'_>) -> Result<Aggregate, CloudWatchError> {
    let kinds = ["Value", "StatisticValues", "Values"];
    let given: Vec<_> = kinds.into_iter().filter(|kind| datum.has(kind)).collect();
    if let [first, second, ..] = given[..] {
        return Err(CloudWatchError::combination(format!(
            "The parameters {} and {} are mutually exclusive and you have specified both.",
            datum.path(first),
            datum.path(second)
        )));
    }
    if let Some(value) = datum.number("Value")? {
        return Ok(Aggregate::of_value(
            checked(value, &datum.path("Value"))?,
            1.0,
        ));
    }
    if let Some(set) = datum.structure("StatisticValues")? {
        return statistic_set(&set);
    }
    let Some(values) = datum.numbers("Values")? else {
        return Err(CloudWatchError::new(
            ErrorCode::MissingParameter,
            format!(
                "At least one of the parameters {}, {} or {} must be specified.",
                datum.path("Value"),
                datum.path("StatisticValues"),
                datum.path("Values")
            ),
        ));
    };
    spread(datum, &values)
}

fn statistic_set(set: &Members<'_>) -> Result<Aggregate, CloudWatchError> {
    let number = |name| checked(set.needed_number(name)?, &set.path(name));
    let (count, sum) = (number("SampleCount")?, number("Sum")?);
    let (minimum, maximum) = (number("Minimum")?, number("Maximum")?);
    if count <= 0.0 {
        return Err(CloudWatchError::invalid(
            &set.path("SampleCount"),
            &count.to_string(),
        ));
    }
    if minimum > maximum {
        return Err(CloudWatchError::combination(format!(
            "The parameter {} must not be greater than the parameter {}.",
            set.path("Minimum"),
            set.path("Maximum")
        )));
    }
    Ok(Aggregate::of_statistics(count, sum, minimum, maximum))
}

fn spread(datum: &Members<'_>, values: &[f64]) -> Result<Aggregate, CloudWatchError> {
    let path = datum.path("Values");
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(CloudWatchError::value(format!(
            "The collection {path} must have a size of 1 to {VALUES_MAX}."
        )));
    }
    let counts_path = datum.path("Counts");
    let counts = datum.numbers("Counts")?;
    if counts
        .as_ref()
        .is_some_and(|counts| counts.len() != values.len())
    {
        return Err(CloudWatchError::value(format!(
            "The parameters {path} and {counts_path} must be of the same size."
        )));
    }
    let counts = counts.unwrap_or_else(|| vec![1.0; values.len()]);
    let mut all: Option<Aggregate> = None;
    for (value, count) in values.iter().zip(counts) {
        let (value, count) = (checked(*value, &path)?, checked(count, &counts_path)?);
        if count < 0.0 {
            return Err(CloudWatchError::invalid(&counts_path, &count.to_string()));
        }
        if count > 0.0 {
            let one = Aggregate::of_value(value, count);
            match &mut all {
                Some(all) => all.merge(&one),
                None => all = Some(one),
            }
        }
    }
    all.ok_or_else(|| {
        CloudWatchError::value(format!("The parameter {counts_path} counts nothing."))
    })
}

/// A number within what is taken.
fn checked(number: f64, path: &str) -> Result<f64, CloudWatchError> {
    if number.is_finite() && number.abs() <= 2f64.powi(EXPONENT_MAX) {
        Ok(number)
    } else {
        Err(CloudWatchError::invalid(path, &number.to_string()))
    }
}
