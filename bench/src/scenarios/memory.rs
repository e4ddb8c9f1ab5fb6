//! Anonymous and shared memory: idle, after many records, with many idle shards.

use std::time::Duration;

use super::gets::fill;
use super::{Plan, create_stream};
use crate::process::Server;
use crate::report::{Line, print, short};

const IDLE_TARGET_MB: f64 = 16.0;
const FULL_TARGET_MB: f64 = 64.0;
const SHARDS_TARGET_MB: f64 = 250.0;

fn line(what: String, server: &Server, target_mb: f64) -> anyhow::Result<()> {
    let megabytes = server.memory_bytes()? as f64 / 1e6;
    print(&Line {
        what,
        measured: format!("{megabytes:.1} MB"),
        beside: String::new(),
        target: format!("≤ {target_mb} MB"),
        is_met: Some(megabytes <= target_mb),
    });
    Ok(())
}

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    server.call("ListStreams", "{}").await?;
    line("memory, idle".into(), &server, IDLE_TARGET_MB)?;
    create_stream(&server, "bench", 4).await?;
    let records = plan.scaled(10_000_000);
    fill(&server, "bench", records).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    line(
        format!("memory, after {} records of 100 B", short(records as f64)),
        &server,
        FULL_TARGET_MB,
    )?;
    server.terminate().await?;

    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    let streams = plan.scaled(10);
    for index in 0..streams {
        create_stream(&server, &format!("idle-{index}"), 10_000).await?;
    }
    line(
        format!("memory, {} idle shards", short(streams as f64 * 10_000.0)),
        &server,
        SHARDS_TARGET_MB,
    )?;
    server.terminate().await?;
    Ok(())
}
