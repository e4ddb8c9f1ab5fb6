//! Members of an input, whatever its encoding: in forms numbers and times are text, in JSON and CBOR they are not.

use std::borrow::Cow;

use millstream_wire::Value;

use crate::moment;
use crate::{CloudWatchError, Encoding, ErrorCode};

/// One structure of an input, and how forms call it, which is how AWS's texts do.
#[derive(Debug, Clone)]
pub(crate) struct Members<'a> {
    value: &'a Value<'a>,
    encoding: Encoding,
    path: String,
}

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a Value<'a>, encoding: Encoding) -> Self {
        Self {
            value,
            encoding,
            path: String::new(),
        }
    }

    /// How a member is called in texts.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    fn get(&self, name: &str) -> Option<&'a Value<'a>> {
        self.value.get(name).filter(|value| **value != Value::Null)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn wrong(&self, name: &str) -> CloudWatchError {
        let message = format!(
            "The parameter {} has a value of the wrong type.",
            self.path(name)
        );
        CloudWatchError::new(ErrorCode::Malformed, message)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, CloudWatchError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name)),
        }
    }

    pub(crate) fn needed_text(&self, name: &str) -> Result<&'a str, CloudWatchError> {
        self.text(name)?
            .ok_or_else(|| CloudWatchError::missing(&self.path(name)))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, CloudWatchError> {
        self.get(name)
            .map(|value| self.number_of(value, name))
            .transpose()
    }

    pub(crate) fn needed_number(&self, name: &str) -> Result<f64, CloudWatchError> {
        self.number(name)?
            .ok_or_else(|| CloudWatchError::missing(&self.path(name)))
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, CloudWatchError> {
        let Some(values) = self.values(name)? else {
            return Ok(None);
        };
        let numbers = values.iter().enumerate();
        let numbers =
            numbers.map(|(at, value)| self.number_of(value, &format!("{name}.member.{}", at + 1)));
        numbers.collect::<Result<_, _>>().map(Some)
    }

    fn number_of(&self, value: &Value<'_>, name: &str) -> Result<f64, CloudWatchError> {
        match value {
            Value::Integer(number) => Ok(*number as f64),
            Value::Float(number) => Ok(*number),
            Value::Text(text) if self.encoding == Encoding::Query => text
                .parse()
                .map_err(|_| CloudWatchError::invalid(&self.path(name), text)),
            // JSON has no other way to say them.
            Value::Text(text) => match &**text {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(self.wrong(name)),
            },
            _ => Err(self.wrong(name)),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<u32>, CloudWatchError> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            // It is one.
            Ok(Some(number as u32))
        } else {
            Err(CloudWatchError::invalid(
                &self.path(name),
                &number.to_string(),
            ))
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, CloudWatchError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::Text(text)) if self.encoding == Encoding::Query => match &**text {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(CloudWatchError::invalid(&self.path(name), text)),
            },
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A moment in milliseconds since the epoch.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, CloudWatchError> {
        let from_secs = |secs: f64| (secs * 1000.0).round() as i64;
        match self.get(name) {
            None => Ok(None),
            Some(Value::TimestampMs(ms)) => Ok(Some(*ms)),
            Some(Value::Integer(secs)) => Ok(Some(secs.saturating_mul(1000))),
            Some(Value::Float(secs)) => Ok(Some(from_secs(*secs))),
            Some(Value::Text(text)) => match moment::parse(text) {
                Some(ms) => Ok(Some(ms)),
                None => Err(CloudWatchError::invalid(&self.path(name), text)),
            },
            Some(_) => Err(self.wrong(name)),
        }
    }

    pub(crate) fn needed_time(&self, name: &str) -> Result<i64, CloudWatchError> {
        self.time(name)?
            .ok_or_else(|| CloudWatchError::missing(&self.path(name)))
    }

    fn values(&self, name: &str) -> Result<Option<&'a [Value<'a>]>, CloudWatchError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::List(values)) => Ok(Some(values)),
            // A form cannot say that a list is empty but so.
            Some(Value::Text(text)) if text.is_empty() && self.encoding == Encoding::Query => {
                Ok(Some(&[]))
            }
            Some(_) => Err(self.wrong(name)),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<Cow<'a, str>>, CloudWatchError> {
        let values = self.values(name)?.unwrap_or_default();
        let texts = values.iter().map(|value| match value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(self.wrong(name)),
        });
        texts.collect()
    }

    /// A structure.
    pub(crate) fn structure(&self, name: &str) -> Result<Option<Self>, CloudWatchError> {
        match self.get(name) {
            None => Ok(None),
            Some(value @ Value::Map(_)) => Ok(Some(Self {
                value,
                encoding: self.encoding,
                path: format!("{}{name}.", self.path),
            })),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A list of structures; `None` if the member is not there.
    pub(crate) fn structures(&self, name: &str) -> Result<Option<Vec<Self>>, CloudWatchError> {
        let Some(values) = self.values(name)? else {
            return Ok(None);
        };
        let items = values.iter().enumerate().map(|(at, value)| match value {
            Value::Map(_) => Ok(Self {
                value,
                encoding: self.encoding,
                path: format!("{}{name}.member.{}.", self.path, at + 1),
            }),
            _ => Err(self.wrong(name)),
        });
        items.collect::<Result<_, _>>().map(Some)
    }
}
