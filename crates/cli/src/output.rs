//! stdout: aligned tables for people, one JSON object per line for programs.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::failure::Failure;

/// How a command prints.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Format {
    /// Print one JSON object per line, with the API's member names
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Prints a line and sees that it is out.
pub(crate) fn print_line(line: &str) -> Result<(), Failure> {
    print_all(&format!("{line}\n"))
}

/// Prints a JSON object on a line of its own.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print_line(&value.to_string())
}

/// Prints text that ends its own lines.
pub(crate) fn print_all(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failure::stdout)
}

/// Says something to the person at the terminal.
pub(crate) fn say(text: &str) {
    // A closed stderr is no reason to fail: what had to be done is done.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Columns as wide as their widest cell; the last one is not padded.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        for (index, cell) in row.iter().enumerate() {
            if index + 1 == row.len() {
                text.push_str(cell);
            } else {
                text.push_str(cell);
                let padding = widths[index].saturating_sub(cell.chars().count()) + 2;
                text.extend(std::iter::repeat_n(' ', padding));
            }
        }
        text.push('\n');
    }
    text
}

/// Text on one line: what would move the cursor or colour the terminal is escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

/// Data for people: text as it is, anything else as `base64:...`.
pub(crate) fn show_data(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) => one_line(text),
        Err(_) => format!("base64:{}", BASE64_STANDARD.encode(data)),
    }
}

/// Data for programs: member `Data` holds text, member `DataBase64` anything else.
pub(crate) fn data_member(data: &[u8]) -> (&'static str, Value) {
    match std::str::from_utf8(data) {
        Ok(text) => ("Data", Value::from(text)),
        Err(_) => ("DataBase64", Value::from(BASE64_STANDARD.encode(data))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_by_characters() {
        let rows = [
            vec!["ключ".to_owned(), "1".to_owned(), "x".to_owned()],
            vec!["k".to_owned(), "200".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["KEY", "N", "DATA"], &rows),
            "KEY   N    DATA\nключ  1    x\nk     200  \n"
        );
    }

    #[test]
    fn data_stays_on_its_line_and_cannot_steer_the_terminal() {
        assert_eq!(show_data("grüße 🐎".as_bytes()), "grüße 🐎");
        assert_eq!(show_data(b"a\nb\x1b[31m\\"), "a\\nb\\u{1b}[31m\\\\");
        assert_eq!(show_data(b"\xff\x00"), "base64:/wA=");
        assert_eq!(show_data(b""), "");
    }

    #[test]
    fn programs_can_tell_text_from_binary_data() {
        assert_eq!(data_member(b"text"), ("Data", Value::from("text")));
        assert_eq!(data_member(b"\xff"), ("DataBase64", Value::from("/w==")));
    }
}
