use super::*;

fn refused(kind: Kind, text: &str) -> String {
    match Policy::parse(kind, text) {
        Err(error) => error.to_string(),
        Ok(policy) => panic!("{text}: {policy:?}"),
    }
}

const GOOD: &str = r#"{"Effect": "Allow", "Action": "kinesis:*", "Resource": "*""#;

#[test]
fn what_iam_writes_is_read() {
    for good in [
        format!(r#"{{"Statement": {GOOD}}}}}"#),
        format!(r#"{{"Version": "2012-10-17", "Id": "x", "Statement": [{GOOD}, "Sid": "a"}}]}}"#),
        r#"{"Version": "2008-10-17", "Statement": [{"Effect": "Deny", "Action": ["*", "s3:Get?"],
            "Resource": ["arn:aws:kinesis:*:*:stream/*"]}]}"#
            .into(),
    ] {
        assert!(Policy::parse(Kind::Identity, &good).is_ok(), "{good}");
    }
    for principal in [
        r#""*""#,
        r#"{"AWS": "*"}"#,
        r#"{"AWS": "111111111111"}"#,
        r#"{"AWS": ["arn:aws:iam::111111111111:root", "arn:aws-cn:iam::111111111111:user/a/b"]}"#,
    ] {
        let good = format!(r#"{{"Statement": {GOOD}, "Principal": {principal}}}}}"#);
        assert!(Policy::parse(Kind::Resource, &good).is_ok(), "{good}");
        let error = refused(Kind::Identity, &good);
        assert!(error.contains("no Principal"), "{error}");
    }
}

#[test]
fn nothing_is_ignored() {
    for element in [
        "Condition",
        "NotAction",
        "NotResource",
        "NotPrincipal",
        "effect",
    ] {
        let error = refused(
            Kind::Identity,
            &format!(r#"{{"Statement": {GOOD}, "{element}": {{}}}}}}"#),
        );
        assert!(
            error.contains(&format!("unknown field `{element}`")),
            "{error}"
        );
    }
    for (text, part) in [
        ("", "EOF"),
        ("{}", "missing field `Statement`"),
        (r#"{"Statement": []}"#, "must not be empty"),
        (r#"{"Statement": "*"}"#, "expected struct"),
        (
            r#"{"Statement": {"Effect": "Allow"}}"#,
            "missing field `Action`",
        ),
        (
            r#"{"Statement": {"Effect": "allow"}}"#,
            "unknown variant `allow`",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Effect": "Deny"}}"#,
            "duplicate field `Effect`",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}"#,
            "must not be empty",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": 1, "Resource": "*"}}"#,
            "invalid type",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "PutRecord", "Resource": "*"}}"#,
            "\"PutRecord\"",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "meters"}}"#,
            "\"meters\"",
        ),
        (
            r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "arn:${aws:username}"}}"#,
            "variable",
        ),
    ] {
        let error = refused(Kind::Identity, text);
        assert!(error.contains(part), "{text}: {error}");
    }
    let versioned = format!(r#"{{"Version": "2020-01-01", "Statement": {GOOD}}}}}"#);
    assert!(refused(Kind::Identity, &versioned).contains("2020-01-01"));
    let trailing = format!(r#"{{"Statement": {GOOD}}}}} x"#);
    assert!(refused(Kind::Identity, &trailing).contains("trailing"));
    let long = " ".repeat(POLICY_BYTES_MAX + 1);
    assert!(refused(Kind::Identity, &long).contains("20481"));
    let nobody = format!(r#"{{"Statement": {GOOD}}}}}"#);
    assert!(refused(Kind::Resource, &nobody).contains("needs a Principal"));
}

#[test]
fn principals_that_are_not_understood_are_refused() {
    for principal in [
        r#""111111111111""#,
        r#"{"Service": "lambda.amazonaws.com"}"#,
        r#"{"AWS": "*", "Federated": "x"}"#,
        r#"{"AWS": []}"#,
        r#"{"AWS": "1111"}"#,
        r#"{"AWS": "arn:aws:iam::111111111111:user/*"}"#,
        r#"{"AWS": "arn:aws:iam::111111111111:user/"}"#,
        r#"{"AWS": "arn:aws:iam::111111111111:group/a"}"#,
        r#"{"AWS": "arn:aws:sts::111111111111:user/a"}"#,
        "{}",
        "1",
    ] {
        let bad = format!(r#"{{"Statement": {GOOD}, "Principal": {principal}}}}}"#);
        refused(Kind::Resource, &bad);
    }
}
