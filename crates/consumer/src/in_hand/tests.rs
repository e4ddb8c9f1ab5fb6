use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const PAUSE: Duration = Duration::from_secs(1);

fn batch(records: u64) -> InHand {
    let record = |number: u64| {
        let place = ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap();
        Record::new(place, "k", "")
    };
    let records = (0..records).map(record).collect();
    InHand::new(RecordBatch::new("s", records, Duration::ZERO))
}

fn numbers(handed: &HandOut) -> Vec<u64> {
    let records = handed.batch.records().iter();
    records
        .map(|record| record.sequence_number().parse().unwrap())
        .collect()
}

fn park_after(attempts: u32) -> FailurePolicy {
    FailurePolicy::park_after(attempts).pauses(PAUSE, PAUSE)
}

fn watermark(in_hand: &InHand) -> Option<String> {
    in_hand.watermark().map(ToString::to_string)
}

#[test]
fn a_failure_at_a_record_keeps_what_came_before_it_and_brings_the_rest_again() {
    let mut in_hand = batch(5);
    let handed = in_hand.hand_out();
    let failure = Failure::new("no").at(in_hand.record(2));
    let verdicts = in_hand.judge(&handed, Err(failure), &FailurePolicy::default());
    assert_eq!((verdicts.failures, verdicts.halt.is_none()), (1, true));
    assert_eq!(watermark(&in_hand).as_deref(), Some("1"));
    assert_eq!(numbers(&in_hand.hand_out()), [2, 3, 4]);
}

#[test]
fn the_watermark_never_passes_a_record_that_is_not_done() {
    let mut in_hand = batch(4);
    let handed = in_hand.hand_out();
    handed.batch.failed(in_hand.record(1), "no");
    handed.batch.later(in_hand.record(3));
    in_hand.judge(&handed, Ok(()), &FailurePolicy::default());
    assert_eq!(watermark(&in_hand).as_deref(), Some("0"));
    assert_eq!(numbers(&in_hand.hand_out()), [1, 3]);
    in_hand.finish(1);
    assert_eq!(watermark(&in_hand).as_deref(), Some("2"));
}

#[test]
fn a_batch_that_fails_as_a_whole_is_split_before_anything_is_parked() {
    let mut in_hand = batch(3);
    for _ in 0..2 {
        let handed = in_hand.hand_out();
        assert_eq!(numbers(&handed), [0, 1, 2]);
        let verdicts = in_hand.judge(&handed, Err("no".into()), &park_after(2));
        assert_eq!((verdicts.park, verdicts.pause), (Vec::new(), PAUSE));
    }
    let mut parked = Vec::new();
    while !in_hand.is_finished() {
        let handed = in_hand.hand_out();
        let only = numbers(&handed);
        let [number] = only[..] else {
            panic!("{only:?} are handed out together")
        };
        let result = if number == 1 {
            Err("poison".into())
        } else {
            Ok(())
        };
        for parking in in_hand.judge(&handed, result, &park_after(2)).park {
            in_hand.finish(parking.index);
            parked.push(parking);
        }
    }
    let cause = "poison".to_owned();
    let expected = Parking {
        index: 1,
        failures: 2,
        cause,
    };
    assert_eq!(parked, [expected]);
}

#[test]
fn what_a_handler_says_goes_before_the_policy() {
    let mut in_hand = batch(4);
    let handed = in_hand.hand_out();
    let long = PAUSE * 60;
    handed
        .batch
        .failed(in_hand.record(0), Failure::retry_after(long, "busy"));
    handed
        .batch
        .failed(in_hand.record(1), Failure::park("poison"));
    handed.batch.failed(in_hand.record(2), Failure::halt("bug"));
    let verdicts = in_hand.judge(&handed, Ok(()), &park_after(9));
    let parked: Vec<usize> = verdicts.park.iter().map(|parking| parking.index).collect();
    assert_eq!((parked, verdicts.pause), (vec![1], long));
    assert_eq!(verdicts.halt.unwrap().to_string(), "bug");
}

#[test]
fn an_error_is_not_passed_over_though_every_record_is_noted() {
    let mut in_hand = batch(1);
    let handed = in_hand.hand_out();
    handed.batch.done(in_hand.record(0));
    let verdicts = in_hand.judge(&handed, Err("after all".into()), &park_after(2));
    assert_eq!(verdicts.error.as_deref(), Some("after all"));
    assert!(in_hand.is_finished());
}

/// What one try says: per record nothing, done, failed or later; and a result for the rest.
fn tries() -> impl Strategy<Value = Vec<(Vec<u8>, u8)>> {
    prop::collection::vec((prop::collection::vec(0u8..6, 8), 0u8..4), 1..12)
}

proptest! {
    #[test]
    fn every_record_is_finished_once_and_the_checkpoint_is_contiguous(records in 1u64..8, tries in tries()) {
        let mut in_hand = batch(records);
        let mut finished = BTreeSet::new();
        for (notes, result) in tries {
            let handed = in_hand.hand_out();
            let out = numbers(&handed);
            prop_assert!(out.iter().all(|number| !finished.contains(number)));
            prop_assert!(out.windows(2).all(|pair| pair[0] < pair[1]));
            let mut said = BTreeSet::new();
            for (record, note) in handed.batch.records().iter().zip(notes) {
                let number: u64 = record.sequence_number().parse().unwrap();
                match note {
                    0 => handed.batch.done(record),
                    1 => handed.batch.failed(record, "no"),
                    2 => handed.batch.later(record),
                    _ => continue,
                }
                said.insert(number);
                if note == 0 {
                    finished.insert(number);
                }
            }
            let rest: Vec<u64> = out.iter().copied().filter(|number| !said.contains(number)).collect();
            let result = match (result, rest.first()) {
                (0, Some(first)) => {
                    let index = usize::try_from(*first).unwrap();
                    Err(Failure::new("no").at(in_hand.record(index)))
                }
                (1, Some(_)) => Err("no".into()),
                _ => {
                    finished.extend(rest);
                    Ok(())
                }
            };
            for parking in in_hand.judge(&handed, result, &park_after(3)).park {
                prop_assert!(finished.insert(parking.index as u64));
                in_hand.finish(parking.index);
            }
            let contiguous = (0..records).take_while(|number| finished.contains(number)).last();
            prop_assert_eq!(watermark(&in_hand), contiguous.map(|number| number.to_string()));
            if in_hand.is_finished() {
                prop_assert_eq!(finished.len() as u64, records);
                break;
            }
        }
    }
}
