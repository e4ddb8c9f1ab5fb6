//! The tokens of expressions.

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word: the name of an attribute or of a function, or a keyword.
    Word(&'a str),
    /// `#name`
    Alias(&'a str),
    /// `:value`
    Value(&'a str),
    /// The number of an element of a list.
    Number(&'a str),
    /// Anything else.
    Sign(&'a str),
}

impl Token<'_> {
    /// Whether it is a keyword, in upper or lower case.
    pub(super) fn is_keyword(self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether it is one of these signs.
    pub(super) fn is_sign(self, sign: &str) -> bool {
        self == Token::Sign(sign)
    }
}

/// Reads all tokens; `None` if there is something in the text that is none.
///
/// # Errors
/// A word begins with what no word begins with.
pub(super) fn read(text: &str) -> Result<Option<Vec<Token<'_>>>, String> {
    let mut tokens = Vec::new();
    // Where the token before begins, which stands in the text of an error.
    let mut before = 0;
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let start = at;
        let word_end = |from: usize| {
            let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
            let length = text[from..].find(|char| !is_word(char));
            length.map_or(text.len(), |length| from + length)
        };
        let token = match first {
            '#' | ':' => {
                at = word_end(start + 1);
                match first {
                    '#' => Token::Alias(&text[start..at]),
                    _ => Token::Value(&text[start..at]),
                }
            }
            'a'..='z' | 'A'..='Z' => {
                at = word_end(start);
                Token::Word(&text[start..at])
            }
            '0'..='9' if tokens.last() == Some(&Token::Sign("[")) => {
                at = word_end(start);
                Token::Number(&text[start..at])
            }
            '0'..='9' | '_' => {
                let word = &text[start..word_end(start)];
                let digits = word.find(|char: char| !char.is_ascii_digit());
                let token = &word[..digits.unwrap_or(word.len()).max(1)];
                return Err(format!(
                    r#"Syntax error; token: "{token}", near: "{}""#,
                    &text[before..start + word.len()]
                ));
            }
            '<' | '>' => {
                let is_double =
                    text[start + 1..].starts_with(['=', '>']) && &text[start..start + 2] != ">>";
                at = start + 1 + usize::from(is_double);
                Token::Sign(&text[start..at])
            }
            '(' | ')' | ',' | '.' | '[' | ']' | '=' | '+' | '-' => {
                at = start + 1;
                Token::Sign(&text[start..at])
            }
            _ => return Ok(None),
        };
        before = start;
        tokens.push(token);
    }
    Ok(Some(tokens))
}
