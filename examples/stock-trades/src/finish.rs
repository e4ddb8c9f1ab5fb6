//! `finish`: deletes everything that the application made.

use anyhow::bail;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};

use crate::connection::{Clients, Connection};
use crate::names::{AGGREGATOR_APPLICATION, PROCESSOR_APPLICATION, STATS_STREAM, TRADE_STREAM};

pub(crate) async fn run(connection: &Connection) -> anyhow::Result<()> {
    let clients = connection.clients(|said| eprintln!("{said}")).await?;
    for stream in [TRADE_STREAM, STATS_STREAM] {
        say("stream", stream, delete_stream(&clients, stream).await?);
    }
    for table in [PROCESSOR_APPLICATION, AGGREGATOR_APPLICATION] {
        say("lease table", table, delete_table(&clients, table).await?);
    }
    Ok(())
}

fn say(kind: &str, name: &str, was_there: bool) {
    if was_there {
        println!("deleted {kind} {name}");
    } else {
        println!("{kind} {name} was not there");
    }
}

async fn delete_stream(clients: &Clients, stream: &str) -> anyhow::Result<bool> {
    let request = clients
        .kinesis
        .delete_stream()
        .stream_name(stream)
        .enforce_consumer_deletion(true);
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
        Err(error) => bail!(
            "cannot delete stream {stream}: {}",
            DisplayErrorContext(&error)
        ),
    }
}

async fn delete_table(clients: &Clients, table: &str) -> anyhow::Result<bool> {
    match clients
        .dynamodb
        .delete_table()
        .table_name(table)
        .send()
        .await
    {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
        Err(error) => bail!(
            "cannot delete table {table}: {}",
            DisplayErrorContext(&error)
        ),
    }
}
