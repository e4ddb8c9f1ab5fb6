//! An answered entry is there: readable, whole, counted.

use bytes::Bytes;

use super::{Trial, data};
use crate::EntryKind;

/// As soon as an append is answered its entry is read, counted in the bounds and found by time.
pub async fn an_answered_entry_is_there_at_once(trial: &mut Trial) {
    let log = trial.log().await;
    for number in 0..50u64 {
        trial.clock().step_ms(1);
        let payload = format!("entry {number}");
        let appended = trial.append(data(log, payload.clone())).await;
        let bounds = trial.bounds(log).await;
        assert!(bounds.next > appended.offset);
        assert_eq!(bounds.last_time, appended.time);
        let entries = trial.read_pages(log, appended.offset, 1 << 20).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].offset, appended.offset);
        assert_eq!(entries[0].time, appended.time);
        assert_eq!(entries[0].payload, payload);
        let found = trial.engine().offset_for_time(log, appended.time).await;
        assert!(found.is_ok_and(|found| found <= appended.offset));
        assert_eq!(trial.entries(log).await.len() as u64, number + 1);
    }
}

/// Payloads come back as they went in: empty ones, every byte, and lengths around the powers of two.
pub async fn payloads_come_back_whole(trial: &mut Trial) {
    let log = trial.log().await;
    let largest = trial.engine().caps().entry_bytes_max.min(1 << 17);
    let around = |power: u32| [(1usize << power) - 1, 1 << power, (1 << power) + 1];
    let lengths = [0].into_iter().chain((0..17).flat_map(around));
    let payloads: Vec<Bytes> = lengths
        .filter(|length| *length <= largest)
        .map(|length| {
            (0..length)
                .map(|index| (index * 7 + length) as u8)
                .collect()
        })
        .collect();
    for payload in &payloads {
        trial.append(data(log, payload.clone())).await;
    }
    let entries = trial.entries(log).await;
    assert_eq!(entries.len(), payloads.len());
    for (entry, payload) in entries.iter().zip(&payloads) {
        assert_eq!(entry.kind, EntryKind::Data);
        assert!(entry.payload == payload, "{} bytes differ", payload.len());
    }
}

/// A fresh engine finds nothing wrong with itself, and what it says of itself does not change.
pub async fn verify_accepts_a_sound_engine(trial: &mut Trial) {
    let caps = trial.engine().caps();
    assert_eq!(trial.engine().verify().await, Ok(()));
    let log = trial.log().await;
    trial.append(data(log, "x")).await;
    assert_eq!(trial.engine().verify().await, Ok(()));
    assert_eq!(trial.engine().caps(), caps);
}
