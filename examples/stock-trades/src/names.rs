//! What the streams and applications are called. An application's name is also that of its lease table.

/// Trades, several shards.
pub(crate) const TRADE_STREAM: &str = "StockTradeStream";
/// Samples of statistics, one shard.
pub(crate) const STATS_STREAM: &str = "StockStatsStream";
/// The first stage: statistics per shard.
pub(crate) const PROCESSOR_APPLICATION: &str = "StockTradesProcessor";
/// The second stage: statistics over all shards.
pub(crate) const AGGREGATOR_APPLICATION: &str = "StockStatsAggregator";
