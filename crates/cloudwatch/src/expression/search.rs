//! What `SEARCH` looks for: `{AWS/Kinesis,StreamName} MetricName="IncomingBytes" NOT test`.
//!
//! The part in braces names a namespace and exactly the dimensions that a metric has. A term with quotation marks is
//! the whole of what it is compared with; one without is a part of it, in small or large letters. Terms that name no
//! key are compared with all of a metric's names. `AND` is understood between terms; `OR` binds weaker.

use millstream_metrics::Metric;

/// How deep parentheses may lie in each other.
const DEPTH_MAX: usize = 16;

/// A search, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    schema: Option<Schema>,
    filter: Filter,
}

#[derive(Debug, Clone, PartialEq)]
struct Schema {
    namespace: String,
    /// In order.
    dimensions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Term {
        key: Option<String>,
        text: String,
        is_whole: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Mark(char),
}

impl Search {
    /// The search of a text.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: tokens(text)?.into_iter().peekable(),
        };
        let schema = parser.schema()?;
        let filter = match parser.tokens.peek() {
            None => Filter::All(Vec::new()),
            Some(_) => parser.any(None, 0)?,
        };
        match parser.tokens.next() {
            None => Ok(Self { schema, filter }),
            Some(token) => Err(unexpected(&token)),
        }
    }

    /// Whether a metric is looked for.
    pub(crate) fn finds(&self, metric: &Metric) -> bool {
        let is_of_schema = self.schema.as_ref().is_none_or(|schema| {
            let names = metric.dimensions().iter().map(|dimension| &*dimension.name);
            schema.namespace == metric.namespace()
                && names.eq(schema.dimensions.iter().map(String::as_str))
        });
        is_of_schema && self.filter.holds(metric)
    }
}

impl Filter {
    fn holds(&self, metric: &Metric) -> bool {
        match self {
            Self::All(inner) => inner.iter().all(|inner| inner.holds(metric)),
            Self::Any(inner) => inner.iter().any(|inner| inner.holds(metric)),
            Self::Not(inner) => !inner.holds(metric),
            Self::Term {
                key,
                text,
                is_whole,
            } => {
                let is = |name: &str| match is_whole {
                    true => name == text,
                    false => name.to_lowercase().contains(&text.to_lowercase()),
                };
                match key.as_deref() {
                    Some("MetricName") => is(metric.name()),
                    Some("Namespace") => is(metric.namespace()),
                    Some(key) => metric.dimension(key).is_some_and(is),
                    None => {
                        let dimensions = metric.dimensions().iter();
                        is(metric.name())
                            || is(metric.namespace())
                            || dimensions
                                .flat_map(|dimension| [&*dimension.name, &*dimension.value])
                                .any(is)
                    }
                }
            }
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '{' | '}' | ',' | '(' | ')' | '=' => {
                tokens.push(Token::Mark(first));
                &rest[1..]
            }
            '"' => {
                let quoted = rest[1..].split_once('"');
                let (quoted, rest) = quoted.ok_or("a text has no end")?;
                tokens.push(Token::Quoted(quoted.to_owned()));
                rest
            }
            _ => {
                let is_end = |letter: char| letter.is_whitespace() || "{},()=\"".contains(letter);
                let (word, rest) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
                tokens.push(Token::Word(word.to_owned()));
                rest
            }
        }
        .trim_start();
    }
    Ok(tokens)
}

fn unexpected(token: &Token) -> String {
    match token {
        Token::Word(text) | Token::Quoted(text) => format!("unexpected {text} in the search"),
        Token::Mark(mark) => format!("unexpected '{mark}' in the search"),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Parser {
    fn take(&mut self, mark: char) -> bool {
        self.tokens.next_if_eq(&Token::Mark(mark)).is_some()
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_word = |token: &Token| matches!(token, Token::Word(text) if text == word);
        self.tokens.next_if(is_word).is_some()
    }

    fn text(&mut self) -> Result<(String, bool), String> {
        match self.tokens.next() {
            Some(Token::Word(text)) => Ok((text, false)),
            Some(Token::Quoted(text)) => Ok((text, true)),
            Some(token) => Err(unexpected(&token)),
            None => Err("the search ends too early".to_owned()),
        }
    }

    fn schema(&mut self) -> Result<Option<Schema>, String> {
        if !self.take('{') {
            return Ok(None);
        }
        let (namespace, _) = self.text()?;
        let mut dimensions = Vec::new();
        while !self.take('}') {
            if !self.take(',') {
                return Err("a list in braces has no end".to_owned());
            }
            dimensions.push(self.text()?.0);
        }
        dimensions.sort_unstable();
        Ok(Some(Schema {
            namespace,
            dimensions,
        }))
    }

    /// Terms of one key, or of the keys that they name.
    fn any(&mut self, key: Option<&str>, depth: usize) -> Result<Filter, String> {
        if depth > DEPTH_MAX {
            return Err(format!(
                "more than {DEPTH_MAX} parentheses lie in each other"
            ));
        }
        let mut any = vec![self.all(key, depth)?];
        while self.take_word("OR") {
            any.push(self.all(key, depth)?);
        }
        Ok(match any.len() {
            1 => any.remove(0),
            _ => Filter::Any(any),
        })
    }

    fn all(&mut self, key: Option<&str>, depth: usize) -> Result<Filter, String> {
        let mut all = vec![self.one(key, depth)?];
        loop {
            self.take_word("AND");
            let is_end = match self.tokens.peek() {
                None | Some(Token::Mark(')')) => true,
                Some(token) => *token == Token::Word("OR".to_owned()),
            };
            if is_end {
                break;
            }
            all.push(self.one(key, depth)?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Filter::All(all),
        })
    }

    fn one(&mut self, key: Option<&str>, depth: usize) -> Result<Filter, String> {
        let mut is_not = false;
        while self.take_word("NOT") {
            is_not = !is_not;
        }
        let filter = if self.take('(') {
            self.closed(key, depth)?
        } else {
            let (text, is_whole) = self.text()?;
            if key.is_none() && self.take('=') {
                if self.take('(') {
                    self.closed(Some(&text), depth)?
                } else {
                    let (value, is_whole) = self.text()?;
                    Filter::Term {
                        key: Some(text),
                        text: value,
                        is_whole,
                    }
                }
            } else {
                Filter::Term {
                    key: key.map(str::to_owned),
                    text,
                    is_whole,
                }
            }
        };
        Ok(match is_not {
            true => Filter::Not(Box::new(filter)),
            false => filter,
        })
    }

    fn closed(&mut self, key: Option<&str>, depth: usize) -> Result<Filter, String> {
        let inner = self.any(key, depth + 1)?;
        match self.take(')') {
            true => Ok(inner),
            false => Err("a parenthesis has no end".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use millstream_metrics::Dimension;
    use proptest::prelude::*;

    use super::*;

    fn metric(name: &str, dimensions: &[(&str, &str)]) -> Metric {
        let dimensions = dimensions.iter().map(|(name, value)| Dimension {
            name: (*name).into(),
            value: (*value).into(),
        });
        Metric::new("AWS/Kinesis", name, dimensions.collect()).unwrap()
    }

    #[test]
    fn searches_find_by_namespace_dimensions_and_names() {
        let bytes = metric("IncomingBytes", &[("StreamName", "trades")]);
        let shard = metric(
            "IncomingBytes",
            &[("StreamName", "trades"), ("ShardId", "shardId-1")],
        );
        let finds = |text: &str, metric: &Metric| Search::parse(text).unwrap().finds(metric);
        for text in [
            "{AWS/Kinesis,StreamName} MetricName=\"IncomingBytes\"",
            "{AWS/Kinesis, StreamName}",
            "{\"AWS/Kinesis\",\"StreamName\"} NOT test",
            "Namespace=\"AWS/Kinesis\" MetricName=incoming NOT ShardId=shard",
            "MetricName=(\"PutRecord.Bytes\" OR \"IncomingBytes\") StreamName=\"trades\" AND NOT shardid",
            "(GetRecords OR incomingbytes) NOT (ShardId)",
        ] {
            assert!(finds(text, &bytes), "{text}");
            assert!(!finds(text, &shard), "{text}");
        }
        assert!(finds("{AWS/Kinesis,StreamName,ShardId}", &shard));
        for text in [
            "MetricName=\"Incoming\"",
            "StreamName=\"trade\"",
            "{AWS/Other,StreamName}",
            "{AWS/Kinesis}",
        ] {
            assert!(!finds(text, &bytes), "{text}");
        }
        for broken in ["{A", "{A,B", "(a", "a)", "\"a", "a=", "=a", "a OR", "NOT"] {
            assert!(Search::parse(broken).is_err(), "{broken}");
        }
        assert!(Search::parse(&"(".repeat(900)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-c{}(),=\" ORANDTä]{0,40}") {
            let _parsed = Search::parse(&text);
        }
    }
}
