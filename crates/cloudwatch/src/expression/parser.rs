//! From text to an expression.

use super::{Expression, Operator};

/// Longest expression, in bytes.
const BYTES_MAX: usize = 2048;
/// How deep expressions may lie in each other.
const DEPTH_MAX: usize = 32;

/// Operators by how strongly they bind, weakest first; longer ones before those that they begin with.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::Unequal)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

/// The expression of a text.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it is longer than {BYTES_MAX} characters"));
    }
    let mut parser = Parser { rest: text, text };
    let expression = parser.binary(0, 0)?;
    if parser.peek().is_some() {
        return Err(parser.unexpected());
    }
    Ok(expression)
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// The next letter that is no blank.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !is_part(letter));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn unexpected(&self) -> String {
        let position = self.text.len() - self.rest.len() + 1;
        match self.rest.chars().next() {
            Some(letter) => format!("unexpected '{letter}' at position {position}"),
            None => "it ends too early".to_owned(),
        }
    }

    fn binary(&mut self, level: usize, depth: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.power(depth);
        };
        let mut left = self.binary(level + 1, depth)?;
        loop {
            let found = operators.iter().find(|(token, _)| self.take(token));
            let Some((_, operator)) = found else {
                return Ok(left);
            };
            let right = self.binary(level + 1, depth)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
    }

    /// Binds to the right, and stronger than a sign before it.
    fn power(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEPTH_MAX {
            return Err(format!(
                "more than {DEPTH_MAX} expressions lie in each other"
            ));
        }
        if self.take("-") {
            let inner = self.power(depth + 1)?;
            return Ok(Expression::Negated(Box::new(inner)));
        }
        let base = self.atom(depth)?;
        if self.take("^") {
            let exponent = self.power(depth + 1)?;
            return Ok(Expression::Binary(
                Operator::Power,
                Box::new(base),
                Box::new(exponent),
            ));
        }
        Ok(base)
    }

    fn atom(&mut self, depth: usize) -> Result<Expression, String> {
        match self.peek() {
            Some('(') => {
                self.take("(");
                let inner = self.binary(0, depth + 1)?;
                if self.take(")") {
                    Ok(inner)
                } else {
                    Err(self.unexpected())
                }
            }
            Some('[') => {
                self.take("[");
                self.list("]", depth + 1).map(Expression::List)
            }
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            Some(digit) if digit.is_ascii_digit() || digit == '.' => self.number(),
            Some(letter) if letter.is_ascii_alphabetic() => {
                let name =
                    self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '_');
                if self.take("(") {
                    let arguments = self.list(")", depth + 1)?;
                    return Ok(Expression::Call(name.to_ascii_uppercase(), arguments));
                }
                Ok(match name {
                    "REPEAT" | "LINEAR" | "ASC" | "DESC" => Expression::Text(name.to_owned()),
                    _ => Expression::Reference(name.to_owned()),
                })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Expressions with commas between them, up to `end`.
    fn list(&mut self, end: &str, depth: usize) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(self.binary(0, depth)?);
            if self.take(end) {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(self.unexpected());
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Expression, String> {
        self.rest = &self.rest[1..];
        let text = self.take_while(|letter| letter != quote);
        if self.rest.is_empty() {
            return Err("a text has no end".to_owned());
        }
        self.rest = &self.rest[1..];
        Ok(Expression::Text(text.to_owned()))
    }

    fn number(&mut self) -> Result<Expression, String> {
        let whole = self.rest;
        self.take_while(|letter| letter.is_ascii_digit() || letter == '.');
        if let Some(rest) = self.rest.strip_prefix(['e', 'E'])
            && rest
                .trim_start_matches(['+', '-'])
                .starts_with(|letter: char| letter.is_ascii_digit())
        {
            self.rest = rest.trim_start_matches(['+', '-']);
            self.take_while(|letter| letter.is_ascii_digit());
        }
        let text = &whole[..whole.len() - self.rest.len()];
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Expression::Number(number)),
            _ => Err(format!("{text} is no number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        fn show(expression: &Expression) -> String {
            let all = |inner: &[Expression]| inner.iter().map(show).collect::<Vec<_>>().join(" ");
            match expression {
                Expression::Number(number) => number.to_string(),
                Expression::Text(text) => format!("{text:?}"),
                Expression::Reference(name) => name.clone(),
                Expression::Negated(inner) => format!("(neg {})", show(inner)),
                Expression::Binary(operator, left, right) => {
                    format!("({operator:?} {} {})", show(left), show(right))
                }
                Expression::Call(name, inner) => format!("({name} {})", all(inner)),
                Expression::List(inner) => format!("[{}]", all(inner)),
            }
        }
        parse(text).map_or_else(|error| format!("error: {error}"), |parsed| show(&parsed))
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        for (text, expected) in [
            ("m1 + m2 * 3", "(Add m1 (Multiply m2 3))"),
            ("(m1+m2)*-3", "(Multiply (Add m1 m2) (neg 3))"),
            ("m1 - m2 - 1.5e2", "(Subtract (Subtract m1 m2) 150)"),
            ("2^3^2", "(Power 2 (Power 3 2))"),
            ("-m1^2", "(neg (Power m1 2))"),
            (
                "IF(m1 >= 5 && m2 < 1, m1, 0)",
                "(IF (And (GreaterOrEqual m1 5) (Less m2 1)) m1 0)",
            ),
            (
                "sum(METRICS('err'))/PERIOD(m1)",
                "(Divide (SUM (METRICS \"err\")) (PERIOD m1))",
            ),
            ("FILL([m1,m2], REPEAT)", "(FILL [m1 m2] \"REPEAT\")"),
            (
                "SEARCH('{A/B,C} MetricName=\"x\"', 'Sum', 60)",
                "(SEARCH \"{A/B,C} MetricName=\\\"x\\\"\" \"Sum\" 60)",
            ),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_says_where() {
        for (text, error) in [
            ("", "it ends too early"),
            ("m1 +", "it ends too early"),
            ("m1 m2", "unexpected 'm' at position 4"),
            ("SUM(m1", "it ends too early"),
            ("'abc", "a text has no end"),
            ("1.2.3", "1.2.3 is no number"),
            ("m1 ? 2", "unexpected '?' at position 4"),
        ] {
            assert_eq!(shown(text), format!("error: {error}"), "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(500), ")".repeat(500));
        assert!(shown(&deep).contains("lie in each other"));
        assert!(shown(&"-".repeat(500)).contains("lie in each other"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-m1-3+*/^()\\[\\],'\" .eSUMä&|<>=!]{0,60}") {
            let _parsed = parse(&text);
        }
    }
}
