//! What traffic would cost on AWS, mode by mode.

use std::fmt;

use serde::Serialize;

use crate::prices::{OnDemandPrices, Prices};

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const GIB: f64 = 1024.0 * MIB;
const MONTH_HOURS: f64 = 730.0;
/// A record's payload unit.
const UNIT_BYTES: f64 = 25.0 * KIB;
/// What a shard takes in a second.
const SHARD_RECORDS_PER_S: f64 = 1_000.0;
/// Retention without a price of its own, and the longest that is not long-term.
const FREE_RETENTION_HOURS: f64 = 24.0;
const EXTENDED_RETENTION_HOURS: f64 = 168.0;

/// What came, was read and was kept in some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// How long was looked at, in hours; above 0.
    pub hours: f64,
    /// Open shards.
    pub shards: f64,
    /// Records that came.
    pub records: f64,
    /// Their data and partition keys. Sizes are taken to be alike: single sizes are not known afterwards.
    pub bytes: f64,
    /// The most records in a second; at least the mean.
    pub peak_records_per_s: f64,
    /// The most bytes in a second; at least the mean.
    pub peak_bytes_per_s: f64,
    /// Bytes read by polling, by all who read.
    pub read_bytes: f64,
    /// Fan-out consumers.
    pub fan_out_consumers: f64,
    /// Bytes that they got together.
    pub fan_out_bytes: f64,
    /// How long records are kept.
    pub retention_hours: f64,
    /// Metrics with a price of their own: of single shards, and of applications.
    pub metrics: f64,
    /// Writes of lease tables, each up to 1 KiB.
    pub table_writes: f64,
    /// Read units of lease tables: 4 KiB, strongly consistent.
    pub table_reads: f64,
    /// What lease tables hold.
    pub table_bytes: f64,
}

/// How a stream is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// By shards.
    Provisioned,
    /// By traffic.
    OnDemand,
    /// By traffic, by an account that commits itself to a least throughput.
    OnDemandAdvantage,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Provisioned, Self::OnDemand, Self::OnDemandAdvantage];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provisioned => "provisioned",
            Self::OnDemand => "on-demand",
            Self::OnDemandAdvantage => "on-demand advantage",
        })
    }
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BillLine {
    /// What is paid for.
    pub what: &'static str,
    /// How much of it.
    pub quantity: f64,
    /// In which unit.
    pub unit: &'static str,
    /// What one costs, in dollars.
    pub price: f64,
    /// What all cost, in dollars.
    pub dollars: f64,
}

/// What a stream costs in one mode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// The mode.
    pub mode: Mode,
    /// Lines with a quantity.
    pub lines: Vec<BillLine>,
    /// All together, in dollars.
    pub dollars: f64,
}

impl Bill {
    fn new(
        mode: Mode,
        lines: impl IntoIterator<Item = (&'static str, f64, &'static str, f64)>,
    ) -> Self {
        let lines = lines
            .into_iter()
            .filter(|(_, quantity, ..)| *quantity > 0.0);
        let lines: Vec<BillLine> = lines
            .map(|(what, quantity, unit, price)| BillLine {
                what,
                quantity,
                unit,
                price,
                dollars: quantity * price,
            })
            .collect();
        let dollars = lines.iter().map(|line| line.dollars).sum();
        Self {
            mode,
            lines,
            dollars,
        }
    }
}

impl Usage {
    /// The same a number of times as busy. Peaks and what is read grow with it; what does not depend on traffic stays. The
    /// shards are those that the peak needs.
    fn times(&self, factor: f64) -> Self {
        let mut busier = Self {
            records: self.records * factor,
            bytes: self.bytes * factor,
            peak_records_per_s: self.peak_records_per_s * factor,
            peak_bytes_per_s: self.peak_bytes_per_s * factor,
            read_bytes: self.read_bytes * factor,
            fan_out_bytes: self.fan_out_bytes * factor,
            ..*self
        };
        busier.shards = busier.shards_needed();
        busier
    }

    /// The same for a month.
    pub fn for_a_month(&self) -> Self {
        let factor = MONTH_HOURS / self.hours;
        Self {
            hours: MONTH_HOURS,
            records: self.records * factor,
            bytes: self.bytes * factor,
            read_bytes: self.read_bytes * factor,
            fan_out_bytes: self.fan_out_bytes * factor,
            table_writes: self.table_writes * factor,
            table_reads: self.table_reads * factor,
            ..*self
        }
    }

    /// Shards that the peak needs, if it is spread evenly.
    pub fn shards_needed(&self) -> f64 {
        let by_bytes = self.peak_bytes_per_s / MIB;
        let by_records = self.peak_records_per_s / SHARD_RECORDS_PER_S;
        by_bytes.max(by_records).ceil().max(1.0)
    }

    fn record_bytes(&self) -> f64 {
        if self.records > 0.0 {
            self.bytes / self.records
        } else {
            0.0
        }
    }

    /// GB-months of what is kept longer than `from` and not longer than `to` hours.
    fn kept_gb_months(&self, from: f64, to: f64) -> f64 {
        let hours = (self.retention_hours.min(to) - from).max(0.0);
        let gb = self.bytes / GIB / self.hours * hours;
        gb * self.hours / MONTH_HOURS
    }

    /// What it costs in a mode.
    pub fn bill(&self, mode: Mode, prices: &Prices) -> Bill {
        let mut lines = match mode {
            Mode::Provisioned => self.provisioned(prices),
            Mode::OnDemand => self.on_demand(&prices.on_demand),
            Mode::OnDemandAdvantage => self.on_demand(&prices.on_demand_advantage),
        };
        let months = self.hours / MONTH_HOURS;
        let kept = self.kept_gb_months(EXTENDED_RETENTION_HOURS, f64::INFINITY);
        let (tables, metrics) = (&prices.tables, &prices.metrics);
        lines.extend([
            (
                "retention beyond 7 days",
                kept,
                "GB-month",
                prices.long_term_retention.gb_month,
            ),
            (
                "lease table, writes",
                self.table_writes / 1e6,
                "million",
                tables.million_writes,
            ),
            (
                "lease table, reads",
                self.table_reads / 1e6,
                "million",
                tables.million_reads,
            ),
            (
                "lease table, kept",
                self.table_bytes / GIB * months,
                "GB-month",
                tables.gb_month,
            ),
            (
                "metrics",
                self.metrics * months,
                "metric-month",
                metrics.metric_month,
            ),
        ]);
        Bill::new(mode, lines)
    }

    fn provisioned(&self, prices: &Prices) -> Vec<(&'static str, f64, &'static str, f64)> {
        let prices = &prices.provisioned;
        let shard_hours = self.shards * self.hours;
        let units = self.records * (self.record_bytes() / UNIT_BYTES).ceil().max(1.0);
        let is_extended = self.retention_hours > FREE_RETENTION_HOURS;
        let extended = if is_extended { shard_hours } else { 0.0 };
        vec![
            ("shards", shard_hours, "shard-hour", prices.shard_hour),
            (
                "records put",
                units / 1e6,
                "million payload units",
                prices.million_payload_units,
            ),
            (
                "retention beyond a day",
                extended,
                "shard-hour",
                prices.extended_retention_shard_hour,
            ),
            (
                "fan-out consumers",
                shard_hours * self.fan_out_consumers,
                "consumer-shard-hour",
                prices.fan_out_consumer_shard_hour,
            ),
            ("fan-out", self.fan_out_bytes / GIB, "GB", prices.fan_out_gb),
        ]
    }

    fn on_demand(&self, prices: &OnDemandPrices) -> Vec<(&'static str, f64, &'static str, f64)> {
        let counted = (self.record_bytes() / KIB).ceil().max(1.0) * KIB;
        let in_gb = self.records * counted / GIB;
        let (read_gb, fan_out_gb) = (self.read_bytes / GIB, self.fan_out_bytes / GIB);
        let least_gb = prices.least_mib_per_s * MIB * self.hours * 3600.0 / GIB;
        let kept = self.kept_gb_months(FREE_RETENTION_HOURS, EXTENDED_RETENTION_HOURS);
        vec![
            ("stream", self.hours, "stream-hour", prices.stream_hour),
            ("ingest", in_gb, "GB", prices.ingest_gb),
            (
                "ingest up to what is committed",
                (least_gb - in_gb).max(0.0),
                "GB",
                prices.ingest_gb,
            ),
            ("retrieval", read_gb, "GB", prices.retrieval_gb),
            ("fan-out", fan_out_gb, "GB", prices.fan_out_gb),
            (
                "retrieval up to what is committed",
                (least_gb - read_gb - fan_out_gb).max(0.0),
                "GB",
                prices.retrieval_gb,
            ),
            (
                "retention beyond a day",
                kept,
                "GB-month",
                prices.extended_retention_gb_month,
            ),
        ]
    }

    /// The cheapest mode, if provisioned shards are as many as the peak needs.
    pub fn cheapest(&self, prices: &Prices) -> Mode {
        let fitting = self.times(1.0);
        let dollars = |mode: &Mode| fitting.bill(*mode, prices).dollars;
        let cheapest = Mode::ALL
            .into_iter()
            .min_by(|one, other| dollars(one).total_cmp(&dollars(other)));
        cheapest.unwrap_or(Mode::Provisioned)
    }

    /// From how many times the present traffic on which mode is the cheapest, from a thousandth of it up to a thousand
    /// times; to one part in a hundred.
    pub fn cheapest_from(&self, prices: &Prices) -> Vec<(f64, Mode)> {
        const STEP: f64 = 1.01;
        let mut found: Vec<(f64, Mode)> = Vec::new();
        let mut factor = 0.001;
        while factor <= 1000.0 {
            let mode = self.times(factor).cheapest(prices);
            if found.last().is_none_or(|(_, last)| *last != mode) {
                found.push((factor, mode));
            }
            factor *= STEP;
        }
        found
    }
}

#[cfg(test)]
mod tests;
