//! `millstream finish`: deletes what an application made, once nobody uses it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use millstream_consumer::{DynamoDbLeaseTable, Lease, LeaseTable};
use millstream_pipeline::names;
use millstream_scaling::finish::{Deleted, delete_stream, delete_table};
use millstream_scaling::lag::{LagReader, ShardLag, by_stream, related_tables, stream_of};
use millstream_types::{SystemClock, WallClock};
use serde_json::json;
use tokio::time::sleep;

use super::Application;
use crate::connection::Connection;
use crate::failure::{EXIT_CODES, Failure};
use crate::looks::{Clients, failure};
use crate::output::{self, Format};
use crate::streams::consumers::list_consumers;
use crate::streams::wait::summary;

const EXAMPLES: &str = "\
Shows what there is of an application or a pipeline, by its name, and of the streams that it reads, and who uses it still:
workers that renew a lease and producers that put a record while --look passes. Nothing is stopped, and nothing is deleted without --yes.
Then in this order: each stream with its fan-out consumers (so that nobody reads what is being deleted), the stream between a
pipeline's stages, the tables. What is still used remains, unless --used says otherwise. Metrics stay: they end by themselves.
Examples:
  millstream finish till                   # look only
  millstream finish till --yes
  millstream finish till --keep-stream --yes

";

/// Arguments of `millstream finish`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}{EXIT_CODES}"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    application: Application,
    /// Delete it
    #[arg(long)]
    yes: bool,
    /// Leave the stream as it is, with its fan-out consumers
    #[arg(long)]
    keep_stream: bool,
    /// Delete also what is still used
    #[arg(long)]
    used: bool,
    /// How long to look for workers and producers: longer than a worker's time between two renewals
    #[arg(long, value_name = "DURATION", default_value = "12s", value_parser = humantime::parse_duration)]
    look: Duration,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// Something that goes with the application.
#[derive(Debug)]
struct Part {
    kind: Kind,
    name: String,
    about: String,
    /// Who uses it still.
    used_by: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    Table,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Table => "table",
        }
    }
}

/// Looks, and deletes if that is asked for.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let clients = Clients::new(&arguments.connection).await?;
    let parts = parts(&clients, &arguments).await?;
    if parts.is_empty() {
        output::say(&format!(
            "nothing is there of {}",
            arguments.application.application
        ));
        return Ok(());
    }
    let mut remains = 0;
    // A table that is gone is made again by a worker that reads the stream: what is used is kept together.
    let is_used = parts.iter().any(|part| !part.used_by.is_empty());
    for part in &parts {
        let what = match (arguments.yes, is_used && !arguments.used) {
            (false, _) => "there",
            (true, true) => "kept",
            (true, false) => match delete(&clients, part).await? {
                true => "deleted",
                false => "was not there any more",
            },
        };
        remains += usize::from(what == "there" || what == "kept");
        tell(part, what, arguments.format)?;
    }
    match (remains, arguments.yes) {
        (0, _) => Ok(()),
        (_, false) => {
            output::say("nothing was deleted: say --yes");
            Ok(())
        }
        (count, true) => Err(Failure::Late(format!(
            "{count} remain because they are still used: stop workers and producers first, or say --used"
        ))),
    }
}

fn tell(part: &Part, what: &str, format: Format) -> Result<(), Failure> {
    let Part {
        kind,
        name,
        about,
        used_by,
    } = part;
    if format.json {
        return output::print_json(&json!({
            "Kind": kind.name(), "Name": name, "About": about, "UsedBy": used_by, "State": what,
        }));
    }
    let users = match used_by.is_empty() {
        true => String::new(),
        false => format!("; still used by {}", used_by.join(", ")),
    };
    output::print_line(&format!("{what}: {} {name} ({about}){users}", kind.name()))
}

/// What belongs to an application by its name.
struct Names {
    /// Lease tables: a pipeline with windows is two applications.
    applications: Vec<String>,
    /// Streams that it has made itself.
    streams: Vec<String>,
    /// Tables that are there, lease tables first.
    tables: Vec<String>,
}

impl Names {
    async fn of(clients: &Clients, application: &str) -> Result<Self, Failure> {
        let mut names = Self {
            applications: vec![application.to_owned()],
            streams: Vec::new(),
            tables: Vec::new(),
        };
        let state = names::state_table(application);
        let is_pipeline = is_there(clients, &state).await?;
        if is_pipeline {
            names
                .applications
                .push(names::merge_application(application));
            names.streams.push(names::intermediate_stream(application));
        }
        let related = names
            .applications
            .iter()
            .flat_map(|name| related_tables(name));
        let tables: Vec<String> = names.applications.iter().cloned().chain(related).collect();
        for table in tables {
            if is_there(clients, &table).await? {
                names.tables.push(table);
            }
        }
        names.tables.extend(is_pipeline.then_some(state));
        Ok(names)
    }

    /// The leases of all its applications, by their tables.
    async fn leases(&self, clients: &Clients) -> Result<HashMap<String, Vec<Lease>>, Failure> {
        let mut leases = HashMap::new();
        for application in &self.applications {
            if self.tables.contains(application) {
                let table = DynamoDbLeaseTable::new(clients.dynamodb.clone(), application);
                let of_table = table.list().await.map_err(|error| failure(error.into()))?;
                leases.insert(application.clone(), of_table);
            }
        }
        Ok(leases)
    }
}

/// What there is, in the order in which it goes.
async fn parts(clients: &Clients, arguments: &Arguments) -> Result<Vec<Part>, Failure> {
    let application = &arguments.application.application;
    let names = Names::of(clients, application).await?;
    let leases = names.leases(clients).await?;
    let own = leases.get(application).cloned().unwrap_or_default();
    let streams = streams(clients, arguments, own).await?;
    let mut used = look(clients, arguments, &names, &leases, &streams).await?;
    let mut parts = Vec::new();
    let read: Vec<_> = streams
        .into_iter()
        .filter(|_| !arguments.keep_stream)
        .map(|stream| {
            let producers = used.producers.remove(&stream).unwrap_or_default();
            (stream, producers)
        })
        .collect();
    let made = names
        .streams
        .iter()
        .cloned()
        .map(|stream| (stream, used.workers.clone()));
    for (name, used_by) in read.into_iter().chain(made) {
        if let Some(about) = about_stream(clients, &name).await? {
            parts.push(Part {
                kind: Kind::Stream,
                name,
                about,
                used_by,
            });
        }
    }
    parts.extend(names.tables.into_iter().map(|name| Part {
        kind: Kind::Table,
        about: match leases.get(&name) {
            Some(leases) => format!("{} leases", leases.len()),
            None => format!("belongs to {application}"),
        },
        used_by: used.workers.clone(),
        name,
    }));
    Ok(parts)
}

/// The streams that it reads: those that its leases name, else the one that is named or that they fit.
async fn streams(
    clients: &Clients,
    arguments: &Arguments,
    leases: Vec<Lease>,
) -> Result<Vec<String>, Failure> {
    let Application {
        application,
        stream,
    } = &arguments.application;
    let mut of_streams = by_stream(leases);
    let nameless = of_streams.remove("").unwrap_or_default();
    let named: Vec<String> = of_streams.into_keys().collect();
    match stream {
        // Its table holds the leases of the others, too.
        Some(_) if !named.is_empty() => Err(Failure::Usage(format!(
            "{application} reads {} with one lease table: it is finished with all of them, without --stream",
            named.join(", ")
        ))),
        Some(stream) => Ok(vec![stream.clone()]),
        None if arguments.keep_stream => Ok(Vec::new()),
        None if !named.is_empty() || nameless.is_empty() => Ok(named),
        None => {
            let found = stream_of(&clients.kinesis, application, &nameless).await;
            Ok(vec![found.map_err(failure)?])
        }
    }
}

async fn is_there(clients: &Clients, table: &str) -> Result<bool, Failure> {
    match clients
        .dynamodb
        .describe_table()
        .table_name(table)
        .send()
        .await
    {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
        Err(error) => Err(Failure::of("DescribeTable", error)),
    }
}

async fn about_stream(clients: &Clients, stream: &str) -> Result<Option<String>, Failure> {
    let stream = match summary(&clients.kinesis, stream).await {
        Ok(stream) => stream,
        Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
        Err(error) => return Err(error),
    };
    let consumers = match stream.consumer_count {
        None | Some(0) => Vec::new(),
        Some(_) => list_consumers(&clients.kinesis, &stream.stream_arn).await?,
    };
    let names: Vec<String> = consumers
        .into_iter()
        .map(|consumer| consumer.consumer_name)
        .collect();
    let fan_out = match names.is_empty() {
        true => String::new(),
        false => format!(", fan-out consumers {}", names.join(" ")),
    };
    Ok(Some(format!(
        "{} open shards{fan_out}",
        stream.open_shard_count
    )))
}

/// Who was seen.
#[derive(Debug, Default)]
struct Used {
    workers: Vec<String>,
    /// By their streams.
    producers: HashMap<String, Vec<String>>,
}

/// Looks twice: a lease whose counter rises has a worker, and a shard with more behind its checkpoint has a producer.
async fn look(
    clients: &Clients,
    arguments: &Arguments,
    names: &Names,
    before: &HashMap<String, Vec<Lease>>,
    streams: &[String],
) -> Result<Used, Failure> {
    let mut used = Used::default();
    if before.values().all(Vec::is_empty) {
        return Ok(used);
    }
    let application = &arguments.application.application;
    let mut readers: Vec<LagReader> = streams
        .iter()
        .map(|stream| {
            LagReader::new(
                clients.kinesis.clone(),
                clients.dynamodb.clone(),
                application,
                Some(stream.clone()),
            )
        })
        .collect();
    for reader in &mut readers {
        ignore_gone(reader.look(SystemClock.now()).await.map_err(failure))?;
    }
    output::say(&format!(
        "looking for workers and producers for {}",
        humantime::format_duration(arguments.look)
    ));
    sleep(arguments.look).await;
    for (table, leases) in names.leases(clients).await? {
        let before = before.get(&table).map_or(&[][..], Vec::as_slice);
        let counters: HashMap<&str, u64> = before
            .iter()
            .map(|lease| (lease.lease_key.as_str(), lease.lease_counter))
            .collect();
        for lease in leases {
            let rose = counters.get(lease.lease_key.as_str()) != Some(&lease.lease_counter);
            if let (true, Some(owner)) = (rose, lease.lease_owner) {
                used.workers.push(format!("worker {owner}"));
            }
        }
    }
    used.workers.sort_unstable();
    used.workers.dedup();
    for (stream, reader) in streams.iter().zip(&mut readers) {
        if let Some(lag) = ignore_gone(reader.look(SystemClock.now()).await.map_err(failure))? {
            let shards = lag.shards.iter().filter(|shard| comes(shard));
            let producers = shards.map(|shard| format!("a producer at {}", shard.shard_id));
            used.producers.insert(stream.clone(), producers.collect());
        }
    }
    Ok(used)
}

/// Whether somebody puts records into the shard.
fn comes(shard: &ShardLag) -> bool {
    shard
        .incoming
        .is_some_and(|incoming| incoming.records_per_s > 0.0)
}

/// A stream that is not there has no lag.
fn ignore_gone<T>(looked: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match looked {
        Ok(looked) => Ok(Some(looked)),
        Err(error) if error.is("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it was there.
async fn delete(clients: &Clients, part: &Part) -> Result<bool, Failure> {
    let deleted = match part.kind {
        Kind::Stream => delete_stream(&clients.kinesis, &part.name).await,
        Kind::Table => delete_table(&clients.dynamodb, &part.name).await,
    };
    match deleted.map_err(failure)? {
        Deleted::Gone => Ok(true),
        Deleted::WasNotThere => Ok(false),
        Deleted::NotYet => {
            let name = &part.name;
            Err(Failure::Late(format!("{name} is still being deleted")))
        }
    }
}
