//! Pages of a log, and reads of several logs.

use std::time::Duration;

use super::trial::{check_page, expect_entries};
use super::{Trial, close, data};
use crate::{EntryKind, ReadFrom, ReadOutcome};

/// Whatever a page may hold, pages in sequence give every entry once; the same page may be read again.
pub async fn pages_give_every_entry_once(trial: &mut Trial) {
    let log = trial.log().await;
    for length in [10, 0, 5, 300, 1, 0, 0, 40, 40, 40] {
        trial.append(data(log, vec![7; length])).await;
    }
    let all = trial.entries(log).await;
    assert_eq!(all.len(), 10);
    for bytes_max in [0, 1, 10, 15, 39, 80, 81, 299, 300, 301, usize::MAX] {
        for from in 0..=trial.bounds(log).await.next {
            let pages = trial.read_pages(log, from, bytes_max).await;
            let first = all.partition_point(|entry| entry.offset < from);
            assert_eq!(pages, all[first..], "from {from}, at most {bytes_max}");
        }
    }
}

/// A page of no bytes still holds one entry, and one that is too large for the page comes alone.
pub async fn a_page_holds_at_least_one_entry(trial: &mut Trial) {
    let log = trial.log().await;
    let first = trial.append(data(log, vec![1; 1000])).await;
    trial.append(data(log, vec![2; 1000])).await;
    for bytes_max in [0, 1, 999, 1000, 1999] {
        let (page, bounds) = expect_entries(trial.read(log, 0, bytes_max).await);
        check_page(&page, 0, bytes_max, bounds);
        assert_eq!(page.len(), 1, "of at most {bytes_max} bytes");
        assert_eq!(page[0].offset, first.offset);
    }
}

/// One outcome per item in the order of the list, each with its own limit; the same log may be named twice.
pub async fn one_read_serves_several_logs(trial: &mut Trial) {
    let (left, right) = (trial.log().await, trial.log().await);
    let offsets = trial.offsets_of(left, &["a", "b", "c"]).await;
    trial.append_all(right, &["d", "e"]).await;
    let next = trial.bounds(left).await.next;
    let wanted = [
        (left, offsets[1], 1000),
        (right, 0, 1),
        (left, next + 6, 1000),
        (left, 0, 2),
    ];
    let reads = wanted.map(|(place, from, bytes_max)| ReadFrom {
        place,
        from,
        bytes_max,
    });
    let outcomes = trial
        .engine()
        .read_many(reads.into(), Duration::from_secs(3600))
        .await;
    assert_eq!(outcomes.len(), 4);
    assert!(matches!(outcomes[2], ReadOutcome::OutOfRange(bounds) if bounds.next == next));
    for (index, first) in [(0, "b"), (1, "d"), (3, "a")] {
        let (page, bounds) = expect_entries(outcomes[index].clone());
        check_page(&page, wanted[index].1, wanted[index].2, bounds);
        assert_eq!(page[0].payload, first);
    }
}

/// A read of nothing is answered with nothing, at once.
pub async fn a_read_may_be_empty(trial: &mut Trial) {
    let outcomes = trial.engine().read_many(Vec::new(), Duration::ZERO).await;
    assert_eq!(outcomes, []);
}

/// The kind of an entry is kept.
pub async fn kinds_are_kept(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append(data(log, "a")).await;
    trial.append(close(log, "children")).await;
    let entries = trial.entries(log).await;
    let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Data, EntryKind::Close]);
    assert_eq!(entries[1].payload, "children");
}

/// What memory answers at once is what a read answers; an engine may have nothing to say.
pub async fn a_read_from_memory_says_what_a_read_says(trial: &mut Trial) {
    let log = trial.log().await;
    for length in [10, 0, 5, 300] {
        trial.append(data(log, vec![7; length])).await;
    }
    let gone = trial.log().await;
    trial.engine().delete(gone).await.expect("deleted");
    for (place, from, bytes_max) in [
        (log, 0, usize::MAX),
        (log, 1, 5),
        (log, 4, 1),
        (log, 5, 1),
        (gone, 0, 1),
    ] {
        let read = ReadFrom {
            place,
            from,
            bytes_max,
        };
        if let Some(at_once) = trial.engine().read_now(read) {
            assert_eq!(at_once, trial.read(place, from, bytes_max).await);
        }
    }
}
