use serde_json::{Value, json};

use super::check;

/// Checks a request with values of several types.
fn checked(member: &str, text: &str) -> Result<(), String> {
    let mut members = json!({
        "ExpressionAttributeNames": {"#a": "a", "#odd": "a.b"},
        "ExpressionAttributeValues": {
            ":s": {"S": "b"}, ":less": {"S": "a"}, ":n": {"N": "2"}, ":one": {"N": "1"}, ":l": {"L": []},
            ":ss": {"SS": ["a"]}, ":true": {"BOOL": true}, ":type": {"S": "NS"}, ":dog": {"S": "DOG"},
        },
    });
    members[member] = json!(text);
    check(members.as_object().unwrap())
}

fn refused(member: &str, text: &str) -> String {
    let why = checked(member, text).expect_err(text);
    let lead = format!("Invalid {member}: ");
    why.strip_prefix(&lead).expect(&why).to_owned()
}

#[test]
fn what_is_right_or_cannot_be_read_is_passed_on() {
    for text in [
        "a = :n AND NOT (#a.b[0] <> :l OR size(c) > :n) and a IN (:n, :s, :true)",
        "a BETWEEN :less AND :s OR a BETWEEN :one AND :n OR a between b and :l2",
        "attribute_exists(a.b[1]) AND attribute_not_exists (#a) AND attribute_type(a, :type)",
        "begins_with(a, :s) AND contains(a, :l) AND contains(:s, a) AND size(:s) < :n",
        "size(a) = size(b)",
        "a = ",
        "a = :n b",
        "((a = :n)",
        "a = $",
        "a.[0] = :n",
        "",
    ] {
        assert_eq!(checked("ConditionExpression", text), Ok(()), "{text}");
        assert_eq!(checked("FilterExpression", text), Ok(()), "{text}");
    }
    for text in [
        "SET a = if_not_exists(b, :n) + :n, c.d[1] = list_append(c, :l) REMOVE e[0] ADD f :n DELETE g :ss",
        "SET a.b = :n, a.c = :n, d[0] = :n, d[1] = :n, #odd = :n",
        "SET a = (:n + :n)",
        "SET a = list_append(if_not_exists(a, :l), :l), b = list_append(b, :l)",
    ] {
        assert_eq!(checked("UpdateExpression", text), Ok(()), "{text}");
    }
    assert_eq!(
        checked("ProjectionExpression", "a.b, a.c[1], #odd[1], b[0], b[1].c"),
        Ok(())
    );
    assert_eq!(
        checked("KeyConditionExpression", "a = :n AND (begins_with(b, :s))"),
        Ok(())
    );
}

#[test]
fn functions_stand_where_they_may_and_have_their_operands() {
    for (text, why) in [
        ("dog(a) = :n", "Invalid function name; function: dog"),
        (
            "if_not_exists(a, a) = :n",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        (
            "size(a)",
            "The function is not allowed to be used this way in an expression; function: size",
        ),
        (
            "attribute_exists(a) = :n",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        (
            "size(a, a) = :n",
            "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2",
        ),
        (
            "a = :n OR NOT attribute_exists(:n)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
    ] {
        assert_eq!(refused("ConditionExpression", text), why);
    }
    assert_eq!(
        refused("FilterExpression", "list_append(a, a) = :n"),
        "The function is not allowed in a filter expression; function: list_append"
    );
    assert_eq!(
        refused("UpdateExpression", "SET a = f123_hi(b, c)"),
        "Invalid function name; function: f123_hi"
    );
    assert_eq!(
        refused("UpdateExpression", "SET a = size(b)"),
        "The function is not allowed in an update expression; function: size"
    );
    assert_eq!(
        checked("KeyConditionExpression", "p = :s AND attribute_exists(c)"),
        Err("Invalid operator used in KeyConditionExpression: attribute_exists".into())
    );
    assert_eq!(
        refused(
            "UpdateExpression",
            "SET a = list_append(list_append(:l, :l), :l)"
        ),
        "The function is not allowed to be used this way in an expression; function: list_append"
    );
}

#[test]
fn operators_take_values_of_their_types() {
    let wrong = |operator: &str, found: &str| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {found}"
        )
    };
    for (text, operator, found) in [
        ("a < :l", "<", "L"),
        ("a <= :ss", "<=", "SS"),
        (":true > a", ">", "BOOL"),
        ("a >= :l", ">=", "L"),
        ("a BETWEEN b AND :l", "BETWEEN", "L"),
        ("begins_with(a, :n)", "begins_with", "N"),
        ("attribute_type(a, :n)", "attribute_type", "N"),
        ("size(:n) = :n", "size", "N"),
    ] {
        assert_eq!(refused("ConditionExpression", text), wrong(operator, found));
    }
    assert_eq!(
        refused("FilterExpression", "attribute_type(a, :dog)"),
        "Invalid attribute type name found; type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
    );
    assert!(
        refused("ConditionExpression", "attribute_type(a, b)")
            .starts_with("Incorrect operand type")
    );
    assert_eq!(
        refused("FilterExpression", "a BETWEEN :n AND :one"),
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: \
         AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"
    );
    assert!(
        refused("FilterExpression", "a BETWEEN :n AND :s").starts_with(
            "The BETWEEN operator requires same data type for lower and upper bounds;"
        )
    );
}

#[test]
fn words_begin_with_a_letter() {
    for (text, token, near) in [
        ("SET _123 = :n", "_", "SET _123"),
        ("SET a = _f(b)", "_", "= _f"),
        ("SET 123a = :n", "123", "SET 123a"),
        ("SET a.1 = :n", "1", ". 1"),
    ] {
        let near = near.replace(". 1", ".1");
        assert_eq!(
            refused("UpdateExpression", text),
            format!(r#"Syntax error; token: "{token}", near: "{near}""#)
        );
    }
    assert!(refused("ProjectionExpression", "a, _b").contains("Syntax error"));
    assert!(refused("ConditionExpression", "1a = :n").contains("Syntax error"));
}

#[test]
fn no_value_is_a_map_and_a_list() {
    for (member, text) in [
        ("UpdateExpression", "SET a.b = :n, a[1] = :n"),
        ("UpdateExpression", "SET c = :n REMOVE #a[1] ADD a.b :n"),
        ("ProjectionExpression", "a.b, c, #a[1]"),
    ] {
        let why = refused(member, text);
        assert!(
            why.starts_with(
                "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, "
            ),
            "{why}"
        );
    }
    assert_eq!(
        refused("ProjectionExpression", "a.b.c, a.b[2]"),
        "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b, c], \
         path two: [a, b, [2]]"
    );
}

#[test]
fn what_transactions_and_batches_do_is_checked_too() {
    let put = json!({"TableName": "t", "Item": {}, "ConditionExpression": "dog(a)"});
    let get = json!({"TableName": "t", "Key": {}, "ProjectionExpression": "a.b, a[0]"});
    for members in [
        json!({"TransactItems": [{}, {"Put": put}]}),
        json!({"TransactItems": [{"Get": get}]}),
        json!({"RequestItems": {"t": get}}),
    ] {
        let found: Result<(), String> = check(members.as_object().unwrap());
        assert!(found.is_err(), "{members}");
    }
    let other: Value = json!({"RequestItems": {"t": [{"PutRequest": {}}]}, "TransactItems": "x"});
    assert_eq!(check(other.as_object().unwrap()), Ok(()));
}

#[test]
fn an_index_into_a_list_is_a_number_that_can_be_one() {
    let text = "List index is not within the allowable range; index: [99999999999999]";
    for (member, expression) in [
        ("ProjectionExpression", "b, a[99999999999999]"),
        ("ConditionExpression", "a[99999999999999] = :n"),
        ("UpdateExpression", "REMOVE a[1][99999999999999]"),
    ] {
        assert_eq!(refused(member, expression), text);
    }
    assert_eq!(checked("ProjectionExpression", "a[2147483647]"), Ok(()));
}

#[test]
fn keys_are_not_asked_for_by_what_they_are_not() {
    let text = "Invalid operator used in KeyConditionExpression: NOT";
    let expression = "NOT c = :s AND p = :s";
    assert_eq!(
        checked("KeyConditionExpression", expression),
        Err(text.into())
    );
}
