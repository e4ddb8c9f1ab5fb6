//! ARNs in requests become names; ARNs in answers get their owner's account and region.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::{TableAnswer, TableOwner};

/// What stands before the resource in the ARNs that the embedded database writes.
const EMBEDDED_SCOPE: &str = ":dynoxide:000000000000:";

/// A request's body with names in place of table ARNs. Bodies without an ARN, almost all, are not even parsed.
///
/// # Errors
/// The answer to a table of another account or region: it is not here.
pub(super) fn name_tables<'a>(
    owner: &TableOwner,
    body: &'a Bytes,
) -> Result<Cow<'a, [u8]>, TableAnswer> {
    if memmem::find(body, b"arn:").is_none() {
        return Ok(Cow::Borrowed(body));
    }
    // What cannot be parsed is the operation's to refuse.
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else {
        return Ok(Cow::Borrowed(body));
    };
    name_members(owner, &mut request)?;
    if let Some(Value::Object(items)) = request.get_mut("RequestItems") {
        for (key, value) in std::mem::take(items) {
            items.insert(table_name(owner, &key)?.unwrap_or(key), value);
        }
    }
    Ok(Cow::Owned(
        serde_json::to_vec(&request).expect("JSON that was read can be written"),
    ))
}

/// An item's attributes are maps from type to value, so a member `TableName` that is text is never one of them.
fn name_members(owner: &TableOwner, value: &mut Value) -> Result<(), TableAnswer> {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "TableName" => {
                        if let Some(name) = table_name(owner, text)? {
                            *text = name;
                        }
                    }
                    // The embedded database takes the table's ARN here, in any account and region.
                    Value::String(text) if key == "ResourceArn" => {
                        table_name(owner, text)?;
                    }
                    value => name_members(owner, value)?,
                }
            }
            Ok(())
        }
        Value::Array(values) => values
            .iter_mut()
            .try_for_each(|value| name_members(owner, value)),
        _ => Ok(()),
    }
}

/// The name in a table's ARN; `None` if the text is no such ARN.
fn table_name(owner: &TableOwner, text: &str) -> Result<Option<String>, TableAnswer> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or("");
    let (arn, partition, service) = (next(), next(), next());
    let (region, account, resource) = (next(), next(), next());
    let Some(name) = resource.strip_prefix("table/") else {
        return Ok(None);
    };
    if arn != "arn" || !partition.starts_with("aws") || service != "dynamodb" {
        return Ok(None);
    }
    if region != owner.region.as_str() || account != owner.account.as_str() {
        return Err(TableAnswer::error(
            400,
            "ResourceNotFoundException",
            &format!("Requested resource not found: Table: {name} not found"),
        ));
    }
    Ok(Some(name.to_owned()))
}

/// Rewrites the embedded database's own ARNs in a description of tables.
pub(super) fn own_arns(owner: &TableOwner, description: &mut Value) {
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

    fn named(request: &Value) -> Result<Value, TableAnswer> {
        let body = Bytes::from(request.to_string());
        name_tables(&owner(), &body).map(|body| serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn table_arns_become_names_wherever_a_request_names_a_table() {
        let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/leases";
        let request = json!({
            "TableName": arn,
            "TransactItems": [{"Put": {"TableName": arn, "Item": {"TableName": {"S": arn}}}}],
            "RequestItems": {arn: {}, "other": {}},
        });
        let expected = json!({
            "TableName": "leases",
            "TransactItems": [{"Put": {"TableName": "leases", "Item": {"TableName": {"S": arn}}}}],
            "RequestItems": {"leases": {}, "other": {}},
        });
        assert_eq!(named(&request).unwrap(), expected);
    }

    #[test]
    fn tables_of_others_are_not_found() {
        for arn in [
            "arn:aws:dynamodb:eu-west-2:123456789012:table/leases",
            "arn:aws:dynamodb:eu-west-1:123456789013:table/leases",
        ] {
            for member in ["TableName", "ResourceArn"] {
                let refused = named(&json!({ member: arn })).unwrap_err();
                assert_eq!(refused.status, 400);
                assert!(refused.body.starts_with(
                    br#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException""#
                ));
            }
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "leases",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/s",
            "arn:",
        ] {
            let request = json!({ "TableName": text });
            assert_eq!(named(&request).unwrap(), request);
        }
        let broken = Bytes::from_static(b"{\"TableName\": \"arn:");
        assert_eq!(name_tables(&owner(), &broken).unwrap(), &broken[..]);
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
