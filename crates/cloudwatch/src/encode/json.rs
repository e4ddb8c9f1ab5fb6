//! JSON: moments are seconds since the epoch.

use serde_json::{Map, Value};

use crate::Output;

pub(super) fn body(output: &Output) -> Vec<u8> {
    value(output).to_string().into_bytes()
}

fn value(output: &Output) -> Value {
    match output {
        Output::Text(text) => Value::from(text.as_str()),
        Output::Number(number) => Value::from(*number),
        Output::Time(secs) => Value::from(*secs),
        Output::List(items) => items.iter().map(value).collect(),
        Output::Structure(members) => {
            let members = members.iter();
            Value::Object(Map::from_iter(
                members.map(|(name, member)| ((*name).to_owned(), value(member))),
            ))
        }
        Output::Dictionary(entries) => {
            let entries = entries.iter();
            Value::Object(Map::from_iter(
                entries.map(|(name, entry)| (name.clone(), value(entry))),
            ))
        }
    }
}
