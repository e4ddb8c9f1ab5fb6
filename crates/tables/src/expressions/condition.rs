//! What the predicates of a condition are. How they are joined says nothing about whether they are right, and is not kept.

use super::tokens::Token;

/// What a predicate is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    /// An attribute, or something in it.
    Path,
    /// `:value`
    Value(&'a str),
    Call(Call<'a>),
}

/// A function and what it is called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) function: &'a str,
    pub(super) operands: Vec<Operand<'a>>,
}

/// A predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Predicate<'a> {
    Comparison(&'a str, [Operand<'a>; 2]),
    /// The operand, the lower and the upper bound.
    Between([Operand<'a>; 3]),
    /// The operand, and what it may be.
    In(Operand<'a>, Vec<Operand<'a>>),
    Call(Call<'a>),
}

/// The predicates of a condition in their order; `None` if it is not written as one.
pub(super) fn read<'a>(tokens: &[Token<'a>]) -> Option<Vec<Predicate<'a>>> {
    let mut reading = Reading {
        tokens: tokens.iter().copied().peekable(),
        predicates: Vec::new(),
    };
    reading.condition()?;
    match reading.tokens.next() {
        None => Some(reading.predicates),
        Some(_) => None,
    }
}

struct Reading<'a, 't> {
    tokens: std::iter::Peekable<std::iter::Copied<std::slice::Iter<'t, Token<'a>>>>,
    predicates: Vec<Predicate<'a>>,
}

impl<'a> Reading<'a, '_> {
    /// Conditions that are joined. It calls itself as deep as parentheses nest, which is bounded before.
    fn condition(&mut self) -> Option<()> {
        loop {
            while self.keyword("NOT") {}
            if self.sign("(") {
                self.condition()?;
                self.expect(")")?;
            } else {
                let predicate = self.predicate()?;
                self.predicates.push(predicate);
            }
            if !self.keyword("AND") && !self.keyword("OR") {
                return Some(());
            }
        }
    }

    fn predicate(&mut self) -> Option<Predicate<'a>> {
        let operand = self.operand()?;
        if self.keyword("BETWEEN") {
            let lower = self.operand()?;
            if !self.keyword("AND") {
                return None;
            }
            return Some(Predicate::Between([operand, lower, self.operand()?]));
        }
        if self.keyword("IN") {
            self.expect("(")?;
            return Some(Predicate::In(operand, self.operands()?));
        }
        match self.tokens.peek() {
            Some(Token::Sign(sign @ ("=" | "<>" | "<" | "<=" | ">" | ">="))) => {
                let sign = *sign;
                self.tokens.next();
                Some(Predicate::Comparison(sign, [operand, self.operand()?]))
            }
            _ => match operand {
                Operand::Call(call) => Some(Predicate::Call(call)),
                Operand::Path | Operand::Value(_) => None,
            },
        }
    }

    fn operand(&mut self) -> Option<Operand<'a>> {
        match self.tokens.next()? {
            Token::Value(name) => Some(Operand::Value(name)),
            Token::Word(function) if self.sign("(") => Some(Operand::Call(Call {
                function,
                operands: self.operands()?,
            })),
            Token::Word(_) | Token::Alias(_) => {
                self.path_behind()?;
                Some(Operand::Path)
            }
            Token::Number(_) | Token::Sign(_) => None,
        }
    }

    /// Operands up to the parenthesis that closes their list.
    fn operands(&mut self) -> Option<Vec<Operand<'a>>> {
        let mut operands = Vec::new();
        if self.sign(")") {
            return Some(operands);
        }
        loop {
            operands.push(self.operand()?);
            if self.sign(")") {
                return Some(operands);
            }
            self.expect(",")?;
        }
    }

    /// What stands behind the first name of a path.
    fn path_behind(&mut self) -> Option<()> {
        loop {
            if self.sign(".") {
                match self.tokens.next()? {
                    Token::Word(_) | Token::Alias(_) => {}
                    _ => return None,
                }
            } else if self.sign("[") {
                match self.tokens.next()? {
                    Token::Number(_) => self.expect("]")?,
                    _ => return None,
                }
            } else {
                return Some(());
            }
        }
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.tokens.next_if(|token| token.is_sign(sign)).is_some()
    }

    fn expect(&mut self, sign: &str) -> Option<()> {
        self.sign(sign).then_some(())
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.tokens
            .next_if(|token| token.is_keyword(keyword))
            .is_some()
    }
}
