//! Bounds of expressions, as DynamoDB has them. They are looked at before the embedded database parses an expression by
//! recursion, so they also bound how deep that goes.

/// Longest expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 4096;
/// Most operators and functions in one expression. AND and OR do not count, as on AWS; NOT does.
const OPERATORS_MAX: usize = 300;
/// Longest path into a document: the attribute and what is below it.
const PATH_MAX: usize = 32;

/// Which expression it is; its name stands in the texts of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpressionKind {
    Condition,
    Filter,
    KeyCondition,
    Projection,
    Update,
}

impl ExpressionKind {
    fn name(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Projection => "ProjectionExpression",
            Self::Update => "UpdateExpression",
        }
    }
}

/// The functions of expressions. Upper and lower case matter, unlike in keywords.
const FUNCTIONS: [&str; 8] = [
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "if_not_exists",
    "list_append",
    "size",
];

/// What a scan of an expression counts.
#[derive(Debug, Default)]
struct Counts<'a> {
    /// The first function whose name is right but for upper and lower case.
    misspelt: Option<&'a str>,
    operators: usize,
    depth: usize,
    depth_max: usize,
    path_max: usize,
}

/// Checks that an expression is within bounds and spells its functions right; the text of the error otherwise. What passes nests at most
/// [`OPERATORS_MAX`] deep in parentheses, and as deep again in NOT.
pub(super) fn check_bounds(kind: ExpressionKind, text: &str) -> Result<(), String> {
    let name = kind.name();
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(format!(
            "Invalid {name}: Expression size has exceeded the maximum allowed size; expression size: {}",
            text.len()
        ));
    }
    let counts = count(kind, text);
    if counts.operators > OPERATORS_MAX {
        return Err(format!(
            "Invalid {name}: The expression contains too many operators; operator count: {}",
            counts.operators
        ));
    }
    if counts.depth_max > OPERATORS_MAX {
        // More parentheses than operators: around nothing, or never closed.
        return Err(match counts.depth {
            0 => format!("Invalid {name}: The expression has redundant parentheses;"),
            _ => format!(r#"Invalid {name}: Syntax error; token: "<EOF>", near: "(""#),
        });
    }
    if counts.path_max > PATH_MAX {
        return Err(format!(
            "Invalid {name}: The document path has too many nesting levels; nesting levels: {}",
            counts.path_max
        ));
    }
    match counts.misspelt {
        Some(function) => Err(format!(
            "Invalid {name}: Invalid function name; function: {function}"
        )),
        None => Ok(()),
    }
}

fn count(kind: ExpressionKind, text: &str) -> Counts<'_> {
    let mut counts = Counts::default();
    let bytes = text.as_bytes();
    let (mut at, mut path) = (0, 0);
    // What the last token was: a word that can be the name of a function, or a dot of a path.
    let (mut is_after_word, mut is_after_dot) = (false, false);
    let mut last_word = "";
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let (was_after_word, was_after_dot) = (is_after_word, is_after_dot);
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'(' => {
                counts.depth += 1;
                counts.depth_max = counts.depth_max.max(counts.depth);
                counts.operators += usize::from(was_after_word);
                if was_after_word && is_misspelt(last_word) {
                    counts.misspelt.get_or_insert(last_word);
                }
            }
            b')' => counts.depth = counts.depth.saturating_sub(1),
            b'[' => path += 1,
            b'=' if kind == ExpressionKind::Update => {}
            b'=' | b'+' | b'-' => counts.operators += 1,
            b'<' | b'>' => {
                counts.operators += 1;
                at += usize::from(matches!(bytes.get(at), Some(b'=' | b'>')));
            }
            _ if is_word_byte(byte) => {
                let start = at - 1;
                while bytes.get(at).copied().is_some_and(is_word_byte) {
                    at += 1;
                }
                let word = &text[start..at];
                let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
                let is_operator = ["NOT", "IN", "BETWEEN"].into_iter().any(is);
                counts.operators += usize::from(is_operator);
                is_after_word = !is_operator && !is("AND") && !is("OR");
                is_after_dot = false;
                last_word = word;
                // A number stands between the brackets of an index, which counted already.
                if !byte.is_ascii_digit() || was_after_dot {
                    path = if was_after_dot { path + 1 } else { 1 };
                }
                counts.path_max = counts.path_max.max(path);
                continue;
            }
            _ => {}
        }
        is_after_word = false;
        is_after_dot = byte == b'.';
        counts.path_max = counts.path_max.max(path);
    }
    counts
}

fn is_misspelt(word: &str) -> bool {
    let is_but_for_case =
        |function: &&str| *function != word && function.eq_ignore_ascii_case(word);
    FUNCTIONS.iter().any(is_but_for_case)
}

/// Bytes of names, of `#name` and `:value`. Whatever is not ASCII is none of the grammar's tokens.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'#' | b':') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExpressionKind::{Condition, Filter, KeyCondition, Projection, Update};
    use proptest::prelude::*;

    fn refused(kind: ExpressionKind, text: &str) -> String {
        check_bounds(kind, text).unwrap_err()
    }

    #[test]
    fn the_longest_expression_has_4096_bytes() {
        let longest = "a".repeat(4096);
        assert_eq!(check_bounds(Projection, &longest), Ok(()));
        assert_eq!(
            refused(Projection, &format!("{longest}a")),
            "Invalid ProjectionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"
        );
    }

    #[test]
    fn comparisons_functions_and_arithmetic_count_and_connectives_do_not() {
        let count = |kind, text| count(kind, text).operators;
        assert_eq!(count(Condition, "a<b and (a<=b or a<>:v) AND a >= #c"), 4);
        assert_eq!(
            count(Filter, "NOT a IN (:a, :b) AND a BETWEEN :a AND :b"),
            3
        );
        assert_eq!(count(Condition, "size (a) = :s AND begins_with(a, :b)"), 3);
        assert_eq!(count(Update, "SET a = :val1 + :val2 + :val3"), 2);
        assert_eq!(count(Update, "SET a = if_not_exists(a, :z) - :b"), 2);
        let many = |count| vec!["a<b"; count].join(" and ");
        assert_eq!(check_bounds(Condition, &many(300)), Ok(()));
        assert_eq!(
            refused(Condition, &many(301)),
            "Invalid ConditionExpression: The expression contains too many operators; operator count: 301"
        );
        let nots = format!("{}a=b", "NOT ".repeat(301));
        assert!(refused(Filter, &nots).ends_with("operator count: 302"));
    }

    #[test]
    fn names_of_functions_are_in_lower_case() {
        assert_eq!(
            refused(KeyCondition, "p=:p AND BEGINS_WITH (c,:c)"),
            "Invalid KeyConditionExpression: Invalid function name; function: BEGINS_WITH"
        );
        assert_eq!(
            refused(Update, "SET a = LIST_append(:a, :b)"),
            "Invalid UpdateExpression: Invalid function name; function: LIST_append"
        );
        let right = "NOT (a = :a) AND (Size = :b OR size(a) IN (:c)) and begins_with(a, :d)";
        assert_eq!(check_bounds(Condition, right), Ok(()));
    }

    #[test]
    fn parentheses_nest_no_deeper_than_operators_can() {
        let open = refused(KeyCondition, &"(".repeat(2000));
        assert_eq!(
            open,
            r#"Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "(""#
        );
        let around = format!("{}a=b{}", "(".repeat(301), ")".repeat(301));
        assert_eq!(
            refused(Condition, &around),
            "Invalid ConditionExpression: The expression has redundant parentheses;"
        );
    }

    #[test]
    fn a_path_has_32_levels() {
        let path = |levels| vec!["a"; levels].join(".");
        assert_eq!(check_bounds(Projection, &path(32)), Ok(()));
        assert_eq!(
            refused(Projection, &path(33)),
            "Invalid ProjectionExpression: The document path has too many nesting levels; nesting levels: 33"
        );
        assert_eq!(count(Projection, "a[0][1].b, c.#d[12], 0a").path_max, 4);
    }

    proptest! {
        #[test]
        fn any_text_is_counted_and_none_that_passes_nests_deeper(text in r"[\(\)aN OT.\[\]=<>:#é0-9-]{0,600}") {
            if check_bounds(Condition, &text).is_ok() {
                let (mut depth, mut deepest) = (0_i64, 0);
                for char in text.chars() {
                    depth += i64::from(char == '(') - i64::from(char == ')' && depth > 0);
                    deepest = deepest.max(depth);
                }
                prop_assert!(deepest <= 300);
            }
        }
    }
}
