//! The same total load on 1 shard and on 10,000: CPU per record side by side.

use std::sync::Arc;
use std::time::Duration;

use super::{Plan, create_stream};
use crate::load;
use crate::report::{Line, median, print};
use crate::requests;

const TARGET: f64 = 1.3;

async fn cpu_per_record_us(plan: &Plan, shards: usize, time: Duration) -> anyhow::Result<f64> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    create_stream(&server, "bench", shards).await?;
    let requests = Arc::new(
        (1..=256)
            .map(|seed| requests::put_record("bench", 1024, seed))
            .collect::<Vec<_>>(),
    );
    let before = server.cpu()?;
    let outcome = load::run(server.address, 64, requests, b"\"SequenceNumber\"", time).await?;
    let cpu = server.cpu()? - before;
    server.terminate().await?;
    Ok(cpu.as_secs_f64() * 1e6 / outcome.requests as f64)
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let (mut ratios, mut ones, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.pairs {
        let one = cpu_per_record_us(plan, 1, plan.run).await?;
        let ten_thousand = cpu_per_record_us(plan, 10_000, plan.run).await?;
        ratios.push(ten_thousand / one);
        ones.push(one);
        many.push(ten_thousand);
    }
    let ratio = median(ratios);
    print(&Line {
        what: "PutRecord, 1 KiB, 64 connections: CPU per record at 10,000 shards".into(),
        measured: format!("{:.1} µs, {ratio:.2} ×", median(many)),
        beside: format!("1 shard {:.1} µs", median(ones)),
        target: format!("≤ {TARGET} ×"),
        is_met: Some(ratio <= TARGET),
    });
    Ok(())
}
