//! Numbers of an application, for people.

use millstream_scaling::lag::{Backlog, Lag, ShardLag};

/// A dash for what is not known.
pub(super) const UNKNOWN: &str = "-";

/// `850 ms`, `12.3 s`, `4 m 5 s`, `3 h 12 m`, `2 d 3 h`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if ms < 1000 => format!("{ms} ms"),
        () if minutes == 0 => format!("{:.1} s", ms as f64 / 1000.0),
        () if hours == 0 => format!("{minutes} m {} s", seconds % 60),
        () if days == 0 => format!("{hours} h {} m", minutes % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// `312 B`, `4.2 KiB`, `1.0 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut amount = count as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

pub(super) fn behind(behind_ms: Option<u64>) -> String {
    behind_ms.map_or(UNKNOWN.to_owned(), duration)
}

/// Records and bytes; `~` before what is estimated.
pub(super) fn backlog(backlog: Option<Backlog>) -> [String; 2] {
    let Some(Backlog {
        records,
        bytes: size,
        is_exact,
    }) = backlog
    else {
        return [UNKNOWN.to_owned(), UNKNOWN.to_owned()];
    };
    let sign = if is_exact { "" } else { "~" };
    [format!("{sign}{records}"), format!("{sign}{}", bytes(size))]
}

pub(super) fn rate(records_per_s: Option<f64>) -> String {
    records_per_s.map_or(UNKNOWN.to_owned(), |rate| format!("{rate:.1}/s"))
}

/// How long the rest will take; `never` if it does not get less.
pub(super) fn drain(drain_ms: Option<u64>, are_rates_known: bool) -> String {
    match (drain_ms, are_rates_known) {
        (Some(ms), _) => duration(ms),
        (None, true) => "never".to_owned(),
        (None, false) => UNKNOWN.to_owned(),
    }
}

/// The owner, and who hands over to it.
pub(super) fn owner(shard: &ShardLag) -> String {
    match (&shard.owner, &shard.checkpoint_owner) {
        (Some(owner), Some(from)) => format!("{from} > {owner}"),
        (Some(owner), None) => owner.clone(),
        (None, _) => UNKNOWN.to_owned(),
    }
}

/// What a shard waits for, or since when its lease was not renewed.
pub(super) fn heartbeat(shard: &ShardLag) -> String {
    match shard.heartbeat_ms {
        _ if shard.waits_for_parents => "waits for its parents".to_owned(),
        Some(ms) => format!("{} ago", duration(ms)),
        None => UNKNOWN.to_owned(),
    }
}

/// One line for all of the application.
pub(super) fn summary(lag: &Lag) -> String {
    let [records, size] = backlog(lag.backlog());
    let rates = lag.rates();
    let comes = rates.map(|(incoming, _)| incoming.records_per_s);
    format!(
        "{} reads {}: {} behind, {records} records ({size}) left, comes {}, read {}, drained in {}, workers {}\n",
        lag.application,
        lag.stream,
        behind(lag.behind_ms()),
        rate(comes),
        rate(rates.map(|(_, read)| read)),
        drain(lag.drain_ms(), rates.is_some()),
        lag.workers().len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0, 999, 1_500, 59_999, 61_000, 3_720_000, 90_000_000].map(duration);
        assert_eq!(
            shown,
            [
                "0 ms", "999 ms", "1.5 s", "60.0 s", "1 m 1 s", "1 h 2 m", "1 d 1 h"
            ]
        );
        let shown = [0, 1023, 1024, 1_572_864, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16384.0 PiB"]
        );
        assert_eq!(drain(None, true), "never");
        assert_eq!(drain(None, false), "-");
    }
}
