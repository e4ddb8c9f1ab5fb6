//! `millstream scale explain`: what would be done now, and why not more.

use millstream_scaling::{Decision, Figures, ShardChange};

/// A decision for people: what was seen, what would be done, and what keeps it from being more.
pub(super) fn explained(application: &str, stream: &str, decision: &Decision) -> String {
    let mut lines = seen(application, stream, &decision.figures);
    if let Some(change) = &decision.workers {
        let to = match change.hand_over.as_slice() {
            [] => String::new(),
            leaving => format!(" ({} hand over and go)", leaving.join(", ")),
        };
        lines.push(format!(
            "to do: {} workers become {}{to}: {}",
            change.from, change.to, change.reason
        ));
    }
    for change in &decision.shards {
        let what = match change {
            ShardChange::Split { shard, further, .. } if further.is_empty() => {
                format!("{shard} is split")
            }
            ShardChange::Split { shard, further, .. } => {
                format!("{shard} is split into {}", further.len() + 2)
            }
            ShardChange::Merge {
                shard, adjacent, ..
            } => format!("{shard} and {adjacent} are merged"),
        };
        lines.push(format!("to do: {what}: {}", change.reason()));
    }
    if decision.is_nothing() {
        lines.push("nothing is to be done".to_owned());
    }
    lines.extend(decision.notes.iter().map(|note| format!("because: {note}")));
    lines.join("\n")
}

fn seen(application: &str, stream: &str, figures: &Figures) -> Vec<String> {
    let Figures {
        workers,
        open_shards,
        ingest_records_per_s,
        read_records_per_s,
        backlog_records,
        behind_ms,
        drain_ms,
        worker_records_per_s,
        ..
    } = figures;
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let drained = match drain_ms {
        Some(ms) => format!("the rest is done in {}", seconds(*ms)),
        None => "the rest does not get less".to_owned(),
    };
    let speed = match worker_records_per_s {
        Some(speed) => format!("a worker does {speed:.0} records/s"),
        None => "what a worker can do was not seen, because none was at its limit".to_owned(),
    };
    vec![
        format!("{application} reads {stream}: {workers} workers, {open_shards} open shards"),
        format!(
            "{ingest_records_per_s:.0} records/s come, {read_records_per_s:.0}/s are finished, {backlog_records} are left; {} \
             behind, {drained}",
            seconds(*behind_ms)
        ),
        speed,
    ]
}

#[cfg(test)]
mod tests {
    use millstream_scaling::{Reason, WorkerChange};
    use millstream_types::TimestampMs;

    use super::*;

    #[test]
    fn what_is_done_and_what_is_not_are_told_apart() {
        let figures = Figures {
            workers: 2,
            open_shards: 4,
            ingest_records_per_s: 55.0,
            read_records_per_s: 50.0,
            backlog_records: 1_234,
            behind_ms: 4_200,
            drain_ms: None,
            worker_records_per_s: Some(25.0),
            ..Figures::default()
        };
        let mut decision = Decision {
            at: TimestampMs(1),
            workers: None,
            shards: Vec::new(),
            notes: vec![Reason::Settling { left_ms: 12_000 }],
            figures,
        };
        assert_eq!(
            explained("till", "orders", &decision),
            "till reads orders: 2 workers, 4 open shards\n\
             55 records/s come, 50/s are finished, 1234 are left; 4.2 s behind, the rest does not get less\n\
             a worker does 25 records/s\n\
             nothing is to be done\n\
             because: the last change settles for 12 s more"
        );
        decision.notes.clear();
        decision.workers = Some(WorkerChange {
            from: 2,
            to: 1,
            hand_over: vec!["till-2".into()],
            reason: Reason::AboveMax {
                what: millstream_scaling::What::Workers,
                count: 2,
                max: 1,
            },
        });
        let told = explained("till", "orders", &decision);
        assert!(
            told.contains("to do: 2 workers become 1 (till-2 hand over and go): "),
            "{told}"
        );
    }
}
