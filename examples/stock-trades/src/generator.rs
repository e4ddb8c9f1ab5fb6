//! Invents trades.

use rand::Rng;

use crate::trade::{StockTrade, TradeType};

/// Ticker symbols and mean prices, all invented.
const STOCKS: [(&str, f64); 25] = [
    ("ZZTP", 41.87),
    ("QLMN", 118.32),
    ("VRXO", 87.05),
    ("KJWD", 263.4),
    ("PPUX", 25.61),
    ("HYZQ", 74.9),
    ("WQT", 152.18),
    ("XNV", 96.77),
    ("BZK", 338.02),
    ("OQ", 58.24),
    ("JXL.A", 224_150.0),
    ("TWUV", 47.36),
    ("YKRM", 181.55),
    ("DQXE", 65.13),
    ("UZAF", 529.71),
    ("GVYX", 33.48),
    ("MQOB", 109.99),
    ("RZWI", 212.06),
    ("LXPC", 79.62),
    ("CQJ.A", 404.27),
    ("NVZH", 53.8),
    ("EWKY", 137.45),
    ("SXQU", 290.34),
    ("IJZO", 28.91),
    ("FQWB", 369.03),
];

const SELL_PROBABILITY: f64 = 0.4;
/// A price lies at most this part below its mean, and less than this part above it.
const PRICE_DEVIATION: f64 = 0.2;
const QUANTITY_MAX: u64 = 10_000;

/// Random trades, numbered from 1.
#[derive(Debug)]
pub(crate) struct TradeGenerator<R> {
    rng: R,
    last_id: u64,
}

impl<R: Rng> TradeGenerator<R> {
    pub(crate) fn new(rng: R) -> Self {
        Self { rng, last_id: 0 }
    }
}

impl<R: Rng> Iterator for TradeGenerator<R> {
    type Item = StockTrade;

    fn next(&mut self) -> Option<StockTrade> {
        let (ticker_symbol, mean) = STOCKS[self.rng.random_range(0..STOCKS.len())];
        let deviation = self.rng.random_range(-PRICE_DEVIATION..PRICE_DEVIATION);
        let trade_type = if self.rng.random_bool(SELL_PROBABILITY) {
            TradeType::Sell
        } else {
            TradeType::Buy
        };
        self.last_id += 1;
        Some(StockTrade {
            ticker_symbol: ticker_symbol.to_owned(),
            trade_type,
            price: (mean * (1.0 + deviation) * 100.0 + 0.5).floor() / 100.0,
            quantity: self.rng.random_range(1..=QUANTITY_MAX),
            id: self.last_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_list_has_the_tutorials_shape() {
        let tickers: std::collections::BTreeSet<_> =
            STOCKS.iter().map(|(ticker, _)| ticker).collect();
        assert_eq!(tickers.len(), 25);
        assert_eq!(
            STOCKS
                .iter()
                .filter(|(ticker, _)| ticker.ends_with(".A"))
                .count(),
            2
        );
        let outliers = STOCKS
            .iter()
            .filter(|(_, mean)| !(25.0..=530.0).contains(mean));
        assert_eq!(outliers.count(), 1);
    }

    #[test]
    fn trades_are_distributed_as_promised() {
        let count: u32 = 100_000;
        let trades: Vec<_> = TradeGenerator::new(StdRng::seed_from_u64(1))
            .take(count as usize)
            .collect();
        let ids: Vec<u64> = trades.iter().map(|trade| trade.id).collect();
        assert_eq!(ids, (1..=u64::from(count)).collect::<Vec<_>>());

        let sells = trades
            .iter()
            .filter(|trade| trade.trade_type == TradeType::Sell);
        let sell_part = sells.count() as f64 / f64::from(count);
        assert!((0.39..0.41).contains(&sell_part), "{sell_part}");

        let mut per_ticker: BTreeMap<&str, u32> = BTreeMap::new();
        for trade in &trades {
            *per_ticker.entry(&trade.ticker_symbol).or_default() += 1;
        }
        assert_eq!(per_ticker.len(), 25);
        assert!(
            per_ticker.values().all(|n| (3600..4400).contains(n)),
            "{per_ticker:?}"
        );

        let means: BTreeMap<&str, f64> = STOCKS.into_iter().collect();
        let (mut lowest, mut highest): (f64, f64) = (1.0, 1.0);
        for trade in &trades {
            let part = trade.price / means[trade.ticker_symbol.as_str()];
            lowest = lowest.min(part);
            highest = highest.max(part);
            assert_eq!((trade.price * 100.0).round() / 100.0, trade.price);
            assert!((1..=QUANTITY_MAX).contains(&trade.quantity));
        }
        assert!((0.799..0.803).contains(&lowest), "{lowest}");
        assert!((1.197..1.201).contains(&highest), "{highest}");
        let quantity: u64 = trades.iter().map(|trade| trade.quantity).sum();
        let mean_quantity = quantity / u64::from(count);
        assert!((4900..5100).contains(&mean_quantity), "{mean_quantity}");
    }
}
