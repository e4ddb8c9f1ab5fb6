use proptest::prelude::*;

use super::*;

const MIB: u64 = 1024 * 1024;
const AWS: ShardValues = ShardValues::AWS;

fn shard() -> ShardAllowance {
    ShardAllowance::full(AWS, 0)
}

#[test]
fn a_shard_takes_a_mebibyte_a_second() {
    let mut shard = shard();
    assert!(shard.write(0, MIB));
    assert!(!shard.write(0, 1));
    assert!(!shard.write(999, MIB));
    assert!(shard.write(1_000, MIB));
}

#[test]
fn a_shard_takes_a_thousand_records_a_second() {
    let mut shard = shard();
    let taken = (0..1_500).filter(|_| shard.write(0, 10)).count();
    assert_eq!(taken, 1_000);
    let taken = (0..1_500).filter(|_| shard.write(100, 10)).count();
    assert_eq!(taken, 100);
}

#[test]
fn a_large_record_empties_the_tank_which_fills_at_once_again() {
    let mut shard = shard();
    assert!(shard.write(0, 10 * MIB));
    assert!(!shard.write(0, 1));
    // Smaller records go on as capacity comes.
    assert!(shard.write(500, MIB / 2));
    assert!(!shard.write(9_999, 10 * MIB));
    // What the small one took came later.
    assert!(shard.write(10_500, 10 * MIB));
}

#[test]
fn five_reads_a_second() {
    let mut shard = shard();
    let let_in = (0..9).filter(|_| shard.read(0)).count();
    assert_eq!(let_in, 5);
    assert!(!shard.read(199));
    assert!(shard.read(200));
}

#[test]
fn after_ten_mebibytes_nothing_is_read_for_five_seconds() {
    let mut shard = shard();
    assert!(shard.read(0));
    shard.note_read(0, 10 * MIB);
    assert!(!shard.read(1));
    assert!(!shard.read(4_999));
    assert!(shard.read(5_000));
}

#[test]
fn who_reads_all_that_there_is_waits_a_second() {
    let mut shard = shard();
    assert!(shard.read(0));
    shard.note_read(0, MIB);
    assert!(shard.read(0));
    shard.note_read(0, MIB);
    assert!(!shard.read(999));
    assert!(shard.read(1_000));
}

#[test]
fn a_consumer_gets_two_mebibytes_a_second_in_pieces() {
    let mut consumer = FanOutAllowance::full(AWS, 0);
    assert!(consumer.subscribe(0));
    assert!(!consumer.subscribe(999));
    assert!(consumer.subscribe(1_000));
    assert_eq!(consumer.room(1_000), EventRoom::Bytes(2 * MIB));
    consumer.note_event(1_000, 2 * MIB);
    assert_eq!(
        consumer.room(1_000),
        EventRoom::After(Duration::from_millis(250))
    );
    assert_eq!(consumer.room(1_250), EventRoom::Bytes(MIB / 2));
}

#[test]
fn where_little_is_written_a_full_tank_takes_any_record() {
    let values = ShardValues {
        write_bytes_per_s: 1_000,
        ..AWS
    };
    let mut shard = ShardAllowance::full(values, 0);
    assert!(shard.write(0, MIB));
    assert!(!shard.write(0, 1));
    assert!(shard.write(1_000, 1_000));
    assert!(!shard.write(10_000, MIB));
    assert!(shard.write(11_000, MIB));
}

proptest! {
    /// Whatever is asked and when: over any run no more comes through than the tank and the rate give, no more records
    /// than theirs, no more is read than a second's worth, the rate and one answer; and after a rest the state is gone.
    #[test]
    fn the_rates_hold_over_any_run(
        asks in prop::collection::vec((0u64..400, prop::sample::select(vec![0u8, 1, 2]), 1u64..10 * MIB), 1..200),
    ) {
        let mut shard = shard();
        let (mut now_ms, mut written, mut records, mut read, mut largest) = (0, 0, 0, 0, 0);
        for (wait_ms, what, bytes) in asks {
            now_ms += wait_ms;
            match what {
                0 => if shard.write(now_ms, bytes) {
                    written += bytes;
                    records += 1;
                },
                1 => if shard.write(now_ms, bytes % 4096) {
                    written += bytes % 4096;
                    records += 1;
                },
                _ => if shard.read(now_ms) {
                    shard.note_read(now_ms, bytes);
                    read += bytes;
                    largest = largest.max(bytes);
                },
            }
            prop_assert!(written * 1000 <= 11 * MIB * 1000 + MIB * now_ms);
            prop_assert!(records * 1000 <= 1_000 * 1000 + 1_000 * now_ms);
            prop_assert!(read * 1000 <= (2 * MIB + largest) * 1000 + 2 * MIB * now_ms);
        }
        prop_assert!(shard.is_whole(now_ms + 15_000));
    }
}
