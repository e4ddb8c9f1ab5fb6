//! What can name a key that records are encrypted with.

use millstream_types::{AccountId, ArnParts, EncryptionType};

use crate::Failure;
use crate::unverified_texts as texts;

/// Refuses what cannot name a key; whether there is such a key, nobody here knows.
pub(crate) fn check_key(encryption_type: EncryptionType, key_id: &str) -> Result<(), Failure> {
    if encryption_type != EncryptionType::Kms {
        return Err(Failure::invalid_argument(texts::ENCRYPTION_TYPE_NOT_KMS));
    }
    match names_key(key_id) {
        true => Ok(()),
        false => Err(Failure::invalid_argument(texts::invalid_key_id(&key_id))),
    }
}

/// Whether the text is a key's id, an alias, or the ARN of either.
fn names_key(text: &str) -> bool {
    if !text.starts_with("arn:") {
        return is_key_id(text) || text.strip_prefix("alias/").is_some_and(is_alias);
    }
    let Some(parts) = ArnParts::of(text) else {
        return false;
    };
    let is_resource = match parts.resource.split_once('/') {
        Some(("key", id)) => is_key_id(id),
        Some(("alias", name)) => is_alias(name),
        _ => false,
    };
    parts.service == "kms"
        && !parts.region.is_empty()
        && parts.account.parse::<AccountId>().is_ok()
        && is_resource
}

/// A GUID, or `mrk-` and 32 digits for a key of several regions.
fn is_key_id(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digits) = text.strip_prefix("mrk-") {
        return digits.len() == 32 && is_hex(digits);
    }
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    lengths.eq([8, 4, 4, 4, 12]) && groups.iter().all(|group| is_hex(group))
}

fn is_alias(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_id_arn_and_alias() {
        for good in [
            "12345678-1234-1234-1234-123456789abc",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "alias/aws/kinesis",
            "alias/My_Alias-1",
            "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
            "arn:aws-cn:kms:cn-north-1:123456789012:alias/MyAliasName",
        ] {
            assert!(names_key(good), "{good}");
        }
        for bad in [
            "",
            "alias/",
            "alias/a b",
            "aws/kinesis",
            "12345678-1234-1234-1234-12345678901",
            "12345678-1234-1234-1234-12345678901g",
            "mrk-1234",
            "arn:aws:kms:us-east-1:123456789012:key/alias",
            "arn:aws:kms:us-east-1:12345678901:alias/a",
            "arn:aws:kinesis:us-east-1:123456789012:alias/a",
            "arn:aws:kms:us-east-1:123456789012",
        ] {
            assert!(!names_key(bad), "{bad}");
        }
    }
}
