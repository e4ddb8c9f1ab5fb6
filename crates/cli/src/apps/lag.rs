//! `millstream apps lag`.

use std::io::IsTerminal;
use std::time::Duration;

use millstream_scaling::lag::{Lag, LagReader};
use millstream_types::{SystemClock, WallClock};
use serde_json::{Value, json};

use super::{Application, show};
use crate::failure::Failure;
use crate::looks::{Clients, failure};
use crate::output::{self, Format};
use crate::stop_signals::StopSignals;

/// Arguments of `millstream apps lag`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    application: Application,
    /// Look again and again until Ctrl-C: a live table in a terminal, one JSON object for each look with --json
    #[arg(long)]
    watch: bool,
    /// Time between two looks; rates are those between them
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    every: Duration,
}

/// To the top left of the terminal, and everything below it away.
const CLEAR: &str = "\x1b[H\x1b[2J";

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
    let mut stop = StopSignals::new()?;
    let is_live = arguments.watch && !format.json && std::io::stdout().is_terminal();
    let mut looks = 0u64;
    loop {
        let looked = tokio::select! {
            looked = reader.look(SystemClock.now()) => looked,
            () = stop.received() => return Ok(()),
        };
        match looked.map_err(failure) {
            Ok(lag) => {
                looks += 1;
                // Rates are known from the second look on: that is what is asked for.
                if arguments.watch || looks > 1 {
                    print(&lag, format, is_live)?;
                }
            }
            Err(error) if arguments.watch && looks > 0 && error.is_passing() => {
                output::say(&format!("millstream: {error}; looking again"));
            }
            Err(error) => return Err(error),
        }
        if !arguments.watch && looks > 1 {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(arguments.every) => {}
            () = stop.received() => return Ok(()),
        }
    }
}

fn print(lag: &Lag, format: Format, is_live: bool) -> Result<(), Failure> {
    if format.json {
        return output::print_json(&as_json(lag));
    }
    let clear = if is_live { CLEAR } else { "" };
    output::print_all(&format!("{clear}{}{}", show::summary(lag), text(lag)))
}

/// The application, with what its shards come to.
pub(super) fn as_json(lag: &Lag) -> Value {
    let mut value = json!(lag);
    let rates = lag.rates();
    value["BehindMs"] = json!(lag.behind_ms());
    value["Backlog"] = json!(lag.backlog());
    value["Incoming"] = json!(rates.map(|(incoming, _)| incoming));
    value["ReadRecordsPerS"] = json!(rates.map(|(_, read)| read));
    value["DrainMs"] = json!(lag.drain_ms());
    value["Workers"] = json!(lag.workers());
    value
}

fn text(lag: &Lag) -> String {
    let rows: Vec<Vec<String>> = lag
        .shards
        .iter()
        .map(|shard| {
            let [records, size] = show::backlog(shard.backlog);
            vec![
                shard.shard_id.clone(),
                show::behind(shard.behind_ms),
                records,
                size,
                show::rate(shard.incoming.map(|incoming| incoming.records_per_s)),
                show::rate(shard.read_records_per_s),
                show::drain(shard.drain_ms, shard.incoming.is_some()),
                show::heartbeat(shard),
                show::owner(shard),
            ]
        })
        .collect();
    let header = [
        "SHARD",
        "BEHIND",
        "RECORDS",
        "BYTES",
        "COMES",
        "READ",
        "DRAINED IN",
        "RENEWED",
        "OWNER",
    ];
    output::table(&header, &rows)
}
