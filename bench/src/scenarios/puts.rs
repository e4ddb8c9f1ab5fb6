//! PutRecords and PutRecord against the bare server, in pairs.

use std::sync::Arc;
use std::time::Duration;

use super::{Plan, create_stream};
use crate::load::{self, Outcome};
use crate::process::Server;
use crate::report::{Line, median, print, short};
use crate::requests;

struct Case {
    what: &'static str,
    connections: usize,
    /// 0 means PutRecord.
    records: usize,
    bytes: usize,
    run: Option<Duration>,
    pairs: Option<usize>,
    ratio_target: f64,
    cpu_target_us: Option<f64>,
    p99_over_fsync: Option<f64>,
}

const CASES: &[Case] = &[
    Case {
        what: "PutRecords, 500 × 100 B",
        connections: 16,
        records: 500,
        bytes: 100,
        run: None,
        pairs: None,
        ratio_target: 0.53,
        cpu_target_us: Some(1.0),
        p99_over_fsync: None,
    },
    Case {
        what: "PutRecords, 100 × 1 KiB, burst of 10 s",
        connections: 16,
        records: 100,
        bytes: 1024,
        run: Some(Duration::from_secs(10)),
        pairs: None,
        ratio_target: 0.55,
        cpu_target_us: Some(4.0),
        p99_over_fsync: None,
    },
    Case {
        what: "PutRecords, 100 × 1 KiB, over 60 s",
        connections: 16,
        records: 100,
        bytes: 1024,
        run: Some(Duration::from_secs(60)),
        pairs: Some(1),
        ratio_target: 0.40,
        cpu_target_us: None,
        p99_over_fsync: None,
    },
    Case {
        what: "PutRecord, 1 KiB, 16 connections",
        connections: 16,
        records: 0,
        bytes: 1024,
        run: None,
        pairs: None,
        ratio_target: 0.55,
        cpu_target_us: Some(26.0),
        p99_over_fsync: Some(6.0),
    },
    Case {
        what: "PutRecord, 1 KiB, 64 connections",
        connections: 64,
        records: 0,
        bytes: 1024,
        run: None,
        pairs: None,
        ratio_target: 0.74,
        cpu_target_us: None,
        p99_over_fsync: None,
    },
];

impl Case {
    fn requests(&self) -> Arc<Vec<Vec<u8>>> {
        let make = |seed| match self.records {
            0 => requests::put_record("bench", self.bytes, seed),
            count => requests::put_records("bench", count, self.bytes, seed),
        };
        Arc::new((1..=64).map(make).collect())
    }

    fn expected(&self) -> &'static [u8] {
        if self.records == 0 {
            b"\"SequenceNumber\""
        } else {
            b"\"FailedRecordCount\":0"
        }
    }

    fn records_per_request(&self) -> f64 {
        self.records.max(1) as f64
    }
}

struct Measured {
    outcome: Outcome,
    cpu: Duration,
    fsyncs: u64,
}

async fn load(server: &Server, case: &Case, time: Duration) -> anyhow::Result<(Outcome, Duration)> {
    let requests = case.requests();
    let warm_up = Duration::from_millis(500).min(time / 4);
    load::run(
        server.address,
        case.connections,
        Arc::clone(&requests),
        case.expected(),
        warm_up,
    )
    .await?;
    let cpu_before = server.cpu()?;
    let outcome = load::run(
        server.address,
        case.connections,
        requests,
        case.expected(),
        time,
    )
    .await?;
    Ok((outcome, server.cpu()? - cpu_before))
}

async fn real(plan: &Plan, case: &Case, time: Duration) -> anyhow::Result<Measured> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", 4).await?;
    let before = fsyncs(&server).await?;
    let (outcome, cpu) = load(&server, case, time).await?;
    let fsyncs = fsyncs(&server).await? - before;
    server.terminate().await?;
    Ok(Measured {
        outcome,
        cpu,
        fsyncs,
    })
}

async fn fsyncs(server: &Server) -> anyhow::Result<u64> {
    let health = server.health().await?;
    health["storage"]["fsyncs"]
        .as_u64()
        .ok_or_else(|| anyhow::anyhow!("/health counts no fsyncs: {health}"))
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    for case in CASES.iter().filter(|case| case.what.contains(&plan.only)) {
        measure(plan, case).await?;
    }
    Ok(())
}

async fn measure(plan: &Plan, case: &Case) -> anyhow::Result<()> {
    let time = case.run.unwrap_or(plan.run).mul_f64(plan.scale.min(1.0));
    let (mut ratios, mut rates, mut bare_rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cpus_us, mut p99s_ms, mut fsync_p99s_ms, mut fsyncs) =
        (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..case.pairs.unwrap_or(plan.pairs) {
        let bare = Server::bare(None).await?;
        let (bare_outcome, _) = load(&bare, case, time).await?;
        bare.kill().await?;
        let measured = real(plan, case, time).await?;
        let records = measured.outcome.requests as f64 * case.records_per_request();
        ratios.push(measured.outcome.rate() / bare_outcome.rate());
        rates.push(measured.outcome.rate() * case.records_per_request());
        bare_rates.push(bare_outcome.rate() * case.records_per_request());
        cpus_us.push(measured.cpu.as_secs_f64() * 1e6 / records);
        p99s_ms.push(measured.outcome.percentile_ms(0.99));
        fsyncs += measured.fsyncs;
        if case.p99_over_fsync.is_some() {
            let folder = plan.data_dir()?;
            let bare = Server::bare(Some(&folder.path().join("bare"))).await?;
            let (outcome, _) = load(&bare, case, time).await?;
            bare.kill().await?;
            fsync_p99s_ms.push(outcome.percentile_ms(0.99));
        }
    }
    let ratio = median(ratios);
    print(&Line {
        what: case.what.into(),
        measured: format!(
            "{} records/s, {:.0} % of bare, {fsyncs} fsyncs",
            short(median(rates)),
            ratio * 100.0
        ),
        beside: format!("bare {} records/s", short(median(bare_rates))),
        target: format!("≥ {:.0} %", case.ratio_target * 100.0),
        is_met: Some(ratio >= case.ratio_target),
    });
    if let Some(target) = case.cpu_target_us {
        let cpu = median(cpus_us);
        print(&Line {
            what: format!("{}: server CPU per record", case.what),
            measured: format!("{cpu:.2} µs"),
            beside: String::new(),
            target: format!("≤ {target} µs"),
            is_met: Some(cpu <= target),
        });
    }
    if let Some(target) = case.p99_over_fsync {
        let (p99, fsync) = (median(p99s_ms), median(fsync_p99s_ms));
        print(&Line {
            what: format!("{}: p99", case.what),
            measured: format!("{p99:.2} ms"),
            beside: format!("bare server that only writes and fsyncs {fsync:.2} ms"),
            target: format!("≤ {target} ×"),
            is_met: Some(p99 <= target * fsync),
        });
    }
    Ok(())
}
