//! The functions of expressions, and where each may stand.

use super::tokens::Token;

/// Which expression it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Condition,
    Filter,
    KeyCondition,
    Projection,
    Update,
}

impl Kind {
    /// Why a function of another kind of expression is refused.
    fn refusal(self, function: &str) -> String {
        let kind = match self {
            Self::Condition => "a condition",
            Self::Filter => "a filter",
            Self::Projection => "a projection",
            Self::Update => "an update",
            Self::KeyCondition => {
                return format!("Invalid operator used in KeyConditionExpression: {function}");
            }
        };
        format!("The function is not allowed in {kind} expression; function: {function}")
    }
}

/// A function of conditions and filters, and how many operands it has.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) operands: usize,
    /// Whether it is true or false; a value otherwise.
    pub(super) is_predicate: bool,
    /// Whether its first operand must be a path.
    pub(super) is_of_path: bool,
}

const fn predicate(name: &'static str, operands: usize, is_of_path: bool) -> Function {
    Function {
        name,
        operands,
        is_predicate: true,
        is_of_path,
    }
}

const OF_CONDITIONS: [Function; 6] = [
    predicate("attribute_exists", 1, true),
    predicate("attribute_not_exists", 1, true),
    predicate("attribute_type", 2, false),
    predicate("begins_with", 2, false),
    predicate("contains", 2, false),
    Function {
        name: "size",
        operands: 1,
        is_predicate: false,
        is_of_path: false,
    },
];
const OF_UPDATES: [&str; 2] = ["if_not_exists", "list_append"];
const OF_KEY_CONDITIONS: [&str; 1] = ["begins_with"];

/// A function that a condition may call.
///
/// # Errors
/// There is no such function, or it is one of updates.
pub(super) fn of_condition(kind: Kind, name: &str) -> Result<&'static Function, String> {
    OF_CONDITIONS
        .iter()
        .find(|function| function.name == name)
        .ok_or_else(|| not_here(kind, name))
}

/// Looks at the name before each parenthesis of an expression that is no condition.
///
/// # Errors
/// There is no such function, or it is none of this kind of expression.
pub(super) fn check_calls(kind: Kind, tokens: &[Token<'_>]) -> Result<(), String> {
    let here: &[&str] = match kind {
        Kind::Update => &OF_UPDATES,
        Kind::KeyCondition => &OF_KEY_CONDITIONS,
        Kind::Condition | Kind::Filter | Kind::Projection => return Ok(()),
    };
    let is_keyword = |word: &str| {
        [
            "AND", "OR", "NOT", "IN", "BETWEEN", "SET", "REMOVE", "ADD", "DELETE",
        ]
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
    };
    if kind == Kind::KeyCondition && tokens.iter().any(|token| token.is_keyword("NOT")) {
        return Err("Invalid operator used in KeyConditionExpression: NOT".to_owned());
    }
    for pair in tokens.windows(2) {
        if let [Token::Word(name), Token::Sign("(")] = pair
            && !here.contains(name)
            && !is_keyword(name)
        {
            return Err(not_here(kind, name));
        }
    }
    check_nesting(tokens)
}

/// `list_append` is not an operand of itself.
fn check_nesting(tokens: &[Token<'_>]) -> Result<(), String> {
    // For each parenthesis that is open, whether it is this function's.
    let mut open = Vec::new();
    let mut before = None;
    for token in tokens {
        let is_append = before == Some(Token::Word("list_append"));
        match token {
            Token::Sign("(") if is_append && open.contains(&true) => {
                return Err(
                    "The function is not allowed to be used this way in an expression; function: list_append".into(),
                );
            }
            Token::Sign("(") => open.push(is_append),
            Token::Sign(")") => {
                open.pop();
            }
            _ => {}
        }
        before = Some(*token);
    }
    Ok(())
}

/// Why a function that is none of this kind of expression is refused.
fn not_here(kind: Kind, name: &str) -> String {
    let is_function =
        OF_UPDATES.contains(&name) || OF_CONDITIONS.iter().any(|function| function.name == name);
    if is_function {
        kind.refusal(name)
    } else {
        format!("Invalid function name; function: {name}")
    }
}
