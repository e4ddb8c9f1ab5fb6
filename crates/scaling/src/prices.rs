//! What AWS asks for: a dated table, in the repository or in a file.

use serde::Deserialize;

/// Prices of one region on one day, in US dollars. The table in the repository says where they come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day on which they were written down, as `2026-11-29`.
    pub date: String,
    /// AWS's name of the region.
    pub region: String,
    /// Of streams with shards that one orders.
    pub provisioned: ProvisionedPrices,
    /// Of on-demand streams.
    pub on_demand: OnDemandPrices,
    /// Of on-demand streams in an account that commits itself to a least throughput.
    pub on_demand_advantage: OnDemandPrices,
    /// Of records that are older than seven days.
    pub long_term_retention: LongTermPrices,
    /// Of tables.
    pub tables: TablePrices,
    /// Of metrics.
    pub metrics: MetricPrices,
}

/// Prices of the provisioned mode.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedPrices {
    /// A shard for an hour.
    pub shard_hour: f64,
    /// A million times up to 25 KiB of a record.
    pub million_payload_units: f64,
    /// Retention from a day up to seven days, of a shard for an hour.
    pub extended_retention_shard_hour: f64,
    /// A fan-out consumer at a shard for an hour.
    pub fan_out_consumer_shard_hour: f64,
    /// What fan-out consumers get.
    pub fan_out_gb: f64,
}

/// Prices of the on-demand modes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnDemandPrices {
    /// A stream for an hour.
    pub stream_hour: f64,
    /// What comes, each record in whole KiB.
    pub ingest_gb: f64,
    /// What is read by polling.
    pub retrieval_gb: f64,
    /// What fan-out consumers get.
    pub fan_out_gb: f64,
    /// What is kept from a day up to seven days.
    pub extended_retention_gb_month: f64,
    /// What is paid for at least, in and out, by the whole account. Default 0.
    #[serde(default)]
    pub least_mib_per_s: f64,
}

/// Prices of long retention.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongTermPrices {
    /// What is kept beyond seven days.
    pub gb_month: f64,
}

/// Prices of a table in on-demand mode.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePrices {
    /// A million writes of up to 1 KiB.
    pub million_writes: f64,
    /// A million eventually consistent half-reads of up to 4 KiB count half of this.
    pub million_reads: f64,
    /// What is kept.
    pub gb_month: f64,
}

/// Prices of metrics.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricPrices {
    /// A metric of one's own for a month, of the first ten thousand.
    pub metric_month: f64,
}

/// The text is no table of prices.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPrices {
    /// A key is missing, unknown or of another type.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A price is below 0, or no number.
    #[error("{0} is not a price")]
    Price(f64),
}

impl Prices {
    /// The table in the repository.
    pub fn of_repository() -> Self {
        Self::parse(include_str!("prices.toml")).expect("a test reads it")
    }

    /// A table in the same form.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, InvalidPrices> {
        let prices: Self = toml::from_str(text)?;
        let bad = prices
            .all()
            .into_iter()
            .find(|price| !price.is_finite() || *price < 0.0);
        bad.map_or(Ok(prices), |price| Err(InvalidPrices::Price(price)))
    }

    fn all(&self) -> Vec<f64> {
        let Self {
            date: _,
            region: _,
            provisioned,
            on_demand,
            on_demand_advantage,
            long_term_retention,
            tables,
            metrics,
        } = self;
        let mut all = vec![
            provisioned.shard_hour,
            provisioned.million_payload_units,
            provisioned.extended_retention_shard_hour,
            provisioned.fan_out_consumer_shard_hour,
            provisioned.fan_out_gb,
            long_term_retention.gb_month,
            tables.million_writes,
            tables.million_reads,
            tables.gb_month,
            metrics.metric_month,
        ];
        for mode in [on_demand, on_demand_advantage] {
            all.extend([
                mode.stream_hour,
                mode.ingest_gb,
                mode.retrieval_gb,
                mode.fan_out_gb,
                mode.extended_retention_gb_month,
                mode.least_mib_per_s,
            ]);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_dated_and_may_be_replaced() {
        let own = include_str!("prices.toml");
        let prices = Prices::of_repository();
        assert_eq!(
            (prices.region.as_str(), prices.date.len()),
            ("us-east-1", 10)
        );
        let other = own.replace("shard_hour = 0.015", "shard_hour = 0.018");
        assert_eq!(Prices::parse(&other).unwrap().provisioned.shard_hour, 0.018);
    }

    #[test]
    fn what_is_no_table_of_prices_is_refused() {
        let own = include_str!("prices.toml");
        for bad in [
            own.replace("shard_hour = 0.015", "shard_hour = -0.015"),
            own.replace("shard_hour = 0.015", "shard_hour = nan"),
            own.replace("shard_hour = 0.015", "shard_huor = 0.015"),
            own.replace("[metrics]", "[metric]"),
            String::new(),
        ] {
            assert!(Prices::parse(&bad).is_err());
        }
    }
}
