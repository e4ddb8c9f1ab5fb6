//! Workers of the consumer library under kill -9, and those of another library beside them.

use std::ffi::OsString;
use std::time::Duration;

use super::Plan;
use crate::fleet::{Fleet, Seen};
use crate::process::program;
use crate::report::{Line, print};

const SHARDS: usize = 200;
const WORKERS: usize = 10;
/// Of the usual length of a run.
const RUNS: u32 = 60;
const RECORDS_PER_SECOND: u64 = 1000;
/// The failover time of both libraries, and what a look at the table and the first read may take.
const AFTER_KILL_MAX: Duration = Duration::from_secs(12);
const AFTER_STOP_MAX: Duration = Duration::from_secs(2);
/// Of workers that are not ours.
const ENDS_MAX: usize = 200;
const FIRST_RECORD_MAX: Duration = Duration::from_secs(3);

pub(super) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let fleet = |worker, ends_max| Fleet {
        worker,
        shards: plan.scaled(SHARDS),
        workers: plan.scaled(WORKERS).max(3),
        run: plan.run * RUNS,
        kill_every: plan.kill_every,
        records_per_second: RECORDS_PER_SECOND,
        failover: None,
        ends_max,
    };
    let ours = fleet(vec![program("worker")?.into_os_string()], 0);
    let seen = watch(plan, &ours).await?;
    let beside = match &plan.beside {
        Some(command) => {
            let words = command.split_whitespace().map(OsString::from).collect();
            let seen = watch(plan, &fleet(words, ENDS_MAX)).await;
            // Ours was measured all the same.
            seen.inspect_err(|error| eprintln!("beside: {error:#}"))
                .ok()
        }
        None => None,
    };
    print_all(&ours, &seen, beside.as_ref());
    Ok(())
}

async fn watch(plan: &Plan, fleet: &Fleet) -> anyhow::Result<Seen> {
    let data_dir = plan.data_dir()?;
    let server = plan.millstream(&data_dir).await?;
    let ledgers = plan.data_dir()?;
    let seen = fleet.run(&server, ledgers.path()).await?;
    server.terminate().await?;
    Ok(seen)
}

fn print_all(fleet: &Fleet, seen: &Seen, beside: Option<&Seen>) {
    let line = |what: &str, text: &dyn Fn(&Seen) -> String, target: String, is_met| {
        print(&Line {
            what: what.to_owned(),
            measured: text(seen),
            beside: beside.map(text).unwrap_or_default(),
            target,
            is_met,
        });
    };
    let what = format!(
        "fleet of {} workers, {} shards, kill -9 of one every {} s for {} s: records, lost",
        fleet.workers,
        fleet.shards,
        fleet.kill_every.as_secs(),
        fleet.run.as_secs()
    );
    let lost = |seen: &Seen| format!("{}, {}", seen.records, seen.missing.len());
    line(&what, &lost, "0 lost".into(), Some(seen.missing.is_empty()));
    let again = |seen: &Seen| {
        let share = 100.0 * seen.handled_again as f64 / seen.records as f64;
        format!("{} ({share:.3} %)", seen.handled_again)
    };
    line(
        "fleet: records that came again",
        &again,
        String::new(),
        None,
    );
    let waits = |waits: &[Duration]| {
        let at = |part: usize| {
            let wait = waits.get((waits.len().saturating_sub(1)) * part / 100);
            wait.map_or(f64::NAN, Duration::as_secs_f64)
        };
        format!(
            "median {:.1} s, longest {:.1} s, {} shards",
            at(50),
            at(100),
            waits.len()
        )
    };
    line(
        "fleet: workers that ended by themselves",
        &|seen| seen.ends.to_string(),
        "0".into(),
        Some(seen.ends == 0),
    );
    line(
        &format!(
            "fleet: a shard of one of {} killed workers is handled again after",
            seen.kills
        ),
        &|seen| waits(&seen.after_kills),
        String::new(),
        None,
    );
    line(
        "fleet: all shards are handled again after the last kill",
        &|seen| format!("{:.1} s", seen.after_last_kill.as_secs_f64()),
        format!("≤ {} s", AFTER_KILL_MAX.as_secs()),
        Some(seen.after_last_kill <= AFTER_KILL_MAX),
    );
    line(
        "fleet: a shard of a stopped worker is handled again after",
        &|seen| waits(&seen.after_stop),
        format!("≤ {} s", AFTER_STOP_MAX.as_secs()),
        Some(seen.after_stop.iter().all(|wait| *wait <= AFTER_STOP_MAX)),
    );
    line(
        "fleet: from its start to its first record; to one of every shard",
        &|seen| {
            let (first, all) = (
                seen.first_record.as_secs_f64(),
                seen.all_shards.as_secs_f64(),
            );
            format!("{first:.1} s; {all:.1} s")
        },
        format!("≤ {} s", FIRST_RECORD_MAX.as_secs()),
        Some(seen.first_record <= FIRST_RECORD_MAX),
    );
}
