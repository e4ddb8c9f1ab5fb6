//! The instructions that a server takes in user space for a record, under fixed conditions: what two versions can be
//! compared by where time differs from run to run. `scripts/instructions` does that.

use std::sync::Arc;

use anyhow::{Context, ensure};

use super::gets::{count, next_iterator};
use super::{Plan, create_stream, gets, iterator, tables};
use crate::callgrind::Callgrind;
use crate::connection::Connection;
use crate::load;
use crate::process::{Server, program};
use crate::report::{Line, print};
use crate::requests;

/// Different requests of a path.
const REQUESTS: u64 = 64;
/// Records of 100 B behind the first ones: more than a server keeps in memory for its readers.
const FILL_RECORDS: usize = 400_000;
const GET_RECORDS_MAX: usize = 10_000;
const LEASES: usize = 1000;

/// Calls that are counted, by path.
enum Path {
    /// So many single records of 1 KiB over each of so many connections.
    Single { connections: usize, each: usize },
    /// So many requests over one connection, of so many records of so many bytes.
    Batches {
        requests: usize,
        records: usize,
        bytes: usize,
    },
    /// So many reads of 10,000 records of 100 B over one connection, from the start or from so near the end that the server
    /// has them in memory.
    Reads { reads: usize, is_newest: bool },
    /// So many renewals of leases over one connection.
    Renewals(usize),
}

const PATHS: &[(&str, Path)] = &[
    (
        "PutRecord, 1 KiB, 1 connection",
        Path::Single {
            connections: 1,
            each: 500,
        },
    ),
    (
        "PutRecord, 1 KiB, 16 connections",
        Path::Single {
            connections: 16,
            each: 50,
        },
    ),
    (
        "PutRecords, 500 × 100 B",
        Path::Batches {
            requests: 40,
            records: 500,
            bytes: 100,
        },
    ),
    (
        "PutRecords, 100 × 1 KiB",
        Path::Batches {
            requests: 80,
            records: 100,
            bytes: 1024,
        },
    ),
    (
        "GetRecords, 100 B, from the start",
        Path::Reads {
            reads: 10,
            is_newest: false,
        },
    ),
    (
        "GetRecords, 100 B, newest",
        Path::Reads {
            reads: 10,
            is_newest: true,
        },
    ),
    (
        "conditional UpdateItem of a lease, 1 connection",
        Path::Renewals(300),
    ),
];

impl Path {
    /// Makes the calls; gives the number of records, or of calls that have none.
    async fn run(&self, server: &Server, counters: &mut [u64]) -> anyhow::Result<u64> {
        match *self {
            Self::Single { connections, each } => {
                let made = (1..=REQUESTS).map(|seed| requests::put_record("puts", 1024, seed));
                let (requests, expected) = (Arc::new(made.collect()), b"\"SequenceNumber\"");
                load::calls(server.address, connections, requests, expected, each).await?;
                Ok((connections * each) as u64)
            }
            Self::Batches {
                requests: each,
                records,
                bytes,
            } => {
                let make = |seed| requests::put_records("puts", records, bytes, seed);
                let requests = Arc::new((1..=REQUESTS.min(each as u64)).map(make).collect());
                let expected = b"\"FailedRecordCount\":0";
                load::calls(server.address, 1, requests, expected, each).await?;
                Ok((each * records) as u64)
            }
            Self::Reads { reads, is_newest } => read(server, reads, is_newest).await,
            Self::Renewals(renewals) => {
                let mut connection = Connection::open(server.address).await?;
                for at in 0..renewals {
                    let lease = at % counters.len();
                    tables::renew(&mut connection, lease, &mut counters[lease]).await?;
                }
                Ok(renewals as u64)
            }
        }
    }

    /// A tenth of the calls, at least one over each connection: what is made once is there when it is counted.
    fn warm_up(&self) -> Self {
        let tenth = |calls: usize| calls.div_ceil(10);
        match *self {
            Self::Single { connections, each } => Self::Single {
                connections,
                each: tenth(each),
            },
            Self::Batches {
                requests,
                records,
                bytes,
            } => Self::Batches {
                requests: tenth(requests),
                records,
                bytes,
            },
            Self::Reads { reads, is_newest } => Self::Reads {
                reads: tenth(reads),
                is_newest,
            },
            Self::Renewals(renewals) => Self::Renewals(tenth(renewals)),
        }
    }
}

async fn read(server: &Server, reads: usize, is_newest: bool) -> anyhow::Result<u64> {
    let stream = if is_newest { "newest" } else { "gets" };
    let first = iterator(server, stream, 0, "TRIM_HORIZON").await?;
    let mut connection = Connection::open(server.address).await?;
    let mut next = first.clone();
    let mut records = 0;
    for _ in 0..reads {
        let request = requests::get_records(&next, GET_RECORDS_MAX);
        let (status, body) = connection.call(&request).await?;
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
        let read = count(body);
        ensure!(read == GET_RECORDS_MAX as u64, "a read of {read} records");
        records += read;
        next = if is_newest {
            first.clone()
        } else {
            next_iterator(body)?
        };
    }
    Ok(records)
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let own = || program("millstream");
    let program = plan.server.clone().map_or_else(own, Ok)?;
    let data_dir = plan.data_dir()?;
    let arguments: Vec<&str> = plan.serve.iter().map(String::as_str).collect();
    let mut callgrind = Callgrind::start(&program, data_dir.path(), &arguments).await?;
    let mut counters = vec![0; LEASES];
    tables::fill(callgrind.server().address, LEASES).await?;
    for (stream, records) in [
        ("gets", FILL_RECORDS),
        ("newest", GET_RECORDS_MAX),
        ("puts", 0),
    ] {
        let server = callgrind.server();
        create_stream(server, stream, if records == 0 { 4 } else { 1 }).await?;
        gets::fill(server, stream, records).await?;
    }
    callgrind.count(true).await?;
    for (what, path) in PATHS.iter().filter(|path| path.0.contains(&plan.only)) {
        measure(&mut callgrind, what, path, &mut counters)
            .await
            .context(*what)?;
    }
    callgrind.end().await
}

async fn measure(
    callgrind: &mut Callgrind,
    what: &str,
    path: &Path,
    counters: &mut [u64],
) -> anyhow::Result<()> {
    path.warm_up().run(callgrind.server(), counters).await?;
    callgrind.forget().await?;
    let records = path.run(callgrind.server(), counters).await?;
    let counted = callgrind.counted().await?;
    let each = |instructions: u64| instructions as f64 / records as f64;
    print(&Line {
        what: what.into(),
        measured: format!(
            "{:.1} instructions per record, {:.1} of them for SHA-256",
            each(counted.all),
            each(counted.hashing)
        ),
        beside: String::new(),
        target: String::new(),
        is_met: None,
    });
    Ok(())
}
