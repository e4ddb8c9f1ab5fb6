//! Java's `.properties` files.

use std::collections::BTreeMap;

/// Reads a file as `java.util.Properties` does: `key = value`, `key: value` or `key value`; `#` and `!` begin comments; a
/// backslash at the end of a line goes on in the next one, elsewhere it escapes. A key that comes twice has its last value.
///
/// Text is UTF-8, or else ISO 8859-1, which is what Java takes it for.
pub(super) fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, InvalidProperties> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let mut properties = BTreeMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let mut logical = line.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while goes_on(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        let unescaped = |text| unescape(text).ok_or(InvalidProperties { line: index + 1 });
        properties.insert(unescaped(key)?, unescaped(value)?);
    }
    Ok(properties)
}

/// A `\u` without four hexadecimal digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: after \\u come four hexadecimal digits")]
pub(super) struct InvalidProperties {
    line: usize,
}

/// Whether the line ends with a backslash that is not escaped itself.
fn goes_on(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    backslashes % 2 == 1
}

/// The key ends at the first `=`, `:` or white space that is not escaped; one `=` or `:` may stand in white space.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line.find(|c: char| {
        let ends = !is_escaped && (c == '=' || c == ':' || c.is_whitespace());
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start())
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let is_whole = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| is_whole)?;
                // Half of a pair, as Java would keep it, is no character.
                plain.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).unwrap().into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn a_file_is_read_as_java_reads_it() {
        let text = "# a comment \\\n! another = one\n\n  executableName = python  worker.py\\ \nstreamName:orders\r\n\
                    regionName eu-west-1\nnothing\n  split = one,\\\n      two\nkey\\ with\\:colon=x=y: z\n\
                    last = 1\nlast = 2\n";
        assert_eq!(
            read(text),
            pairs(&[
                ("executableName", "python  worker.py "),
                ("key with:colon", "x=y: z"),
                ("last", "2"),
                ("nothing", ""),
                ("regionName", "eu-west-1"),
                ("split", "one,two"),
                ("streamName", "orders"),
            ])
        );
    }

    #[test]
    fn escapes_stand_for_characters() {
        assert_eq!(
            read("a = \\u00fc\\t\\\\x\\q\nb = end\\"),
            pairs(&[("a", "ü\t\\xq"), ("b", "end")])
        );
        let latin = parse(b"name = M\xfchle").unwrap();
        assert_eq!(latin["name"], "Mühle");
        assert_eq!(
            parse(b"good = 1\n\nbad = \\u12"),
            Err(InvalidProperties { line: 3 })
        );
    }
}
