//! Statistics over trades: counts per ticker symbol and side, quantities, the largest sale.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::trade::{StockTrade, TradeType};

/// Statistics over a set of trades. Adding up the tallies of disjoint sets gives the tally of their union.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tally {
    /// Trades counted.
    pub(crate) trades: u64,
    /// Records that were no trades; they are in none of the other numbers.
    pub(crate) unreadable: u64,
    /// Trades that bought, by ticker symbol.
    pub(crate) buys: BTreeMap<String, u64>,
    /// Trades that sold, by ticker symbol.
    pub(crate) sells: BTreeMap<String, u64>,
    /// Shares bought.
    pub(crate) bought_quantity: u64,
    /// Shares sold.
    pub(crate) sold_quantity: u64,
    /// The sale of the most shares; the earliest of equals within a shard.
    pub(crate) largest_sale: Option<StockTrade>,
}

impl Tally {
    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.trades == 0 && self.unreadable == 0
    }

    /// Ticker symbols in the tally, buys and sells apart.
    pub(crate) fn entries(&self) -> usize {
        self.buys.len() + self.sells.len()
    }

    pub(crate) fn add(&mut self, trade: &StockTrade) {
        self.trades += 1;
        let (counts, quantity) = match trade.trade_type {
            TradeType::Buy => (&mut self.buys, &mut self.bought_quantity),
            TradeType::Sell => (&mut self.sells, &mut self.sold_quantity),
        };
        *quantity = quantity.saturating_add(trade.quantity);
        match counts.get_mut(&trade.ticker_symbol) {
            Some(count) => *count += 1,
            None => {
                counts.insert(trade.ticker_symbol.clone(), 1);
            }
        }
        if trade.trade_type == TradeType::Sell {
            self.offer_sale(trade);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.trades += other.trades;
        self.unreadable += other.unreadable;
        self.bought_quantity = self.bought_quantity.saturating_add(other.bought_quantity);
        self.sold_quantity = self.sold_quantity.saturating_add(other.sold_quantity);
        for (counts, others) in [
            (&mut self.buys, &other.buys),
            (&mut self.sells, &other.sells),
        ] {
            for (ticker, count) in others {
                *counts.entry(ticker.clone()).or_default() += count;
            }
        }
        if let Some(sale) = &other.largest_sale {
            self.offer_sale(sale);
        }
    }

    fn offer_sale(&mut self, sale: &StockTrade) {
        let largest = self.largest_sale.as_ref().map_or(0, |sale| sale.quantity);
        if sale.quantity > largest {
            self.largest_sale = Some(sale.clone());
        }
    }

    /// The ticker symbol bought most often, with its count; the alphabetically first of equals.
    pub(crate) fn most_bought(&self) -> Option<(&str, u64)> {
        most(&self.buys)
    }

    /// The ticker symbol sold most often, with its count; the alphabetically first of equals.
    pub(crate) fn most_sold(&self) -> Option<(&str, u64)> {
        most(&self.sells)
    }

    /// The tutorial's two lines and the largest sale, without a newline at the end.
    pub(crate) fn report(&self) -> String {
        let line = |what, most: Option<(&str, u64)>, side| match most {
            Some((ticker, count)) => {
                format!("Most popular stock being {what}: {ticker}, {count} {side}.\n")
            }
            None => format!("Most popular stock being {what}: null, null {side}.\n"),
        };
        let mut report = line("bought", self.most_bought(), "buys");
        report += &line("sold", self.most_sold(), "sells");
        report += &match &self.largest_sale {
            Some(sale) => format!("Largest sale: {sale}"),
            None => "Largest sale: none".to_owned(),
        };
        report
    }

    /// Everything in one line.
    pub(crate) fn summary(&self) -> String {
        let (buys, sells): (u64, u64) = (self.buys.values().sum(), self.sells.values().sum());
        let most = |most: Option<(&str, u64)>| match most {
            Some((ticker, count)) => format!("{ticker} ({count})"),
            None => "none".to_owned(),
        };
        let mut line = format!(
            "{} trades ({buys} buys, {sells} sells); most bought: {}; most sold: {}; ",
            self.trades,
            most(self.most_bought()),
            most(self.most_sold())
        );
        line += &match &self.largest_sale {
            Some(sale) => format!(
                "largest sale: {} shares of {} for ${:.2}",
                sale.quantity, sale.ticker_symbol, sale.price
            ),
            None => "largest sale: none".to_owned(),
        };
        if self.unreadable > 0 {
            line += &format!("; {} records were no trades", self.unreadable);
        }
        line
    }
}

fn most(counts: &BTreeMap<String, u64>) -> Option<(&str, u64)> {
    let mut best: Option<(&str, u64)> = None;
    for (ticker, count) in counts {
        if best.is_none_or(|(_, most)| *count > most) {
            best = Some((ticker, *count));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::generator::TradeGenerator;

    fn trade(ticker: &str, trade_type: TradeType, quantity: u64) -> StockTrade {
        StockTrade {
            ticker_symbol: ticker.into(),
            trade_type,
            price: 10.0,
            quantity,
            id: quantity,
        }
    }

    #[test]
    fn reports_the_tutorials_lines() {
        let mut tally = Tally::default();
        assert!(tally.report().starts_with(
            "Most popular stock being bought: null, null buys.\nMost popular stock being sold: null, null sells.\n"
        ));
        for (ticker, side, quantity) in [
            ("B", TradeType::Buy, 5),
            ("A", TradeType::Buy, 6),
            ("A", TradeType::Sell, 7),
            ("B", TradeType::Buy, 8),
            ("C", TradeType::Sell, 9),
            ("D", TradeType::Sell, 9),
        ] {
            tally.add(&trade(ticker, side, quantity));
        }
        assert_eq!(
            tally.report(),
            "Most popular stock being bought: B, 2 buys.\n\
             Most popular stock being sold: A, 1 sells.\n\
             Largest sale: ID 9: SELL 9 shares of C for $10.00"
        );
        assert_eq!(
            tally.summary(),
            "6 trades (3 buys, 3 sells); most bought: B (2); most sold: A (1); largest sale: 9 shares of C for $10.00"
        );
        assert_eq!((tally.bought_quantity, tally.sold_quantity), (19, 25));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(seed: u64, count in 0usize..200, cut in 0usize..200) {
            let trades: Vec<_> = TradeGenerator::new(StdRng::seed_from_u64(seed)).take(count).collect();
            let tally = |part: &[StockTrade]| part.iter().fold(Tally::default(), |mut tally, trade| {
                tally.add(trade);
                tally
            });
            let (first, second) = trades.split_at(cut.min(count));
            let mut sum = tally(first);
            sum.merge(&tally(second));
            prop_assert_eq!(&sum, &tally(&trades));
            let json = serde_json::to_string(&sum).unwrap();
            prop_assert_eq!(serde_json::from_str::<Tally>(&json).unwrap(), sum);
        }
    }
}
