//! `millstream streams create`.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{StreamMode, StreamModeDetails};
use serde_json::json;

use super::wait::{Patience, summary};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `millstream streams create`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the new stream: 1 to 128 of a-z A-Z 0-9 _ . -
    stream: String,
    /// Number of shards
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "on_demand",
          value_parser = clap::value_parser!(i32).range(1..))]
    shards: i32,
    /// Let the service choose the number of shards and change it with the load
    #[arg(long)]
    on_demand: bool,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let stream = &arguments.stream;
    let mode = if arguments.on_demand {
        StreamMode::OnDemand
    } else {
        StreamMode::Provisioned
    };
    let mode = StreamModeDetails::builder()
        .stream_mode(mode)
        .build()
        .expect("the mode is set");
    client
        .create_stream()
        .stream_name(stream)
        .set_shard_count((!arguments.on_demand).then_some(arguments.shards))
        .stream_mode_details(mode)
        .send()
        .await
        .map_err(|error| Failure::of("CreateStream", error))?;
    arguments.patience.until_active(client, stream).await?;
    let created = summary(client, stream).await?;
    if format.json {
        return output::print_json(&json!({
            "StreamName": created.stream_name,
            "StreamARN": created.stream_arn,
            "StreamStatus": created.stream_status.as_str(),
            "OpenShardCount": created.open_shard_count,
        }));
    }
    output::print_line(&format!(
        "created {stream}: {}, shards: {}",
        created.stream_status, created.open_shard_count
    ))
}
