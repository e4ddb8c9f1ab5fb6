//! The paths that an expression names, and whether two of them can be of one document.

use serde_json::Value;

use super::tokens::Token;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Name(&'a str),
    Index(&'a str),
}

/// The paths that an update changes: one behind the word of a clause, and one behind each comma that is not between a
/// function's operands.
pub(super) fn targets<'a>(tokens: &[Token<'a>], names: &'a Value) -> Vec<Vec<Step<'a>>> {
    let mut targets = Vec::new();
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let is_clause = ["SET", "REMOVE", "ADD", "DELETE"]
            .into_iter()
            .any(|clause| token.is_keyword(clause));
        match token {
            Token::Sign("(") => depth += 1,
            Token::Sign(")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if is_clause || (depth == 0 && token.is_sign(",")) {
            targets.extend(path(&tokens[at + 1..], names));
        }
    }
    targets
}

/// The paths of a projection.
pub(super) fn listed<'a>(tokens: &[Token<'a>], names: &'a Value) -> Vec<Vec<Step<'a>>> {
    tokens
        .split(|token| token.is_sign(","))
        .filter_map(|tokens| path(tokens, names))
        .collect()
}

/// The path at the start of tokens.
fn path<'a>(tokens: &[Token<'a>], names: &'a Value) -> Option<Vec<Step<'a>>> {
    let name = |token: &Token<'a>| match *token {
        Token::Word(word) => Some(Step::Name(word)),
        Token::Alias(alias) => Some(Step::Name(names[alias].as_str().unwrap_or(alias))),
        _ => None,
    };
    let (first, mut rest) = tokens.split_first()?;
    let mut path = vec![name(first)?];
    loop {
        match rest {
            [Token::Sign("."), step, behind @ ..] => {
                path.push(name(step)?);
                rest = behind;
            }
            [
                Token::Sign("["),
                Token::Number(index),
                Token::Sign("]"),
                behind @ ..,
            ] => {
                path.push(Step::Index(index));
                rest = behind;
            }
            _ => return Some(path),
        }
    }
}

/// Checks that every index into a list is a number that can be one. One beyond a list's end is no error.
///
/// # Errors
/// The text of the error, which names the first that is not.
pub(super) fn check_indexes(tokens: &[Token<'_>]) -> Result<(), String> {
    for three in tokens.windows(3) {
        if let [Token::Sign("["), Token::Number(index), Token::Sign("]")] = three
            && index.parse::<i32>().is_err()
        {
            return Err(format!(
                "List index is not within the allowable range; index: [{index}]"
            ));
        }
    }
    Ok(())
}

/// Checks that no two paths take one value for a map and for a list. Whether one is a part of another is left to the
/// embedded database.
///
/// # Errors
/// The text of the error, which names the first such two.
pub(super) fn check(paths: &[Vec<Step<'_>>]) -> Result<(), String> {
    for (at, one) in paths.iter().enumerate() {
        for two in &paths[at + 1..] {
            let apart = one.iter().zip(two).find(|(one, two)| one != two);
            if let Some((Step::Name(_), Step::Index(_)) | (Step::Index(_), Step::Name(_))) = apart {
                return Err(format!(
                    "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: \
                     {}, path two: {}",
                    shown(one),
                    shown(two)
                ));
            }
        }
    }
    Ok(())
}

fn shown(path: &[Step<'_>]) -> String {
    let steps: Vec<_> = path
        .iter()
        .map(|step| match step {
            Step::Name(name) => (*name).to_owned(),
            Step::Index(index) => format!("[{index}]"),
        })
        .collect();
    format!("[{}]", steps.join(", "))
}
