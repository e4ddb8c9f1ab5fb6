//! Whatever the order, the repetitions and the cuts, the windows are the same; nothing counts twice or is left out.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use super::*;
use crate::window::function::Function;
use crate::window::partial::Moment;
use crate::window::plan::Aggregate;
use crate::window::tally::{Sample, Tally};

const EVERY_MS: i64 = 60_000;

fn plan() -> Plan {
    let functions = [
        Function::Count,
        Function::Sum,
        Function::Mean,
        Function::Min,
        Function::Max,
        Function::First,
        Function::Last,
        Function::Distinct,
        Function::Quantile(0.5),
        Function::Top(3),
    ];
    let value = |function: Function| Aggregate {
        name: format!("{function:?}"),
        function,
        of: None,
    };
    Plan {
        every_ms: EVERY_MS,
        by: None,
        time: None,
        late_ms: 0,
        revise_ms: 10 * EVERY_MS,
        patience_ms: 5_000,
        values: functions.map(value).into(),
        state_bytes_max: usize::MAX,
    }
}

fn place(number: u64) -> ExtendedSequenceNumber {
    ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap()
}

/// A record: its time, its key and its value.
type Record = (i64, u8, f64);

fn sample(shard: &str, number: u64, (time_ms, key, value): Record) -> Sample {
    let plan = plan();
    let moment = Moment {
        time_ms,
        shard_id: shard.to_owned(),
        place: format!("{number:020}"),
    };
    let values = plan.values.iter().map(|_| json!(value)).collect();
    Sample {
        window_ms: plan.window_of(time_ms),
        by: json!(key).to_string(),
        moment,
        values,
    }
}

/// The pieces of a shard, cut at these indices, each once and in order.
fn pieces(shard: &str, records: &[Record], cuts: &[Index]) -> Vec<Piece> {
    let plan = plan();
    let mut tally = Tally::new(shard, None, None);
    let cuts: BTreeSet<usize> = cuts
        .iter()
        .map(|cut| cut.index(records.len().max(1)))
        .collect();
    let mut pieces = Vec::new();
    for (index, record) in records.iter().enumerate() {
        if cuts.contains(&index) && tally.has_records() {
            pieces.push(tally.piece(&plan));
            tally.cut();
        }
        let number = index as u64 + 1;
        tally.count(
            &plan,
            &place(number),
            record.0,
            &[sample(shard, number, *record)],
        );
    }
    tally.pass(100 * EVERY_MS);
    pieces.push(tally.piece(&plan));
    pieces
}

fn open(shards: &[&str]) -> Vec<OpenShard> {
    let open = |id: &&str| OpenShard {
        shard_id: (*id).to_owned(),
        parents: BTreeMap::new(),
    };
    shards.iter().map(open).collect()
}

fn results(merger: &mut Merger, open: &[OpenShard]) -> Vec<String> {
    merger.decide(&plan(), open, 0);
    let results = merger.outbox(&plan());
    results
        .into_iter()
        .map(|result| result.value.to_string())
        .collect()
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (0..5 * EVERY_MS, 0_u8..3, -1e6..1e6_f64);
    prop::collection::vec(record, 0..30).prop_map(|mut records| {
        records.sort_by_key(|record| record.0);
        records
    })
}

proptest! {
    #[test]
    fn any_order_repetition_and_split_gives_the_same_windows(
        shards in prop::collection::vec((records(), prop::collection::vec(any::<Index>(), 0..6)), 1..4),
        shuffle in prop::collection::vec((any::<Index>(), any::<bool>(), any::<bool>()), 0..40),
    ) {
        let names: Vec<String> = (0..shards.len()).map(|index| format!("shard-{index}")).collect();
        let open = open(&names.iter().map(String::as_str).collect::<Vec<_>>());

        let mut whole = Merger::new();
        let mut all = Vec::new();
        for (name, (records, cuts)) in names.iter().zip(&shards) {
            for piece in pieces(name, records, &[]) {
                prop_assert_eq!(whole.add(&plan(), piece), Ok(Merged::Counted));
            }
            all.extend(pieces(name, records, cuts));
        }
        let expected = results(&mut whole, &open);

        // Any order, some of them again, and now and then a restart from what was stored.
        let mut merger = Merger::new();
        let mut rest = all.clone();
        for (index, again, restart) in shuffle {
            if rest.is_empty() {
                break;
            }
            let piece = rest.remove(index.index(rest.len()));
            if again {
                rest.push(piece.clone());
            }
            merger.add(&plan(), Piece::from_bytes(&piece.to_bytes()).unwrap()).unwrap();
            if restart {
                merger = serde_json::from_slice(&serde_json::to_vec(&merger).unwrap()).unwrap();
            }
        }
        for piece in rest {
            merger.add(&plan(), piece).unwrap();
        }
        prop_assert_eq!(results(&mut merger, &open), expected);
        for piece in all {
            prop_assert_ne!(merger.add(&plan(), piece), Ok(Merged::Waiting));
        }
        merger.sent(&plan(), &open);
        prop_assert!(results(&mut merger, &open).is_empty(), "repetitions change nothing");
    }

    #[test]
    fn a_cut_that_was_prepared_is_made_again_alike(records in records(), cut in any::<Index>()) {
        let plan = plan();
        let cut = cut.index(records.len() + 1) as u64;
        let count = |tally: &mut Tally, until: u64| {
            for (index, record) in records.iter().enumerate() {
                let number = index as u64 + 1;
                if number <= until && !tally.has_counted(&place(number)) && !tally.must_cut_before(&place(number)) {
                    tally.count(&plan, &place(number), record.0, &[sample("s", number, *record)]);
                }
            }
        };
        let mut first = Tally::new("s", None, None);
        count(&mut first, cut);
        let prepared = first.up_to().cloned();
        let mut second = Tally::new("s", None, prepared.clone());
        count(&mut second, u64::MAX);
        if prepared.is_some() {
            prop_assert!(second.may_cut());
            prop_assert_eq!(second.piece(&plan), first.piece(&plan));
        }
    }
}

#[test]
fn a_window_waits_for_every_shard_and_for_the_parents_of_those_that_are_silent() {
    let piece = |shard: &str, passed_ms: i64| {
        let mut tally = Tally::new(shard, None, None);
        tally.count(&plan(), &place(1), 10, &[sample(shard, 1, (10, 0, 1.0))]);
        tally.pass(passed_ms);
        tally.piece(&plan())
    };
    let mut merger = Merger::new();
    let both = open(&["a", "b"]);
    merger.add(&plan(), piece("a", 2 * EVERY_MS)).unwrap();
    assert!(results(&mut merger, &both).is_empty(), "b has said nothing");
    merger.add(&plan(), piece("b", EVERY_MS - 1)).unwrap();
    assert!(
        results(&mut merger, &both).is_empty(),
        "b has not passed the end"
    );
    // b is split: its children inherit what it has passed, and so hold the window as it did.
    let lineage = BTreeMap::from([("c".to_owned(), vec!["b".to_owned()])]);
    let child = OpenShard {
        shard_id: "c".to_owned(),
        parents: lineage,
    };
    let after = [open(&["a"]).remove(0), child];
    assert!(results(&mut merger, &after).is_empty());
    let mut end = Piece::empty(&plan().fingerprint(), "b");
    (end.after, end.up_to, end.passed_ms) = (Some(place(1)), Some(place(1)), EVERY_MS + 5);
    merger.add(&plan(), end).unwrap();
    let results = results(&mut merger, &after);
    assert_eq!(results.len(), 1);
    assert!(
        results[0].contains(r#""Count":2"#)
            && results[0].contains(r#""complete":true,"revision":1"#),
        "{results:?}"
    );
}

#[test]
fn patience_ends_and_a_revision_follows() {
    let mut merger = Merger::new();
    let both = open(&["a", "b"]);
    let mut tally = Tally::new("a", None, None);
    tally.count(&plan(), &place(1), 10, &[sample("a", 1, (10, 0, 1.0))]);
    tally.pass(EVERY_MS);
    merger.add(&plan(), tally.piece(&plan())).unwrap();
    merger.decide(&plan(), &both, 1_000);
    assert!(!merger.has_results());
    assert!(!merger.is_due(&plan(), &both, 5_999));
    merger.decide(&plan(), &both, 6_000);
    let first = merger.outbox(&plan());
    assert!(
        first[0]
            .value
            .to_string()
            .ends_with(r#""complete":false,"revision":1}"#),
        "{first:?}"
    );
    merger.sent(&plan(), &both);
    merger.decide(&plan(), &both, 60_000);
    assert!(!merger.has_results(), "nothing new");

    let mut late = Tally::new("b", None, None);
    late.count(&plan(), &place(7), 20, &[sample("b", 7, (20, 0, 2.0))]);
    late.pass(EVERY_MS);
    merger.add(&plan(), late.piece(&plan())).unwrap();
    merger.decide(&plan(), &both, 60_001);
    let second = merger.outbox(&plan());
    assert_eq!(second.len(), 1);
    let text = second[0].value.to_string();
    assert!(
        text.contains(r#""Count":2"#) && text.ends_with(r#""complete":true,"revision":2}"#),
        "{text}"
    );
}

#[test]
fn windows_go_when_nothing_may_come_any_more() {
    let mut merger = Merger::new();
    let one = open(&["a"]);
    let mut tally = Tally::new("a", None, None);
    tally.count(&plan(), &place(1), 10, &[sample("a", 1, (10, 0, 1.0))]);
    tally.pass(11 * EVERY_MS - 1);
    merger.add(&plan(), tally.piece(&plan())).unwrap();
    merger.decide(&plan(), &one, 0);
    merger.sent(&plan(), &one);
    assert_eq!(merger.windows_open(), 1);
    tally.cut();
    tally.pass(11 * EVERY_MS);
    merger.add(&plan(), tally.piece(&plan())).unwrap();
    merger.sent(&plan(), &one);
    assert_eq!(merger.windows_open(), 0);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let piece = |from: u64, to: u64| Piece {
        after: (from > 0).then(|| place(from)),
        up_to: Some(place(to)),
        ..Piece::empty(&plan().fingerprint(), "a")
    };
    let mut merger = Merger::new();
    merger.add(&plan(), piece(0, 5)).unwrap();
    assert_eq!(merger.add(&plan(), piece(0, 5)), Ok(Merged::Repeated));
    assert_eq!(merger.add(&plan(), piece(7, 9)), Ok(Merged::Waiting));
    assert!(matches!(
        merger.add(&plan(), piece(3, 6)),
        Err(NotMerged::Overlap { .. })
    ));
    let other = Plan {
        every_ms: 1,
        ..plan()
    };
    assert!(matches!(
        merger.add(&other, piece(5, 7)),
        Err(NotMerged::OtherPlan { .. })
    ));
}
