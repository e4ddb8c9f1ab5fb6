//! Reads real trades: CSV with a header, or one JSON object per line.
//!
//! The first line decides: if it begins with `{`, all lines are JSON. Columns and members are those of
//! [`StockTrade`] in any order; others are ignored; `id` may be missing, then trades are
//! numbered by their lines. Empty lines are skipped. The first line that is not a trade ends the reading with its number.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::trade::{InvalidTrade, StockTrade, TradeType};

/// Where trades are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Standard input, written `-`.
    Stdin,
    File(PathBuf),
}

impl FromStr for Input {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdin,
            path => Self::File(path.into()),
        })
    }
}

impl Input {
    /// The trades, one by one.
    pub(crate) fn open(&self) -> io::Result<Trades> {
        let source: Box<dyn Read + Send> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        Trades::new(source)
    }
}

/// A line that is not a trade, or that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {cause}")]
pub(crate) struct BadLine {
    pub(crate) line: u64,
    #[source]
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("not a trade: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not a trade: {0}")]
    Csv(#[from] csv::Error),
    #[error(transparent)]
    Trade(#[from] InvalidTrade),
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// A trade whose number may be missing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    ticker_symbol: String,
    trade_type: TradeType,
    price: f64,
    quantity: u64,
    id: Option<u64>,
}

/// Trades from text; ends after the first bad line.
pub(crate) struct Trades {
    lines: Lines,
    has_failed: bool,
}

type Source = io::Chain<io::Cursor<Vec<u8>>, BufReader<Box<dyn Read + Send>>>;

enum Lines {
    Json {
        source: Source,
        line: u64,
    },
    Csv {
        reader: csv::Reader<Source>,
        record: csv::StringRecord,
    },
}

impl Trades {
    fn new(source: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut source = BufReader::new(source);
        let mut start = Vec::new();
        // Up to the first line with anything on it.
        while start.trim_ascii().is_empty() {
            if source.read_until(b'\n', &mut start)? == 0 {
                break;
            }
        }
        let is_json = start.trim_ascii_start().starts_with(b"{");
        let source = io::Cursor::new(start).chain(source);
        let lines = if is_json {
            Lines::Json { source, line: 0 }
        } else {
            let reader = csv::ReaderBuilder::new()
                .trim(csv::Trim::All)
                .from_reader(source);
            Lines::Csv {
                reader,
                record: csv::StringRecord::new(),
            }
        };
        Ok(Self {
            lines,
            has_failed: false,
        })
    }

    fn next_line(&mut self) -> Option<Result<(u64, Line), BadLine>> {
        match &mut self.lines {
            Lines::Json { source, line } => {
                let mut text = Vec::new();
                while text.trim_ascii().is_empty() {
                    text.clear();
                    *line += 1;
                    let line = *line;
                    match source.read_until(b'\n', &mut text) {
                        Ok(0) => return None,
                        Ok(_) => {}
                        Err(error) => {
                            let cause = error.into();
                            return Some(Err(BadLine { line, cause }));
                        }
                    }
                }
                let (line, parsed) = (*line, serde_json::from_slice(&text));
                Some(match parsed {
                    Ok(parsed) => Ok((line, parsed)),
                    Err(error) => {
                        let cause = error.into();
                        Err(BadLine { line, cause })
                    }
                })
            }
            Lines::Csv { reader, record } => {
                let read = reader.headers().cloned().and_then(|headers| {
                    let more = reader.read_record(record)?;
                    let parsed = more.then(|| record.deserialize(Some(&headers)));
                    parsed.transpose()
                });
                let line = record.position().map_or(1, csv::Position::line);
                match read {
                    Ok(parsed) => parsed.map(|parsed| Ok((line, parsed))),
                    Err(error) => {
                        let line = error.position().map_or(line, csv::Position::line);
                        let cause = error.into();
                        Some(Err(BadLine { line, cause }))
                    }
                }
            }
        }
    }
}

impl Iterator for Trades {
    type Item = Result<StockTrade, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let next = self.next_line()?.and_then(|(line, parsed)| {
            let trade = StockTrade {
                ticker_symbol: parsed.ticker_symbol,
                trade_type: parsed.trade_type,
                price: parsed.price,
                quantity: parsed.quantity,
                id: parsed.id.unwrap_or(line),
            };
            trade.check().map_err(|cause| BadLine {
                line,
                cause: cause.into(),
            })
        });
        self.has_failed = next.is_err();
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Vec<Result<String, String>> {
        let trades = Trades::new(Box::new(text.as_bytes())).unwrap();
        trades
            .map(|trade| match trade {
                Ok(trade) => Ok(trade.to_string()),
                Err(bad) => Err(bad.to_string()),
            })
            .collect()
    }

    #[test]
    fn csv_columns_may_stand_in_any_order() {
        let trades = read(
            "quantity, price,tickerSymbol,venue,tradeType,id\n350,41.87,ZZTP,X,SELL,12\n1,2,\"Q,1\",X,BUY,13\n",
        );
        assert_eq!(
            trades,
            [
                Ok("ID 12: SELL 350 shares of ZZTP for $41.87".into()),
                Ok("ID 13: BUY 1 shares of Q,1 for $2.00".into())
            ]
        );
    }

    #[test]
    fn json_lines_may_lack_numbers_and_have_gaps() {
        let trades = read(
            "\n{\"tickerSymbol\":\"A\",\"tradeType\":\"BUY\",\"price\":1.5,\"quantity\":2}\n\n{\"tickerSymbol\":\"B\",\"tradeType\":\"SELL\",\"price\":1,\"quantity\":3,\"id\":9}",
        );
        assert_eq!(
            trades,
            [
                Ok("ID 2: BUY 2 shares of A for $1.50".into()),
                Ok("ID 9: SELL 3 shares of B for $1.00".into())
            ]
        );
    }

    #[test]
    fn the_first_bad_line_is_named_and_ends_the_reading() {
        let good = r#"{"tickerSymbol":"A","tradeType":"BUY","price":1,"quantity":1,"id":1}"#;
        let json: &'static str =
            Box::leak(format!("{good}\n{{\"tickerSymbol\":\"A\"}}\n{good}\n").into_boxed_str());
        let trades = read(json);
        assert_eq!(trades.len(), 2);
        assert!(
            trades[1]
                .as_ref()
                .unwrap_err()
                .starts_with("line 2: not a trade"),
            "{trades:?}"
        );

        let header = "tickerSymbol,tradeType,price,quantity,id\n";
        for (bad, message) in [
            ("A,HOLD,1,1,1", "line 3: not a trade"),
            ("A,BUY,x,1,1", "line 3: not a trade"),
            ("A,BUY,1,1", "line 3: not a trade"),
            ("A,BUY,1,0,1", "line 3: quantity must be at least 1"),
            ("A,BUY,-1,1,1", "line 3: price must be"),
            (",BUY,1,1,1", "line 3: tickerSymbol must be"),
            ("A,BUY,NaN,1,1", "line 3: price must be"),
        ] {
            let text = Box::leak(format!("{header}B,SELL,2,2,2\n{bad}\n").into_boxed_str());
            let trades = read(text);
            assert_eq!(trades.len(), 2, "{bad}");
            let error = trades[1].as_ref().unwrap_err();
            assert!(error.starts_with(message), "{bad}: {error}");
        }
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        let trades = read("A,BUY,1,1,1\nB,BUY,1,1,1\n");
        assert!(
            trades[0].as_ref().unwrap_err().contains("tickerSymbol"),
            "{trades:?}"
        );
    }

    #[test]
    fn nothing_is_no_trades() {
        assert!(read("").is_empty());
        assert!(read("\n\n").is_empty());
    }
}
