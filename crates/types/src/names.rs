//! Names that clients give or send: streams, consumers, accounts, regions.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text does not follow the rule of its kind of name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {rule}")]
pub struct InvalidName {
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $rule:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { text: text.into(), rule: $rule })
                }
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn is_word(text: &str, length_max: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=length_max).contains(&text.len()) && text.bytes().all(allowed)
}

name!(
    /// Name of a stream: 1 to 128 characters of `[a-zA-Z0-9_.-]`; unique in its account and region.
    StreamName,
    "a stream name: 1 to 128 characters of a-z, A-Z, 0-9, '_', '.' and '-'",
    |text| is_word(text, 128)
);
name!(
    /// Name of a fan-out consumer: 1 to 128 characters of `[a-zA-Z0-9_.-]`; unique on its stream.
    ConsumerName,
    "a consumer name: 1 to 128 characters of a-z, A-Z, 0-9, '_', '.' and '-'",
    |text| is_word(text, 128)
);
name!(
    /// An AWS account: exactly 12 digits.
    AccountId,
    "an account id: exactly 12 digits",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);
name!(
    /// A region as credentials are scoped to it, such as `eu-west-1`: 1 to 64 characters of `[a-zA-Z0-9_.-]`.
    Region,
    "a region: 1 to 64 characters of a-z, A-Z, 0-9, '_', '.' and '-'",
    |text| is_word(text, 64)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rules() {
        assert!("Stock.Trade-Stream_1".parse::<StreamName>().is_ok());
        assert!("a".repeat(128).parse::<StreamName>().is_ok());
        for bad in ["", "a b", "ä", "a/b", &"a".repeat(129)] {
            assert!(bad.parse::<StreamName>().is_err(), "{bad:?}");
        }
        assert!("000000000000".parse::<AccountId>().is_ok());
        assert!("00000000000".parse::<AccountId>().is_err());
        assert!("00000000000a".parse::<AccountId>().is_err());
    }
}
