//! What the exit code and stderr say when a command does not do its work.

use std::net::TcpListener;

use serde_json::json;

use crate::commands::{World, command, run, run_at};
use crate::scripted_service::ScriptedService;

/// An address where nobody listens.
fn deserted_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn the_service_refuses_with_1() {
    let said = World::new().fails(1, &["streams", "describe", "nowhere"]);
    assert!(
        said.starts_with("millstream: Stream nowhere under account 000000000000 not found. (ResourceNotFoundException"),
        "{said}"
    );
    assert!(said.contains("millstream streams list"), "{said}");
}

#[test]
fn the_command_line_is_wrong_with_2() {
    for arguments in [
        &["streams", "create"][..],
        &["streams", "create", "s", "--shards", "0"],
        &["streams", "split", "s", "first"],
        &["records", "get", "s", "--shard", "0", "--at", "noon"],
        &[
            "records",
            "get",
            "s",
            "--shard",
            "0",
            "--at",
            "latest",
            "--at-sequence-number",
            "1",
        ],
        &["records", "put", "s", "d", "--explicit-hash-key", "-1"],
        &["records", "tail", "s", "--from", "noon"],
        &["grind"],
    ] {
        let done = run_at("http://127.0.0.1:1", arguments, b"");
        assert_eq!(done.code, 2, "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains("--help"), "{}", done.stderr);
    }
}

#[test]
fn no_answer_is_3_and_names_the_cause() {
    let done = run_at(&deserted_endpoint(), &["streams", "list"], b"");
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(
        done.stderr.contains("no answer to ListStreams"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.to_lowercase().contains("refused"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("millstream serve"), "{}", done.stderr);
}

#[test]
fn an_answer_that_is_not_kinesis_is_3() {
    let service = ScriptedService::start(vec![(404, json!({ "error": "no such page" }))]);
    let done = run_at(&service.endpoint, &["streams", "list"], b"");
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(
        done.stderr.contains("not a Kinesis service"),
        "{}",
        done.stderr
    );
}

#[test]
fn missing_credentials_or_region_is_4_and_says_what_to_set() {
    let mut away = command(
        "http://192.0.2.1:4566",
        &["streams", "list", "--region", "eu-west-1"],
    );
    away.env_remove("AWS_ENDPOINT_URL");
    let done = run(away, b"");
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", done.stderr);
    assert!(
        done.stderr.contains("--endpoint-url http://127.0.0.1:4566"),
        "{}",
        done.stderr
    );

    let mut nowhere = command("", &["streams", "list"]);
    nowhere
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    let done = run(nowhere, b"");
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("AWS_REGION"), "{}", done.stderr);
}

#[test]
fn an_endpoint_that_is_no_url_is_4() {
    let done = run_at("localhost:4566", &["streams", "list"], b"");
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("http://HOST:PORT"), "{}", done.stderr);
}

#[test]
fn a_missing_input_file_is_6() {
    let world = World::new();
    world.stream("s", 1);
    let said = world.fails(6, &["records", "put", "s", "--file", "/nonexistent/data"]);
    assert!(said.contains("/nonexistent/data"), "{said}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let world = World::new();
    world.stream("s", 1);
    let lines: String = (0..2_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(
        world.done(&["records", "put", "s"], lines.as_bytes()).code,
        0
    );
    let arguments = ["records", "get", "s", "--shard", "0", "--limit", "2000"];
    let mut child = command(&world.endpoint(), &arguments).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn a_profile_names_endpoint_region_and_credentials() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(
        &path,
        format!(
            "[profile mill]\nendpoint_url = {}\nregion = eu-west-3\naws_access_key_id = 210987654321\n\
             aws_secret_access_key = secret\n",
            world.endpoint()
        ),
    )
    .unwrap();
    let mut create = command(
        "",
        &["streams", "create", "s", "--json", "--profile", "mill"],
    );
    create
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_CONFIG_FILE", &path);
    let done = run(create, b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout
            .contains("arn:aws:kinesis:eu-west-3:210987654321:stream/s"),
        "{}",
        done.stdout
    );

    let mut missing = command(
        &world.endpoint(),
        &["streams", "list", "--profile", "other"],
    );
    missing.env("AWS_CONFIG_FILE", &path);
    let done = run(missing, b"");
    assert_eq!(done.code, 4, "{}", done.stderr);
}

#[test]
fn help_shows_examples_and_exit_codes() {
    for arguments in [&["streams", "--help"][..], &["records", "--help"]] {
        let done = run_at("http://127.0.0.1:1", arguments, b"");
        assert_eq!(done.code, 0);
        assert!(done.stdout.contains("Examples:"), "{}", done.stdout);
        assert!(
            done.stdout.contains("3  no answer from the endpoint"),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn a_region_that_is_none_is_4_and_said_in_words() {
    for region in ["no such", "", "-", "eu-west-1/x"] {
        let done = run_at(
            "http://127.0.0.1:1",
            &["streams", "list", "--region", region],
            b"",
        );
        assert_eq!(done.code, 4, "{}", done.stderr);
        assert!(
            done.stderr.contains("is not the name of a region"),
            "{}",
            done.stderr
        );
    }
}
