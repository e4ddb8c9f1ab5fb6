//! One line of a program's answers.

use jaq_json::Val;
use serde::{Deserialize, Deserializer};

use super::super::StepError;
use crate::jq::Limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: u64,
    #[serde(default, deserialize_with = "present")]
    value: Option<Val>,
    #[serde(default)]
    values: Option<Vec<Val>>,
    #[serde(default)]
    error: Option<String>,
}

/// A member that is null is there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Val>, D::Error> {
    Val::deserialize(deserializer).map(Some)
}

/// The id and the answer of a line.
///
/// # Errors
/// What is nonsense in it.
pub(super) fn read(
    line: &[u8],
    limits: &Limits,
) -> Result<(u64, Result<Vec<Val>, StepError>), String> {
    let read: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let answer = match (read.value, read.values, read.error) {
        (Some(value), None, None) => Ok(vec![value]),
        (None, Some(values), None) if values.len() > limits.results_max => Err(StepError::Custom(
            format!("the program has more than {} results", limits.results_max),
        )),
        (None, Some(values), None) => Ok(values),
        (None, None, Some(error)) => Err(StepError::Custom(error)),
        _ => return Err("an answer has either value, or values, or error".to_owned()),
    };
    Ok((read.id, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_nonsense_is_told() {
        let limits = Limits {
            results_max: 2,
            ..Limits::default()
        };
        let count = |line: &str| {
            read(line.as_bytes(), &limits)
                .map(|(id, answer)| (id, answer.map(|values| values.len())))
        };
        assert_eq!(count(r#"{"id":7,"value":{"a":1}}"#), Ok((7, Ok(1))));
        assert_eq!(count(r#"{"value":null,"id":7}"#), Ok((7, Ok(1))));
        assert_eq!(count(r#"{"id":1,"values":[]}"#), Ok((1, Ok(0))));
        assert_eq!(count(r#"{"id":1,"values":[1,[2]]}"#), Ok((1, Ok(2))));
        let refused = count(r#"{"id":1,"error":"no"}"#).unwrap().1;
        assert_eq!(refused, Err(StepError::Custom("no".into())));
        assert!(count(r#"{"id":1,"values":[1,2,3]}"#).unwrap().1.is_err());
        for nonsense in [
            "",
            "hello",
            r#"{"value":1}"#,
            r#"{"id":1}"#,
            r#"{"id":1,"value":1,"values":[]}"#,
            r#"{"id":-1,"value":1}"#,
            r#"{"id":1,"value":1,"more":2}"#,
            r#"{"id":1,"value":1} trailing"#,
        ] {
            assert!(count(nonsense).is_err(), "{nonsense}");
        }
    }
}
