//! `finish`: deletes everything that the application made, as `millstream finish` does it.

use anyhow::bail;
use millstream_scaling::finish::{Deleted, delete_stream, delete_table};
use millstream_scaling::lag::related_tables;

use crate::connection::Connection;
use crate::names::{AGGREGATOR_APPLICATION, PROCESSOR_APPLICATION, STATS_STREAM, TRADE_STREAM};

pub(crate) async fn run(connection: &Connection) -> anyhow::Result<()> {
    let clients = connection.clients(|said| eprintln!("{said}")).await?;
    // Streams first: a worker that still reads would make its table again.
    for stream in [TRADE_STREAM, STATS_STREAM] {
        let deleted = delete_stream(&clients.kinesis, stream).await?;
        say("stream", stream, deleted)?;
    }
    for application in [PROCESSOR_APPLICATION, AGGREGATOR_APPLICATION] {
        let deleted = delete_table(&clients.dynamodb, application).await?;
        say("lease table", application, deleted)?;
        // What the KCL 3 or a scaler has put beside it, if one of them was at it.
        for table in related_tables(application) {
            let deleted = delete_table(&clients.dynamodb, &table).await?;
            if deleted != Deleted::WasNotThere {
                say("table", &table, deleted)?;
            }
        }
    }
    Ok(())
}

fn say(kind: &str, name: &str, deleted: Deleted) -> anyhow::Result<()> {
    match deleted {
        Deleted::Gone => println!("deleted {kind} {name}"),
        Deleted::WasNotThere => println!("{kind} {name} was not there"),
        Deleted::NotYet => bail!("{kind} {name} is still being deleted"),
    }
    Ok(())
}
