//! The producer library in a process of its own, against the real server.

use anyhow::Context;
use tokio::process::Command;

use super::{Plan, create_stream};
use crate::process::program;
use crate::report::{Line, median, print, short};

const SHARDS: usize = 16;
const RECORD_BYTES: usize = 100;

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let (mut rates, mut cpus_us, mut server_cpus_us, mut memory_bytes) =
        (Vec::new(), Vec::new(), Vec::new(), 0.0f64);
    for _ in 0..plan.pairs {
        let data_dir = plan.data_dir()?;
        let server = plan.millstream(&data_dir).await?;
        create_stream(&server, "bench", SHARDS).await?;
        let before = server.cpu()?;
        let done = Command::new(program("produce")?)
            .arg(server.address.to_string())
            .arg("bench")
            .arg(plan.run.as_secs_f64().to_string())
            .arg(RECORD_BYTES.to_string())
            .output()
            .await
            .context("the producer's process")?;
        anyhow::ensure!(
            done.status.success(),
            "the producer failed: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let server_cpu = (server.cpu()? - before).as_secs_f64();
        server.terminate().await?;
        let report: serde_json::Value = serde_json::from_slice(&done.stdout)?;
        let number = |name: &str| report[name].as_f64().with_context(|| name.to_owned());
        let records = number("records")?;
        rates.push(records / number("elapsed_s")?);
        cpus_us.push(number("cpu_s")? * 1e6 / records);
        server_cpus_us.push(server_cpu * 1e6 / records);
        memory_bytes = memory_bytes.max(number("memory_peak_bytes")?);
    }
    let (rate, cpu) = (median(rates), median(cpus_us));
    print(&Line {
        what: format!(
            "producer, user records of {RECORD_BYTES} B, {SHARDS} shards, each outcome awaited"
        ),
        measured: format!("{} user records/s stored", short(rate)),
        beside: format!("server {:.2} µs of CPU each", median(server_cpus_us)),
        target: "≥ 500 k/s".into(),
        is_met: Some(rate >= 500_000.0),
    });
    print(&Line {
        what: "producer: CPU per user record, making it included".into(),
        measured: format!("{cpu:.2} µs"),
        beside: "the KPL 1.1.1 with its child took 42.7 µs".into(),
        target: "≤ 2 µs".into(),
        is_met: Some(cpu <= 2.0),
    });
    let memory_mib = memory_bytes / (1024.0 * 1024.0);
    print(&Line {
        what: "producer: peak memory of the process at default limits".into(),
        measured: format!("{memory_mib:.0} MiB"),
        beside: String::new(),
        target: "< 100 MiB".into(),
        is_met: Some(memory_mib < 100.0),
    });
    Ok(())
}
