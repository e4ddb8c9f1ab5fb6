//! `millstream streams list`.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamSummary;
use serde_json::json;

use crate::failure::Failure;
use crate::moment;
use crate::output::{self, Format};

pub(super) async fn run(client: &Client, format: Format) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut start = None;
    loop {
        let page = client
            .list_streams()
            .set_exclusive_start_stream_name(start)
            .send()
            .await
            .map_err(|error| Failure::of("ListStreams", error))?;
        start = page.stream_names.last().cloned();
        for summary in page.stream_summaries() {
            if format.json {
                output::print_json(&json!({
                    "StreamName": summary.stream_name,
                    "StreamARN": summary.stream_arn,
                    "StreamStatus": summary.stream_status.as_str(),
                    "StreamMode": mode(summary),
                    "StreamCreationTimestamp": summary.stream_creation_timestamp.as_ref().map(moment::show),
                }))?;
            } else {
                rows.push(row(summary));
            }
        }
        if !page.has_more_streams || start.is_none() {
            break;
        }
    }
    if format.json {
        return Ok(());
    }
    if rows.is_empty() {
        output::say("no streams; make one with `millstream streams create NAME`");
        return Ok(());
    }
    output::print_all(&output::table(
        &["STREAM", "STATUS", "MODE", "CREATED"],
        &rows,
    ))
}

fn mode(summary: &StreamSummary) -> Option<&str> {
    let details = summary.stream_mode_details.as_ref()?;
    Some(details.stream_mode.as_str())
}

fn row(summary: &StreamSummary) -> Vec<String> {
    vec![
        summary.stream_name.clone(),
        summary.stream_status.as_str().to_owned(),
        mode(summary).unwrap_or("-").to_owned(),
        summary
            .stream_creation_timestamp
            .as_ref()
            .map_or("-".to_owned(), moment::show),
    ]
}
