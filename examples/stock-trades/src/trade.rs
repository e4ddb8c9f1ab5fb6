//! One trade, as it stands on the stream.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether stock was bought or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum TradeType {
    Buy,
    Sell,
}

/// One trade. On the stream it is a JSON object of these five members, in UTF-8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StockTrade {
    pub(crate) ticker_symbol: String,
    pub(crate) trade_type: TradeType,
    /// Price of one share, in dollars.
    pub(crate) price: f64,
    /// Number of shares.
    pub(crate) quantity: u64,
    /// Number of the trade at its writer; not unique among writers.
    pub(crate) id: u64,
}

/// Why a trade is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum InvalidTrade {
    #[error("tickerSymbol must be 1 to 256 characters")]
    TickerSymbol,
    #[error("price must be a number, 0 or more")]
    Price,
    #[error("quantity must be at least 1")]
    Quantity,
}

impl StockTrade {
    /// Checks what the types do not.
    pub(crate) fn check(self) -> Result<Self, InvalidTrade> {
        // The ticker symbol is the partition key, whose length the stream limits.
        if !(1..=256).contains(&self.ticker_symbol.chars().count()) {
            return Err(InvalidTrade::TickerSymbol);
        }
        if !self.price.is_finite() || self.price < 0.0 {
            return Err(InvalidTrade::Price);
        }
        if self.quantity == 0 {
            return Err(InvalidTrade::Quantity);
        }
        Ok(self)
    }

    /// The record's data.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a trade has only plain members")
    }
}

impl fmt::Display for StockTrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.trade_type {
            TradeType::Buy => "BUY",
            TradeType::Sell => "SELL",
        };
        write!(
            f,
            "ID {}: {side} {} shares of {} for ${:.2}",
            self.id, self.quantity, self.ticker_symbol, self.price
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_the_tutorials() {
        let text =
            r#"{"tickerSymbol":"ZZTP","tradeType":"SELL","price":42.0,"quantity":350,"id":12}"#;
        let trade: StockTrade = serde_json::from_str(text).unwrap();
        assert_eq!(trade.to_json(), text.as_bytes());
        assert_eq!(
            trade.to_string(),
            "ID 12: SELL 350 shares of ZZTP for $42.00"
        );
    }

    #[test]
    fn members_that_are_not_known_are_ignored() {
        let text =
            r#"{"venue":"X","tickerSymbol":"A","tradeType":"BUY","price":1,"quantity":1,"id":1}"#;
        assert!(serde_json::from_str::<StockTrade>(text).is_ok());
    }
}
