//! ARNs in requests become names; ARNs in answers get their owner's account and region.

use serde_json::Value;

use crate::owner::TableOwner;

/// What stands before the resource in the ARNs that the embedded database writes.
const EMBEDDED_SCOPE: &str = ":dynoxide:000000000000:";

/// What a request calls a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// By its name, which may still be no valid one.
    Plain(&'a str),
    /// By its ARN, in which this is the name.
    Arn(&'a str),
}

/// Why there is no table behind an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotHere<'a> {
    /// The table with this name, of another account, region or partition.
    OtherOwner(&'a str),
    /// No ARN of a table.
    Malformed,
}

const PARTITION: &str = "aws";

/// Reads what a request calls a table. Every part of an ARN is compared, and nothing may stand behind the name in it.
pub(crate) fn read_name<'a>(owner: &TableOwner, text: &'a str) -> Result<Name<'a>, NotHere<'a>> {
    let Some(rest) = text.strip_prefix("arn:") else {
        return Ok(Name::Plain(text));
    };
    let parts: Vec<_> = rest.splitn(5, ':').collect();
    let [partition, service, region, account, resource] = parts[..] else {
        return Err(NotHere::Malformed);
    };
    let name = resource.strip_prefix("table/").unwrap_or("");
    if service != "dynamodb" || !is_table_name(name) {
        return Err(NotHere::Malformed);
    }
    if partition != PARTITION
        || region != owner.region.as_str()
        || account != owner.account.as_str()
    {
        return Err(NotHere::OtherOwner(name));
    }
    Ok(Name::Arn(name))
}

fn is_table_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// The ARN of a table, or of what else is called by `table/` and this text.
pub(crate) fn table_arn(owner: &TableOwner, name: &str) -> String {
    format!(
        "arn:{PARTITION}:dynamodb:{}:{}:table/{name}",
        owner.region, owner.account
    )
}

/// Rewrites the embedded database's own ARNs in a description of tables.
pub(crate) fn own_arns(owner: &TableOwner, description: &mut Value) {
    match description {
        Value::String(text) if text.starts_with("arn:aws:") && text.contains(EMBEDDED_SCOPE) => {
            let scope = format!(":{}:{}:", owner.region, owner.account);
            *text = text.replacen(EMBEDDED_SCOPE, &scope, 1);
        }
        Value::Object(members) => members
            .values_mut()
            .for_each(|value| own_arns(owner, value)),
        Value::Array(values) => values.iter_mut().for_each(|value| own_arns(owner, value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn owner() -> TableOwner {
        TableOwner {
            account: "123456789012".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        }
    }

    #[test]
    fn every_part_of_an_arn_is_compared() {
        let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/leases";
        assert_eq!(read_name(&owner(), arn), Ok(Name::Arn("leases")));
        assert_eq!(table_arn(&owner(), "leases"), arn);
        for other in [
            "arn:aws:dynamodb:eu-west-2:123456789012:table/leases",
            "arn:aws:dynamodb:eu-west-1:123456789013:table/leases",
            "arn:aws-x:dynamodb:eu-west-1:123456789012:table/leases",
            "arn::dynamodb:eu-west-1:123456789012:table/leases",
        ] {
            let expected = Err(NotHere::OtherOwner("leases"));
            assert_eq!(read_name(&owner(), other), expected, "{other}");
        }
        for malformed in [
            "arn:",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/",
            "arn:aws:dynamodb:eu-west-1:123456789012:leases",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/leases/index/i",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/leases/",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/leases:x",
            "arn:aws:kinesis:eu-west-1:123456789012:table/leases",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/s",
        ] {
            let expected = Err(NotHere::Malformed);
            assert_eq!(read_name(&owner(), malformed), expected, "{malformed}");
        }
        assert_eq!(read_name(&owner(), "ARN:x"), Ok(Name::Plain("ARN:x")));
    }

    #[test]
    fn answers_name_the_owner() {
        let mut answer = json!({"Table": {
            "TableArn": "arn:aws:dynamodb:dynoxide:000000000000:table/leases",
            "Other": "a:dynoxide:000000000000:b",
        }});
        own_arns(&owner(), &mut answer);
        assert_eq!(
            answer,
            json!({"Table": {
                "TableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/leases",
                "Other": "a:dynoxide:000000000000:b",
            }})
        );
    }
}
