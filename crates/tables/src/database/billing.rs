//! Since when a table is paid per request: since it was made, if its mode was never set again. That it was is kept as a tag
//! of the table, as `continuous_backups` keeps its setting; when, is not known and not shown.

use dynoxide::Database;
use dynoxide::actions::list_tags_of_resource::ListTagsOfResourceRequest;
use dynoxide::actions::tag_resource::TagResourceRequest;
use dynoxide::types::Tag;
use serde_json::Value;

use super::continuous_backups::embedded_arn;

const TAG: &str = "aws:millstream:billing-mode-was-set";

/// Notes that a table's mode is about to be set. What cannot be noted, for there is no such table, cannot be set either.
pub(super) fn note(database: &Database, members: &Value) {
    let (Some(table), Some(_)) = (
        members["TableName"].as_str(),
        members["BillingMode"].as_str(),
    ) else {
        return;
    };
    let tag = Tag {
        key: TAG.into(),
        value: "true".into(),
    };
    let noted = database.tag_resource(TagResourceRequest {
        resource_arn: Some(embedded_arn(table)),
        tags: vec![tag],
    });
    if let Err(error) = noted {
        tracing::debug!(%table, %error, "that a billing mode was set is not noted");
    }
}

/// Adds to the description of a table since when it is paid per request, if that is known.
pub(super) fn complete(database: &Database, described: &mut Value) {
    let members = ["Table", "TableDescription"];
    let Some(name) = members
        .into_iter()
        .find(|name| described[*name].is_object())
    else {
        return;
    };
    let table = &mut described[name];
    if table["BillingModeSummary"]["BillingMode"] != "PAY_PER_REQUEST" {
        return;
    }
    let arn = table["TableName"].as_str().map(embedded_arn);
    let listed = database.list_tags_of_resource(ListTagsOfResourceRequest { resource_arn: arn });
    let was_set = |tags: &[Tag]| tags.iter().any(|tag| tag.key == TAG);
    if listed.is_ok_and(|listed| !was_set(&listed.tags)) {
        let made = table["CreationDateTime"].clone();
        table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = made;
    }
}
