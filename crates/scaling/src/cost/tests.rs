//! Bills that were computed by hand.

use super::*;

fn cents(dollars: f64) -> i64 {
    (dollars * 100.0).round() as i64
}

/// A month (730 hours) of 1,000 records of 512 bytes in a second: 2.628 × 10^9 records.
fn month() -> Usage {
    let seconds = 730.0 * 3600.0;
    Usage {
        hours: 730.0,
        shards: 2.0,
        records: 1_000.0 * seconds,
        bytes: 512_000.0 * seconds,
        peak_records_per_s: 1_500.0,
        peak_bytes_per_s: 768_000.0,
        read_bytes: 512_000.0 * seconds,
        retention_hours: 24.0,
        ..Usage::default()
    }
}

#[test]
fn provisioned_to_the_cent() {
    let prices = Prices::of_repository();
    // 2 shards × 730 h × 0.015 = 21.90; 2,628 million units × 0.014 = 36.792.
    assert_eq!(
        cents(month().bill(Mode::Provisioned, &prices).dollars),
        5869
    );
    // Records of 30 KiB have two units: 100 records/s are 262.8 million, 525.6 million units × 0.014 = 7.3584;
    // 4 shards × 730 × (0.015 + 0.020) = 102.20; 2 consumers × 4 × 730 × 0.015 = 87.60;
    // 262.8 M × 30 KiB = 7,518.76831 GB, twice × 0.013 = 195.48798.
    let large = Usage {
        shards: 4.0,
        records: 262.8e6,
        bytes: 262.8e6 * 30.0 * KIB,
        retention_hours: 168.0,
        fan_out_consumers: 2.0,
        fan_out_bytes: 2.0 * 262.8e6 * 30.0 * KIB,
        read_bytes: 0.0,
        ..month()
    };
    assert_eq!(cents(large.bill(Mode::Provisioned, &prices).dollars), 39265);
}

#[test]
fn on_demand_to_the_cent() {
    let prices = Prices::of_repository();
    // 730 × 0.04 = 29.20. Each record counts 1 KiB: 2.628 × 10^9 KiB = 2,506.25610 GB × 0.08 = 200.50049.
    // Read: 512,000 B/s × 2,628,000 s = 1,253.12805 GB × 0.04 = 50.12512.
    assert_eq!(cents(month().bill(Mode::OnDemand, &prices).dollars), 27983);
    // Kept for seven days: 512,000 B/s × 144 h = 247.19238 GB for a month × 0.10 = 24.71924.
    let kept = Usage {
        retention_hours: 168.0,
        ..month()
    };
    assert_eq!(cents(kept.bill(Mode::OnDemand, &prices).dollars), 30454);
    // For thirty days: another 552 h × 512,000 B/s = 947.57080 GB × 0.023 = 21.79413.
    let kept = Usage {
        retention_hours: 720.0,
        ..month()
    };
    assert_eq!(cents(kept.bill(Mode::OnDemand, &prices).dollars), 32634);
}

#[test]
fn advantage_to_the_cent_below_and_above_the_commitment() {
    let prices = Prices::of_repository();
    // 25 MiB/s × 2,628,000 s = 64,160.15625 GB; × 0.032 = 2,053.125 and × 0.016 = 1,026.5625, whatever comes below it.
    assert_eq!(
        cents(month().bill(Mode::OnDemandAdvantage, &prices).dollars),
        307969
    );
    // 100 times as much: 250,625.61035 GB × 0.032 = 8,020.01953; 125,312.80518 GB × 0.016 = 2,005.00488.
    let busy = month().times(100.0);
    assert_eq!(
        cents(busy.bill(Mode::OnDemandAdvantage, &prices).dollars),
        1002502
    );
}

#[test]
fn what_every_mode_has_to_the_cent() {
    let prices = Prices::of_repository();
    let usage = Usage {
        hours: 730.0,
        shards: 1.0,
        retention_hours: 24.0,
        metrics: 14.0,
        table_writes: 3e6,
        table_reads: 8e6,
        table_bytes: 2.0 * GIB,
        ..Usage::default()
    };
    // 10.95 + 14 × 0.30 + 3 × 0.625 + 8 × 0.125 + 2 × 0.25 = 18.525
    let bill = usage.bill(Mode::Provisioned, &prices);
    assert!((bill.dollars - 18.525).abs() < 1e-9, "{bill:?}");
    assert!(bill.lines.iter().all(|line| line.quantity > 0.0));
}

/// All that can be on a bill: [`month`] on four shards, kept for thirty days, read by polling and by two fan-out consumers,
/// with a lease table and metrics.
fn everything() -> Usage {
    Usage {
        shards: 4.0,
        retention_hours: 720.0,
        fan_out_consumers: 2.0,
        fan_out_bytes: 2.0 * month().read_bytes,
        metrics: 14.0,
        table_writes: 3e6,
        table_reads: 8e6,
        table_bytes: 2.0 * GIB,
        ..month()
    }
}

/// What is alike in all of them: what is kept from the eighth to the thirtieth day, 552 h × 512,000 B/s = 947.57080 GB × 0.023 =
/// 21.79413. Lease table: 3 million writes × 0.625 + 8 million reads × 0.125 + 2 GB × 0.25 = 3.375; 14 metrics × 0.30 = 4.20.
/// Together 29.36913.
#[test]
fn everything_in_each_mode_to_the_cent() {
    let prices = Prices::of_repository();
    let bill = |mode, usage: Usage| {
        let bill = usage.bill(mode, &prices);
        let of_lines = bill.lines.iter().map(|line| line.dollars).sum();
        assert_eq!(cents(bill.dollars), cents(of_lines));
        cents(bill.dollars)
    };
    // 4 × 730 = 2,920 shard-hours × 0.015 = 43.80; 2,628 million units × 0.014 = 36.792; kept beyond a day: 2,920 × 0.020 =
    // 58.40; 2 consumers × 2,920 × 0.015 = 87.60; they get 2 × 1,253.12805 GB × 0.013 = 32.58133.
    // 43.80 + 36.792 + 58.40 + 87.60 + 32.58133 + 29.36913 = 288.54246
    assert_eq!(bill(Mode::Provisioned, everything()), 28854);
    // 730 × 0.04 = 29.20; 2,506.25610 GB in whole KiB × 0.08 = 200.50049; read: 1,253.12805 GB × 0.04 = 50.12512; by
    // fan-out 2,506.25610 × 0.05 = 125.31281; from the second to the seventh day: 144 h × 512,000 B/s = 247.19238 GB × 0.10 =
    // 24.71924. 29.20 + 200.50049 + 50.12512 + 125.31281 + 24.71924 + 29.36913 = 459.22679
    assert_eq!(bill(Mode::OnDemand, everything()), 45923);
    // Committed: 64,160.15625 GB × 0.032 = 2,053.125 for what comes, × 0.016 = 1,026.5625 for what goes, fan-out in it;
    // 247.19238 × 0.023 = 5.68542. 2,053.125 + 1,026.5625 + 5.68542 + 29.36913 = 3,114.74205
    assert_eq!(bill(Mode::OnDemandAdvantage, everything()), 311474);
    // 100 times as much: 250,625.61035 × 0.032 = 8,020.01953; 125,312.80518 × 0.016 = 2,005.00488; by fan-out
    // 250,625.61035 × 0.016 = 4,010.00977; 24,719.23828 × 0.023 = 568.54248; 94,757.08008 × 0.023 = 2,179.41284; table and
    // metrics 7.575. Together 16,790.56450
    let busy = everything().times(100.0);
    assert_eq!(bill(Mode::OnDemandAdvantage, busy), 1679056);
}

#[test]
fn the_cheapest_mode_changes_with_the_traffic() {
    let prices = Prices::of_repository();
    let from = month().cheapest_from(&prices);
    // Next to nothing: a shard costs 10.95 a month, an on-demand stream 29.20.
    assert_eq!(from[0].1, Mode::Provisioned);
    // Records of 100 KiB have four units and need a shard for ten of them in a second.
    let seconds = 730.0 * 3600.0;
    let bursts = Usage {
        records: 0.1 * seconds,
        bytes: 0.1 * 102_400.0 * seconds,
        peak_records_per_s: 100.0,
        peak_bytes_per_s: 100.0 * 102_400.0,
        ..month()
    };
    assert_eq!(bursts.cheapest(&prices), Mode::OnDemand);
    assert_eq!(bursts.shards_needed(), 10.0);
}

#[test]
fn an_hour_is_a_month_to_come() {
    let hour = Usage {
        hours: 1.0,
        records: 3.6e6,
        bytes: 512_000.0 * 3600.0,
        read_bytes: 512_000.0 * 3600.0,
        ..month()
    };
    let prices = Prices::of_repository();
    for mode in Mode::ALL {
        let (one, other) = (
            hour.for_a_month().bill(mode, &prices),
            month().bill(mode, &prices),
        );
        assert!(
            (one.dollars - other.dollars).abs() < 1e-6,
            "{one:?} {other:?}"
        );
    }
}
