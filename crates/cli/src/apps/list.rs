//! `millstream apps list`.

use millstream_consumer::{DynamoDbLeaseTable, Lease, LeaseTable, LeaseTableError};
use millstream_scaling::lag::{LagError, by_stream, lease_tables, stream_of};
use serde_json::json;

use super::show;
use crate::failure::Failure;
use crate::looks::{Clients, failure};
use crate::output::{self, Format};

pub(super) async fn run(clients: &Clients, format: Format) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for application in lease_tables(&clients.dynamodb).await.map_err(failure)? {
        let table = DynamoDbLeaseTable::new(clients.dynamodb.clone(), &application);
        let leases = match table.list().await {
            Ok(leases) => leases,
            Err(LeaseTableError::Missing(_)) => continue,
            Err(error) => return Err(failure(error.into())),
        };
        // One row for each stream that it reads; a table without leases has one, too.
        let mut streams = by_stream(leases);
        if streams.is_empty() {
            streams.insert(String::new(), Vec::new());
        }
        for (stream, leases) in streams {
            let stream = match stream.as_str() {
                "" => stream_that_fits(clients, &application, &leases).await?,
                _ => Some(stream),
            };
            let workers = workers(&leases);
            let finished = leases.iter().filter(|lease| lease.is_finished()).count();
            if format.json {
                output::print_json(&json!({
                    "Application": application,
                    "Stream": stream,
                    "Leases": leases.len(),
                    "Finished": finished,
                    "Workers": workers,
                }))?;
            } else {
                rows.push(vec![
                    application.clone(),
                    stream.unwrap_or_else(|| show::UNKNOWN.to_owned()),
                    (leases.len() - finished).to_string(),
                    finished.to_string(),
                    workers.len().to_string(),
                ]);
            }
        }
    }
    if format.json {
        return Ok(());
    }
    if rows.is_empty() {
        output::say("no applications: one makes its table when its first worker starts");
        return Ok(());
    }
    let header = ["APPLICATION", "STREAM", "LEASES", "FINISHED", "WORKERS"];
    output::print_all(&output::table(&header, &rows))
}

async fn stream_that_fits(
    clients: &Clients,
    application: &str,
    leases: &[Lease],
) -> Result<Option<String>, Failure> {
    match stream_of(&clients.kinesis, application, leases).await {
        Ok(stream) => Ok(Some(stream)),
        Err(LagError::WhichStream { .. }) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

fn workers(leases: &[Lease]) -> Vec<&str> {
    let owners = leases
        .iter()
        .filter_map(|lease| lease.lease_owner.as_deref());
    let mut owners: Vec<&str> = owners.collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}
