//! `millstream apps describe`.

use millstream_scaling::lag::{Lag, LagReader};
use millstream_types::{SystemClock, WallClock};

use super::{Application, show};
use crate::failure::Failure;
use crate::looks::{Clients, failure};
use crate::output::{self, Format};

/// Arguments of `millstream apps describe`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    application: Application,
}

pub(super) async fn run(
    clients: Clients,
    format: Format,
    arguments: Arguments,
) -> Result<(), Failure> {
    let Application {
        application,
        stream,
    } = arguments.application;
    let mut reader = LagReader::new(clients.kinesis, clients.dynamodb, application, stream);
    let lag = reader.look(SystemClock.now()).await.map_err(failure)?;
    if format.json {
        return output::print_json(&super::lag::as_json(&lag));
    }
    output::print_all(&text(&lag))
}

fn text(lag: &Lag) -> String {
    let [records, size] = show::backlog(lag.backlog());
    let facts = [
        ("application", lag.application.clone()),
        ("stream", lag.stream.clone()),
        ("workers", lag.workers().join(", ")),
        ("behind", show::behind(lag.behind_ms())),
        ("left", format!("{records} records, {size}")),
        ("finished", format!("{} shards", lag.finished)),
        ("no lease yet", lag.without_lease.join(", ")),
    ];
    let mut text = String::new();
    for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name:<14}{value}\n"));
    }
    let rows: Vec<Vec<String>> = lag
        .shards
        .iter()
        .map(|shard| {
            let [records, size] = show::backlog(shard.backlog);
            vec![
                shard.shard_id.clone(),
                if shard.is_open { "open" } else { "closed" }.to_owned(),
                show::owner(shard),
                show::behind(shard.behind_ms),
                records,
                size,
                shard.checkpoint.text().to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let header = [
            "SHARD",
            "STATE",
            "OWNER",
            "BEHIND",
            "RECORDS",
            "BYTES",
            "CHECKPOINT",
        ];
        text.push('\n');
        text.push_str(&output::table(&header, &rows));
    }
    text
}
