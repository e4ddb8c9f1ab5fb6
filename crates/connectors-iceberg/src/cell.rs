//! Members of JSON as cells of a table.

use iceberg::spec::{PrimitiveType, Type};
use millstream_connectors::format::Kind;
use millstream_connectors::moment;
use serde_json::Value;

/// Integers up to this one are themselves as floats.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;
const DAY_MS: i64 = 86_400_000;

/// What a column takes. Conversions are those of the Parquet files of the other sinks, as far as they have the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellKind {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    /// A text as it is, anything else as JSON.
    Text,
    /// Anything as JSON.
    Json,
    Date,
    /// Microseconds since 1970, with a zone or without.
    Timestamp,
    /// Only null.
    Nothing,
}

impl CellKind {
    /// What a column of this type takes, declared in the file or not.
    pub(crate) fn of(column: &Type, declared: Option<Kind>) -> Self {
        match (column, declared) {
            (Type::Primitive(PrimitiveType::String), Some(Kind::Json)) => Self::Json,
            (Type::Primitive(primitive), _) => match primitive {
                PrimitiveType::Boolean => Self::Boolean,
                PrimitiveType::Int => Self::Int,
                PrimitiveType::Long => Self::Long,
                PrimitiveType::Float => Self::Float,
                PrimitiveType::Double => Self::Double,
                PrimitiveType::String => Self::Text,
                PrimitiveType::Date => Self::Date,
                PrimitiveType::Timestamp | PrimitiveType::Timestamptz => Self::Timestamp,
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }

    /// Whether the value is of this kind.
    pub(crate) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Int => int(value).is_some(),
            Self::Long => long(value).is_some(),
            Self::Float => float(value).is_some(),
            Self::Double => value.as_f64().is_some(),
            Self::Text | Self::Json => true,
            Self::Date => date(value).is_some(),
            Self::Timestamp => micros(value).is_some(),
            Self::Nothing => false,
        }
    }
}

/// The type of a column that is declared so.
pub(crate) fn type_of(kind: Kind) -> PrimitiveType {
    match kind {
        Kind::Boolean => PrimitiveType::Boolean,
        Kind::Long => PrimitiveType::Long,
        Kind::Double => PrimitiveType::Double,
        Kind::String | Kind::Json => PrimitiveType::String,
        Kind::Timestamp => PrimitiveType::Timestamptz,
    }
}

pub(crate) fn long(value: &Value) -> Option<i64> {
    let is_integer = value.is_i64() || value.is_u64();
    let whole = |float: &f64| float.fract() == 0.0 && float.abs() <= EXACT_MAX;
    let of_float = || Some(value.as_f64().filter(whole)? as i64);
    value
        .as_i64()
        .or_else(|| if is_integer { None } else { of_float() })
}

pub(crate) fn int(value: &Value) -> Option<i32> {
    i32::try_from(long(value)?).ok()
}

/// The nearest of 32 bits.
pub(crate) fn float(value: &Value) -> Option<f32> {
    let float = value.as_f64()? as f32;
    float.is_finite().then_some(float)
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Days since 1970, of `2026-11-29` or of a time.
pub(crate) fn date(value: &Value) -> Option<i32> {
    let of_day = || moment::of_text(&format!("{}T00:00:00Z", value.as_str()?));
    let ms = moment::of_json(value).or_else(of_day)?;
    i32::try_from(ms.div_euclid(DAY_MS)).ok()
}

pub(crate) fn micros(value: &Value) -> Option<i64> {
    moment::of_json(value)?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_takes_what_it_can_hold_and_nothing_else() {
        let big = u64::from(u32::MAX);
        for (kind, good, bad) in [
            (CellKind::Boolean, json!([true]), json!([1, "true"])),
            (CellKind::Int, json!([7, 7.0, -8]), json!([big, 0.5, "7"])),
            (
                CellKind::Long,
                json!([big, 1e9]),
                json!([0.5, u64::MAX, true]),
            ),
            (CellKind::Float, json!([0.1, 3]), json!([1e39, "1"])),
            (CellKind::Double, json!([0.1, 1e300]), json!(["1", [1]])),
            (CellKind::Text, json!(["a", 1, {"b": 2}]), json!([])),
            (
                CellKind::Date,
                json!(["2026-11-29", 1_793_620_837]),
                json!(["noon", "2026-13-01"]),
            ),
            (
                CellKind::Timestamp,
                json!(["2026-11-29T12:00:00+01:00"]),
                json!(["2026-11-29", true]),
            ),
            (CellKind::Nothing, json!([]), json!([1, {}])),
        ] {
            for value in good.as_array().unwrap() {
                assert!(kind.takes(value), "{kind:?} {value}");
            }
            for value in bad.as_array().unwrap() {
                assert!(!kind.takes(value), "{kind:?} {value}");
            }
        }
        assert_eq!(date(&json!("2026-11-29")), Some(20_786));
        assert_eq!(date(&json!("2026-11-29T23:30:00-01:00")), Some(20_787));
        assert_eq!(micros(&json!(1_793_620_837)), Some(1_793_620_837_000_000));
    }
}
