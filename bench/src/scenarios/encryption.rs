//! What encryption at rest costs: the same puts on a stream that is encrypted and on one that is not, in pairs.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Plan, create_stream};
use crate::load;
use crate::process::Server;
use crate::report::{Line, median, print, short};
use crate::requests;

/// 32 bytes that hide nothing.
const MASTER_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const CONNECTIONS: usize = 16;

struct Case {
    what: &'static str,
    /// 0 means PutRecord.
    records: usize,
    bytes: usize,
}

const CASES: &[Case] = &[
    Case {
        what: "encrypted PutRecords, 500 × 100 B",
        records: 500,
        bytes: 100,
    },
    Case {
        what: "encrypted PutRecords, 100 × 1 KiB",
        records: 100,
        bytes: 1024,
    },
    Case {
        what: "encrypted PutRecord, 1 KiB",
        records: 0,
        bytes: 1024,
    },
];

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    for case in CASES {
        measure(plan, case).await?;
    }
    Ok(())
}

async fn measure(plan: &Plan, case: &Case) -> anyhow::Result<()> {
    let (mut rates, mut plain_rates) = (Vec::new(), Vec::new());
    let (mut ratios, mut costs_us) = (Vec::new(), Vec::new());
    for _ in 0..plan.pairs {
        let (plain_rate, plain_us) = puts(plan, case, false).await?;
        let (rate, us) = puts(plan, case, true).await?;
        ratios.push(rate / plain_rate);
        costs_us.push(us - plain_us);
        rates.push(rate);
        plain_rates.push(plain_rate);
    }
    print(&Line {
        what: case.what.into(),
        measured: format!(
            "{} records/s, {:.0} % of plain, {:.2} µs of CPU more per record",
            short(median(rates)),
            median(ratios) * 100.0,
            median(costs_us)
        ),
        beside: format!("plain {} records/s", short(median(plain_rates))),
        target: String::new(),
        is_met: None,
    });
    Ok(())
}

/// Records per second, and the server's CPU time per record in µs.
async fn puts(plan: &Plan, case: &Case, is_encrypted: bool) -> anyhow::Result<(f64, f64)> {
    let data_dir = plan.data_dir()?;
    let key = master_key(data_dir.path())?;
    let key = key.to_string_lossy().into_owned();
    let more: &[&str] = match is_encrypted {
        true => &["--master-key", &key],
        false => &[],
    };
    let arguments: Vec<&str> = plan.serve.iter().map(String::as_str).collect();
    let arguments = [&arguments[..], more].concat();
    let server = Server::millstream(data_dir.path(), &arguments).await?;
    create_stream(&server, "bench", 4).await?;
    if is_encrypted {
        let start = r#"{"StreamName":"bench","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}"#;
        server.call("StartStreamEncryption", start).await?;
    }
    let make = |seed| match case.records {
        0 => requests::put_record("bench", case.bytes, seed),
        count => requests::put_records("bench", count, case.bytes, seed),
    };
    let requests: Arc<Vec<Vec<u8>>> = Arc::new((1..=64).map(make).collect());
    let expected: &[u8] = match case.records {
        0 => b"\"SequenceNumber\"",
        _ => b"\"FailedRecordCount\":0",
    };
    let time = plan.run.mul_f64(plan.scale.min(1.0));
    let run = |time| {
        load::run(
            server.address,
            CONNECTIONS,
            Arc::clone(&requests),
            expected,
            time,
        )
    };
    run(time / 8).await?;
    let cpu = server.cpu()?;
    let outcome = run(time).await?;
    let cpu = server.cpu()? - cpu;
    server.terminate().await?;
    let per_request = case.records.max(1) as f64;
    let records = outcome.requests as f64 * per_request;
    Ok((
        outcome.rate() * per_request,
        cpu.as_secs_f64() * 1e6 / records,
    ))
}

fn master_key(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("bench-master-key");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(MASTER_KEY.as_bytes())?;
    Ok(path)
}
