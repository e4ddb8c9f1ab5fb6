//! `millstream streams delete`.

use aws_sdk_kinesis::Client;
use serde_json::json;

use super::wait::Patience;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `millstream streams delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// Delete the stream even if consumers are registered on it
    #[arg(long)]
    enforce_consumer_deletion: bool,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let stream = &arguments.stream;
    client
        .delete_stream()
        .stream_name(stream)
        .enforce_consumer_deletion(arguments.enforce_consumer_deletion)
        .send()
        .await
        .map_err(|error| Failure::of("DeleteStream", error))?;
    arguments.patience.until_gone(client, stream).await?;
    if format.json {
        return output::print_json(&json!({ "StreamName": stream }));
    }
    output::print_line(&format!("deleted {stream}"))
}
