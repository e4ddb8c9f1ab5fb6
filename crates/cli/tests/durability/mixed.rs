//! All of it mixed: good clients beside hostile ones, tables, splits and merges, a disk that fills up, and an end of
//! each round by kill -9, by a power cut or by SIGTERM.
//!
//! One round with each end by default; for as long as `MILLSTREAM_SOAK_MINUTES` says if it is set. Each round puts to a stream of its
//! own, which the round after the next deletes, so the disk stays inside its bound only if space is given back.

mod disk;
mod hostile;
mod readers;
mod round;
mod writers;

use std::io::Write as _;
use std::time::{Duration, Instant};

use disk::Disk;
use round::{End, History, run};

/// Rounds if no time is asked for: one with each end.
const ROUNDS: usize = 3;
/// The server's memory stays below this, whatever clients do: the budgets of `serve` added up.
const MEMORY_BYTES_MAX: u64 = 512 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_mixed_loses_nothing_and_stays_inside_its_bounds() {
    let minutes: Option<u64> = std::env::var("MILLSTREAM_SOAK_MINUTES")
        .ok()
        .map(|text| text.parse().expect("MILLSTREAM_SOAK_MINUTES is a number"));
    let end = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let seconds_of_load = if minutes.is_some() { 30 } else { 2 };

    let disk = Disk::limited();
    let mut history = History::new(&disk);
    let mut number = 0;
    while end.map_or(number < ROUNDS, |end| Instant::now() < end) {
        let kind = [End::Kill, End::PowerCut, End::Terminate][number % 3];
        let report = run(
            &disk,
            &mut history,
            number,
            kind,
            Duration::from_secs(seconds_of_load),
        )
        .await;
        // Past the test harness, which keeps what passing tests print.
        writeln!(std::io::stdout(), "mixed round {number}: {report}").expect("printed");
        assert!(
            report.faults.is_empty(),
            "round {number}: {:#?}",
            report.faults
        );
        assert!(
            report.memory_bytes <= MEMORY_BYTES_MAX,
            "round {number}: the server holds {} bytes of memory",
            report.memory_bytes
        );
        number += 1;
    }
    writeln!(std::io::stdout(), "mixed: {}", history.summary()).expect("printed");
    assert!(history.acknowledged > 0 && number >= ROUNDS.min(3));
}
