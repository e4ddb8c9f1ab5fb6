//! The stream between the two stages.

use anyhow::{Context, bail};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::primitives::Blob;

use crate::names::STATS_STREAM;
use crate::sample::Sample;

/// Puts a sample; all samples of one shard of trades stay in order.
pub(crate) async fn put(client: &Client, sample: &Sample) -> anyhow::Result<()> {
    let request = client
        .put_record()
        .stream_name(STATS_STREAM)
        .partition_key(&sample.shard_id)
        .data(Blob::new(serde_json::to_vec(sample)?));
    request.send().await.context("a sample was not put")?;
    Ok(())
}

/// The ids of the shards that take samples.
pub(crate) async fn open_shards(client: &Client) -> anyhow::Result<Vec<String>> {
    let mut open = Vec::new();
    let mut next = None;
    loop {
        let request = match next {
            None => client.list_shards().stream_name(STATS_STREAM),
            token => client.list_shards().set_next_token(token),
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => bail!(
                "cannot list {STATS_STREAM}: {}",
                DisplayErrorContext(&error)
            ),
        };
        for shard in answer.shards() {
            let range = shard.sequence_number_range();
            if range.is_some_and(|range| range.ending_sequence_number().is_none()) {
                open.push(shard.shard_id().to_owned());
            }
        }
        next = answer.next_token;
        if next.is_none() {
            return Ok(open);
        }
    }
}
