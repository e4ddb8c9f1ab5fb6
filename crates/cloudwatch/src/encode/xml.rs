//! XML: what forms are answered with.

use std::fmt::Write;

use crate::{CloudWatchError, Output, moment};

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

/// The answer to an operation. One without members has no result in it.
pub(super) fn answer(operation: &str, output: &Output, request_id: &str) -> Vec<u8> {
    let mut out = format!("<{operation}Response xmlns=\"{NAMESPACE}\">");
    if *output != Output::Structure(Vec::new()) {
        element(&mut out, &format!("{operation}Result"), output);
    }
    out.push_str("<ResponseMetadata><RequestId>");
    escape(&mut out, request_id);
    out.push_str("</RequestId></ResponseMetadata></");
    out.push_str(operation);
    out.push_str("Response>\n");
    out.into_bytes()
}

pub(super) fn error(error: &CloudWatchError, request_id: &str) -> Vec<u8> {
    let mut out = format!("<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>");
    element(&mut out, "Type", &Output::text(error.code.side()));
    element(&mut out, "Code", &Output::text(error.code.query_code()));
    element(&mut out, "Message", &Output::text(error.message.clone()));
    out.push_str("</Error>");
    element(&mut out, "RequestId", &Output::text(request_id));
    out.push_str("</ErrorResponse>\n");
    out.into_bytes()
}

fn element(out: &mut String, name: &str, value: &Output) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    content(out, value);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn content(out: &mut String, value: &Output) {
    match value {
        Output::Text(text) => escape(out, text),
        // With a point or an exponent always, so that it is read as a fraction.
        Output::Number(number) => {
            write!(out, "{number:?}").expect("texts take all that is written")
        }
        Output::Time(secs) => out.push_str(&moment::format(*secs)),
        Output::List(items) => items.iter().for_each(|item| element(out, "member", item)),
        Output::Structure(members) => {
            members
                .iter()
                .for_each(|(name, member)| element(out, name, member));
        }
        Output::Dictionary(entries) => {
            for (name, entry) in entries {
                out.push_str("<entry>");
                element(out, "key", &Output::text(name.as_str()));
                element(out, "value", entry);
                out.push_str("</entry>");
            }
        }
    }
}

/// Text as it stands between two tags; letters that XML cannot hold become a question mark.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' | ' '.. => out.push(letter),
            _ => out.push('?'),
        }
    }
}
