//! What is asked about is what is done: for every operation, whatever else its request names and however often, the
//! policies, the operation and the audit log mean one and the same stream or consumer, in JSON and in CBOR.

mod bodies;
mod naming;
mod world;

use std::cell::RefCell;

use bodies::Member;
use millstream_wire::{Encoding, Operation};
use naming::{Extra, METERS, Meaning, Naming, extras};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use world::World;

use crate::client::Answer;

const CASES_PER_OPERATION: u32 = 60;

/// What a call of the clerk is expected to be, worked out from its members alone.
struct Expected {
    asked: Option<String>,
    is_denied: bool,
}

fn expected(world: &World, operation: Operation, members: &[Member]) -> Expected {
    if operation == Operation::RegisterStreamConsumer && has_no_consumer_name(members) {
        return Expected {
            asked: None,
            is_denied: false,
        };
    }
    let naming = Naming::of(operation);
    let named = members
        .iter()
        .filter_map(|member| Some((&*member.name, member.meaning.as_ref()?)));
    let asked = naming.asked(&named.collect::<Vec<_>>());
    // A name means the consumer that has it now.
    let asked = asked.map(|arn| world.with_creation(arn));
    let is_denied = asked.as_ref().is_some_and(|arn| world.is_denied(arn));
    Expected { asked, is_denied }
}

/// The name of a new consumer names nothing that is there, but a request without a good one is refused before anything is
/// asked.
fn has_no_consumer_name(members: &[Member]) -> bool {
    let last = members
        .iter()
        .rev()
        .find(|member| member.name == "ConsumerName");
    last.is_none_or(|member| matches!(member.meaning, Some(Meaning::Null | Meaning::Wrong)))
}

/// Whether the operation is about streams rather than records: such calls are always told.
fn is_always_told(operation: Operation) -> bool {
    use Operation as O;
    !matches!(
        operation,
        O::GetRecords
            | O::GetShardIterator
            | O::ListShards
            | O::PutRecord
            | O::PutRecords
            | O::SubscribeToShard
    )
}

fn check(operation: Operation, expected: &Expected, answer: &Answer) {
    let (error, text) = (answer.header("x-amzn-errortype"), answer.text());
    let is_denied = error == "AccessDeniedException";
    assert_eq!(is_denied, expected.is_denied, "{answer:?}");
    match &expected.asked {
        None => assert_eq!(answer.status, 400, "refused before it is asked: {answer:?}"),
        Some(arn) if is_denied => {
            let asked = format!(" on resource: {arn} ");
            assert!(text.contains(&asked), "{text}");
        }
        Some(arn) if answer.status == 200 => {
            let is_new = operation == Operation::CreateStream && *arn == world::missing();
            let is_clerks = arn == "*" || arn.starts_with(METERS);
            assert!(is_clerks || is_new, "{arn} {answer:?}");
        }
        Some(_) => {}
    }
    if answer.status == 200 {
        for untold in World::untold(operation) {
            assert!(!text.contains(untold), "{untold}: {text}");
        }
    }
}

async fn call(world: &mut World, operation: Operation, extras: &[Extra], encoding: Encoding) {
    let mut members = bodies::unnamed(operation);
    for extra in extras {
        let (value, meaning) = world.given.value(extra.member, extra.thing);
        let member = Member {
            name: extra.member.into(),
            value,
            meaning: Some(meaning),
            is_escaped: extra.is_escaped,
        };
        members.insert(extra.place.index(members.len() + 1), member);
    }
    let body = bodies::encoded(&members, encoding);
    let expected = expected(world, operation, &members);
    let answer = world.clerk_calls(operation, &body, encoding).await;
    if is_always_told(operation) || expected.is_denied {
        let line = world.next_line_of_clerk().await;
        assert_eq!(line["request_id"], answer.header("x-amzn-requestid"));
        let asked = expected.asked.clone().map_or(Value::Null, Value::from);
        assert_eq!(line["resource"], asked, "{line}");
        let error = answer.header("x-amzn-errortype");
        let outcome = if error.is_empty() { "ok" } else { error };
        assert_eq!(line["outcome"], outcome);
    }
    check(operation, &expected, &answer);
    if answer.status == 200 {
        world.restore(operation).await;
    }
}

#[test]
fn what_is_asked_about_is_what_is_done_and_what_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = RefCell::new(runtime.block_on(World::start()));
    let config = Config {
        cases: CASES_PER_OPERATION,
        failure_persistence: None,
        // A case leaves its traces: another one after it would tell another story.
        max_shrink_iters: 0,
        ..Config::default()
    };
    let mut failures = Vec::new();
    for &operation in Operation::ALL {
        let before = runtime.block_on(world.borrow_mut().denied_state());
        let encoding = prop::sample::select(vec![Encoding::Json, Encoding::Cbor]);
        let cases = (extras(Naming::of(operation)), encoding);
        // A runner counts its successes over all its runs.
        TestRunner::new(config.clone())
            .run(&cases, |(extras, encoding)| {
                runtime.block_on(call(&mut world.borrow_mut(), operation, &extras, encoding));
                Ok(())
            })
            .unwrap_or_else(|failure| failures.push(format!("{}: {failure}", operation.name())));
        let after = runtime.block_on(world.borrow_mut().denied_state());
        assert_eq!(before, after, "{} passed a denial by", operation.name());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let made = world.borrow().calls_count;
    assert_eq!(made, Operation::ALL.len() * CASES_PER_OPERATION as usize);
    let server = world.into_inner().server.server;
    runtime.block_on(server.stop_cleanly());
}
