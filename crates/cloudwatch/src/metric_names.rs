//! Names of metrics as requests give them.

use millstream_metrics::{Dimension, InvalidMetric, Metric, Unit};
use millstream_types::TimestampMs;

use crate::members::Members;
use crate::{CloudWatchError, Output};

/// The metric that these members name.
pub(crate) fn metric(
    members: &Members<'_>,
    namespace: &str,
    name_member: &str,
) -> Result<Metric, CloudWatchError> {
    let name = members.needed_text(name_member)?;
    check_text(name, &members.path(name_member))?;
    let dimensions = dimensions(members)?;
    Metric::new(namespace, name, dimensions).map_err(|error| {
        let (member, value) = match error {
            InvalidMetric::Namespace => return CloudWatchError::invalid("Namespace", namespace),
            InvalidMetric::Name => (name_member, name),
            InvalidMetric::Dimensions => {
                return CloudWatchError::value(format!(
                    "The collection {} must not have a size greater than {}.",
                    members.path("Dimensions"),
                    Metric::DIMENSIONS_MAX
                ));
            }
            InvalidMetric::DimensionName
            | InvalidMetric::DimensionValue
            | InvalidMetric::SameDimension => {
                let path = members.path("Dimensions");
                return CloudWatchError::value(format!(
                    "The parameter {path} is invalid: {error}."
                ));
            }
        };
        CloudWatchError::invalid(&members.path(member), value)
    })
}

fn dimensions(members: &Members<'_>) -> Result<Vec<Dimension>, CloudWatchError> {
    let dimensions = members.structures("Dimensions")?.unwrap_or_default();
    if dimensions.len() > Metric::DIMENSIONS_MAX {
        return Err(CloudWatchError::value(format!(
            "The collection {} must not have a size greater than {}.",
            members.path("Dimensions"),
            Metric::DIMENSIONS_MAX
        )));
    }
    let dimensions = dimensions.iter().map(|dimension| {
        let text = |member| {
            let text = dimension.needed_text(member)?;
            check_text(text, &dimension.path(member))?;
            Ok::<_, CloudWatchError>(text.into())
        };
        Ok(Dimension {
            name: text("Name")?,
            value: text("Value")?,
        })
    });
    dimensions.collect()
}

/// Names are ASCII without control letters, hold something, and begin with no colon.
pub(crate) fn check_text(text: &str, path: &str) -> Result<(), CloudWatchError> {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable && !text.trim().is_empty() && !text.starts_with(':') {
        Ok(())
    } else {
        Err(CloudWatchError::invalid(path, text))
    }
}

/// The namespace of these members.
pub(crate) fn namespace<'a>(members: &Members<'a>) -> Result<&'a str, CloudWatchError> {
    let namespace = members.needed_text("Namespace")?;
    check_text(namespace, &members.path("Namespace"))?;
    Ok(namespace)
}

/// The unit of these members, if they have one.
pub(crate) fn unit(members: &Members<'_>) -> Result<Option<Unit>, CloudWatchError> {
    let Some(name) = members.text("Unit")? else {
        return Ok(None);
    };
    let unit = Unit::from_name(name);
    unit.map(Some)
        .ok_or_else(|| CloudWatchError::invalid(&members.path("Unit"), name))
}

/// A moment that the server can have seen.
pub(crate) fn moment(ms: i64) -> TimestampMs {
    TimestampMs(u64::try_from(ms).unwrap_or(0))
}

/// A metric in an answer.
pub(crate) fn output(metric: &Metric) -> Output {
    let dimensions = metric.dimensions().iter();
    let dimensions = dimensions.map(|dimension| {
        Output::Structure(vec![
            ("Name", Output::text(&*dimension.name)),
            ("Value", Output::text(&*dimension.value)),
        ])
    });
    Output::Structure(vec![
        ("Namespace", Output::text(metric.namespace())),
        ("MetricName", Output::text(metric.name())),
        ("Dimensions", Output::List(dimensions.collect())),
    ])
}
