//! `millstream streams retention`.

use aws_sdk_kinesis::Client;
use serde_json::json;

use super::wait::{Patience, summary};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `millstream streams retention`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// How long records are to be kept, 24 to 8760 hours; without it the present period is shown.
    /// Less than now makes older records unreadable at once
    hours: Option<i32>,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let stream = &arguments.stream;
    let before = summary(client, stream).await?.retention_period_hours;
    let hours = arguments.hours.unwrap_or(before);
    if hours > before {
        client
            .increase_stream_retention_period()
            .stream_name(stream)
            .retention_period_hours(hours)
            .send()
            .await
            .map_err(|error| Failure::of("IncreaseStreamRetentionPeriod", error))?;
    } else if hours < before {
        client
            .decrease_stream_retention_period()
            .stream_name(stream)
            .retention_period_hours(hours)
            .send()
            .await
            .map_err(|error| Failure::of("DecreaseStreamRetentionPeriod", error))?;
    }
    if hours != before {
        arguments.patience.until_active(client, stream).await?;
    }
    if format.json {
        return output::print_json(&json!({ "StreamName": stream, "RetentionPeriodHours": hours }));
    }
    output::print_line(&format!("{stream} keeps records for {hours} hours"))
}
