//! Bodies with members in an order, some of them twice: what no map can say.

use millstream_wire::{Encoding, Operation};
use serde_json::{Value, json};

use super::naming::{METERS, Meaning};
use crate::every_operation;

/// A member of a body.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) value: Value,
    /// What it says about the stream or consumer, if that is what it is there for.
    pub(super) meaning: Option<Meaning>,
    /// Whether its name is written with an escape, where there are any.
    pub(super) is_escaped: bool,
}

/// A request that the operation would answer, but for what it is about.
pub(super) fn unnamed(operation: Operation) -> Vec<Member> {
    let body = every_operation::body(operation, "");
    let Value::Object(mut members) = serde_json::from_str(&body).unwrap() else {
        panic!("a body is an object");
    };
    for name in [
        "StreamName",
        "StreamARN",
        "ConsumerARN",
        "ResourceARN",
        "ShardIterator",
    ] {
        members.remove(name);
    }
    let (name, value) = match operation {
        Operation::DeleteStream => ("EnforceConsumerDeletion", json!(true)),
        // Subscribers are answered for minutes; this one gets as far as permission.
        Operation::SubscribeToShard => ("ShardId", json!("shardId-000000000099")),
        Operation::PutResourcePolicy => ("Policy", json!(policy())),
        _ => ("DryRun", json!(false)),
    };
    members.insert(name.into(), value);
    let member = |(name, value)| Member {
        name,
        value,
        meaning: None,
        is_escaped: false,
    };
    members.into_iter().map(member).collect()
}

/// A policy that lets the clerk do what it may do anyway.
fn policy() -> String {
    json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kinesis:ListShards", "Resource": METERS}})
        .to_string()
}

pub(super) fn encoded(members: &[Member], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Json => {
            let members = members.iter().map(|member| {
                let name = if member.is_escaped {
                    let first = u32::from(member.name.chars().next().unwrap());
                    format!("\"\\u{first:04x}{}\"", &member.name[1..])
                } else {
                    json!(member.name).to_string()
                };
                format!("{name}:{}", member.value)
            });
            let members: Vec<_> = members.collect();
            format!("{{{}}}", members.join(",")).into_bytes()
        }
        Encoding::Cbor => {
            let mut body = Vec::new();
            head(&mut body, 5, members.len());
            for member in members {
                cbor(&mut body, &json!(member.name));
                cbor(&mut body, &member.value);
            }
            body
        }
    }
}

fn cbor(body: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => body.push(0xf6),
        Value::Bool(is_true) => body.push(if *is_true { 0xf5 } else { 0xf4 }),
        Value::Number(number) => head(body, 0, number.as_u64().unwrap().try_into().unwrap()),
        Value::String(text) => {
            head(body, 3, text.len());
            body.extend_from_slice(text.as_bytes());
        }
        Value::Array(values) => {
            head(body, 4, values.len());
            values.iter().for_each(|value| cbor(body, value));
        }
        Value::Object(members) => {
            head(body, 5, members.len());
            for (name, value) in members {
                cbor(body, &json!(name));
                cbor(body, value);
            }
        }
    }
}

fn head(body: &mut Vec<u8>, major: u8, number: usize) {
    match u8::try_from(number) {
        Ok(number) if number < 24 => body.push(major << 5 | number),
        _ => {
            body.push(major << 5 | 25);
            body.extend_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
        }
    }
}
