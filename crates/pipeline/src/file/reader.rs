//! Reads tables with their places, and collects what is wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::is_name;
use crate::jq::Program;

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The text, and what is wrong with it.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, offset: usize, message: String) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.problems.push(Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        });
    }

    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort();
        self.problems.dedup();
        self.problems
    }

    /// Compiles a program that stands at this place.
    pub(super) fn program(&mut self, what: &str, text: &str, at: usize) -> Option<Program> {
        match Program::compile(text) {
            Ok(program) => Some(program),
            Err(error) => {
                // A text without escapes stands in the file as it is, behind its quotes.
                let rest = &self.text[at..];
                let inside = rest.find(text).filter(|inside| *inside <= 4).unwrap_or(0);
                let offset = if inside > 0 {
                    at + inside + error.offset
                } else {
                    at
                };
                self.problem(offset, format!("{what} is no jq program: {error}"));
                None
            }
        }
    }
}

/// One table of the file, whose members are taken out one by one.
pub(super) struct Section<'a> {
    path: String,
    at: usize,
    table: &'a DeTable<'a>,
    taken: BTreeSet<String>,
}

impl<'a> Section<'a> {
    pub(super) fn new(path: &str, at: usize, table: &'a DeTable<'a>) -> Self {
        Self {
            path: path.to_owned(),
            at,
            table,
            taken: BTreeSet::new(),
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The member's name with the names of the tables around it.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The names of the members that nobody has taken yet, in the order of the file.
    pub(super) fn rest(&self) -> Vec<(String, usize)> {
        let rest = self
            .table
            .keys()
            .filter(|key| !self.taken.contains(key.get_ref().as_ref()));
        let mut rest: Vec<_> = rest
            .map(|key| (key.get_ref().to_string(), key.span().start))
            .collect();
        rest.sort_by_key(|(_, at)| *at);
        rest
    }

    fn take(&mut self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.taken.insert(name.to_owned());
        self.table.get(name)
    }

    fn wrong(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        found: &Spanned<DeValue<'_>>,
        right: &str,
    ) {
        let message = format!(
            "{} is of type {}: write {right}",
            self.path_of(name),
            found.get_ref().type_str()
        );
        reader.problem(found.span().start, message);
    }

    pub(super) fn text(&mut self, reader: &mut Reader<'_>, name: &str) -> Option<(String, usize)> {
        let found = self.take(name)?;
        match found.get_ref().as_str() {
            Some(text) => Some((text.to_owned(), found.span().start)),
            None => {
                self.wrong(reader, name, found, &format!("{name} = \"...\""));
                None
            }
        }
    }

    /// A text that must be there; `example` is what would be right.
    pub(super) fn required(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        example: &str,
    ) -> Option<(String, usize)> {
        if !self.has(name) {
            let message = format!(
                "{} is missing: write {name} = {example}",
                self.path_of(name)
            );
            reader.problem(self.at, message);
        }
        self.text(reader, name)
    }

    /// A stream's or table's name that must be there.
    pub(super) fn required_name(&mut self, reader: &mut Reader<'_>, name: &str) -> Option<String> {
        let (text, at) = self.required(reader, name, "\"NAME\"")?;
        if !is_name(&text, 1..=128) {
            let message = format!(
                "{} {text:?} must be 1 to 128 letters, digits, _ . and -",
                self.path_of(name)
            );
            reader.problem(at, message);
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&mut self, reader: &mut Reader<'_>, name: &str) -> bool {
        let Some(found) = self.take(name) else {
            return false;
        };
        found.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(
                reader,
                name,
                found,
                &format!("{name} = true or {name} = false"),
            );
            false
        })
    }

    /// A time span such as `"30s"`.
    pub(super) fn duration(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
    ) -> Option<(Duration, usize)> {
        let (text, at) = self.text(reader, name)?;
        match humantime::parse_duration(&text) {
            Ok(duration) => Some((duration, at)),
            Err(_) => {
                let path = self.path_of(name);
                reader.problem(
                    at,
                    format!("{path} {text:?} is no time span: write \"30s\", \"5m\" or \"1h 30m\""),
                );
                None
            }
        }
    }

    /// A size such as `"64 MiB"`, or a number of bytes.
    pub(super) fn bytes(&mut self, reader: &mut Reader<'_>, name: &str) -> Option<(usize, usize)> {
        let found = self.take(name)?;
        let at = found.span().start;
        let parsed = match found.get_ref() {
            DeValue::String(text) => size(text),
            DeValue::Integer(number) => number.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        if parsed.is_none() {
            let path = self.path_of(name);
            reader.problem(
                at,
                format!("{path} is no size: write \"64 MiB\", \"500 KiB\" or a number of bytes"),
            );
        }
        parsed.map(|bytes| (bytes, at))
    }

    /// A whole number in this range, if it is there; nothing if it is wrong.
    pub(super) fn number(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Option<Option<usize>> {
        let Some(found) = self.take(name) else {
            return Some(None);
        };
        let number = match found.get_ref() {
            DeValue::Integer(number) => number.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let path = self.path_of(name);
            let (from, to) = (range.start(), range.end());
            reader.problem(
                found.span().start,
                format!("{path} must be a number from {from} to {to}"),
            );
        }
        number.map(Some)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, reader: &mut Reader<'_>, name: &str) -> Vec<String> {
        let Some(found) = self.take(name) else {
            return Vec::new();
        };
        let texts = found.get_ref().as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        texts.unwrap_or_else(|| {
            self.wrong(reader, name, found, &format!("{name} = [\"a\", \"b\"]"));
            Vec::new()
        })
    }

    /// A jq program.
    pub(super) fn program(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
    ) -> Option<Option<Program>> {
        if !self.has(name) {
            self.taken.insert(name.to_owned());
            return None;
        }
        let path = self.path_of(name);
        let found = self.text(reader, name);
        Some(found.and_then(|(text, at)| reader.program(&path, &text, at)))
    }

    pub(super) fn section(&mut self, reader: &mut Reader<'_>, name: &str) -> Option<Section<'a>> {
        let found = self.take(name)?;
        match found.get_ref().as_table() {
            Some(table) => Some(Section::new(&self.path_of(name), found.span().start, table)),
            None => {
                self.wrong(
                    reader,
                    name,
                    found,
                    &format!("[{name}], or {name} = {{ ... }}"),
                );
                None
            }
        }
    }

    pub(super) fn sections(&mut self, reader: &mut Reader<'_>, name: &str) -> Vec<Section<'a>> {
        let Some(found) = self.take(name) else {
            return Vec::new();
        };
        let Some(items) = found.get_ref().as_array() else {
            self.wrong(
                reader,
                name,
                found,
                &format!("[[{name}]], once for each {name}"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}[{}]", self.path_of(name), index + 1);
                    sections.push(Section::new(&path, item.span().start, table));
                }
                None => self.wrong(
                    reader,
                    name,
                    item,
                    &format!("[[{name}]], once for each {name}"),
                ),
            }
        }
        sections
    }

    /// All members are known now: any other is a mistake.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for (name, at) in self.rest() {
            let nearest = self.taken.iter().min_by_key(|known| distance(known, &name));
            let hint = match nearest {
                Some(known) if distance(known, &name) <= 2 => format!(": did you mean {known}?"),
                _ => {
                    let known: Vec<&str> = self.taken.iter().map(String::as_str).collect();
                    format!(": known here are {}", known.join(", "))
                }
            };
            reader.problem(at, format!("{} is not known{hint}", self.path_of(&name)));
        }
    }
}

/// Bytes as people write them.
fn size(text: &str) -> Option<usize> {
    let digits = text
        .find(|one: char| !one.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KB" | "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

/// How many letters have to be changed, added or left out to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (at, against) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *against);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_distances() {
        assert_eq!(
            (size("64 MiB"), size("1KB"), size("7")),
            (Some(64 << 20), Some(1000), Some(7))
        );
        assert_eq!(
            (size("x"), size("1 XB"), size("99999999999999999999")),
            (None, None, None)
        );
        assert_eq!(
            (
                distance("stream", "steram"),
                distance("by", "by"),
                distance("", "abc")
            ),
            (2, 0, 3)
        );
    }
}
