//! Storm's side, played without a process.

use std::io::Cursor;

use serde_json::json;

use super::*;

fn tuple(id: &str) -> (Tuple, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let values = vec![json!(id)];
    let id = id.to_owned();
    (Tuple { id, values, answer }, answered)
}

/// Messages as Storm writes them.
fn script(messages: &[&str]) -> Cursor<String> {
    let lines = messages.iter().map(|message| format!("{message}\nend\n"));
    Cursor::new(lines.collect())
}

fn messages(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    let messages = text.split_terminator("\nend\n");
    messages
        .map(|one| serde_json::from_str(one).unwrap())
        .collect()
}

#[test]
fn each_question_has_one_answer_and_tuples_are_told_what_storm_says_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let handshake =
        json!({"conf": {"topology.name": "t"}, "context": {"taskid": 3}, "pidDir": folder.path()});
    let input = script(&[
        // Over several lines, as the protocol allows.
        &format!("{handshake:#}"),
        r#"{"command":"activate","id":""}"#,
        r#"{"command":"next","id":""}"#,
        r#"{"command":"next"}"#,
        r#"{"command":"ack","id":"s:2"}"#,
        r#"{"command":"ack","id":"nobody's"}"#,
        r#"{"command":"fail","id":"s:3"}"#,
        r#"{"command":"deactivate"}"#,
        r#"{"command":"whatever comes later"}"#,
    ]);
    let (to_storm, waiting) = mpsc::channel(8);
    let (first, mut first_said) = tuple("s:1");
    let (second, mut second_said) = tuple("s:2");
    let (third, mut third_said) = tuple("s:3");
    let (gone, of_another_worker) = tuple("s:4");
    drop(of_another_worker);
    for tuple in [first, second, third, gone] {
        to_storm.try_send(tuple).unwrap();
    }
    let mut output = Vec::new();
    let conversation = Conversation::begin(input, &mut output, waiting).unwrap();
    conversation.run().unwrap();
    assert_eq!(second_said.try_recv(), Ok(Answer::Acked));
    assert_eq!(third_said.try_recv(), Ok(Answer::Failed));
    // Nothing was said of it, and nothing will be.
    assert_eq!(
        first_said.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    );
    assert!(to_storm.is_closed());

    let pid = std::process::id();
    assert!(folder.path().join(pid.to_string()).is_file());
    let emit =
        |id: &str| json!({"command": "emit", "id": id, "tuple": [id], "need_task_ids": false});
    let sync = json!({"command": "sync"});
    let mut expected = vec![json!({"pid": pid}), sync.clone()];
    expected.extend(["s:1", "s:2", "s:3"].map(emit));
    expected.extend(std::iter::repeat_n(sync, 7));
    assert_eq!(messages(&output), expected);
}

#[test]
fn one_question_is_answered_by_a_hundred_tuples_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let handshake = json!({"pidDir": folder.path()}).to_string();
    let next = r#"{"command":"next"}"#;
    let (to_storm, waiting) = mpsc::channel(EMITTED_MAX + 1);
    let tuples = (0..=EMITTED_MAX).map(|number| tuple(&number.to_string()));
    let said: Vec<_> = tuples
        .map(|(tuple, said)| {
            to_storm.try_send(tuple).unwrap();
            said
        })
        .collect();
    let mut output = Vec::new();
    let input = script(&[&handshake, next, next]);
    let conversation = Conversation::begin(input, &mut output, waiting).unwrap();
    conversation.run().unwrap();
    let said_to_storm = messages(&output);
    let is_sync = |message: &&Value| message["command"] == "sync";
    let first = said_to_storm.iter().position(|one| is_sync(&one)).unwrap();
    assert_eq!(
        (first, said_to_storm.len()),
        (1 + EMITTED_MAX, 4 + EMITTED_MAX)
    );
    drop(said);
}

#[test]
fn what_is_no_message_ends_the_conversation() {
    let begin = |input: &str| {
        let waiting = mpsc::channel(1).1;
        let begun = Conversation::begin(Cursor::new(input.to_owned()), Vec::new(), waiting);
        begun.err().map(|error| (error.kind(), error.to_string()))
    };
    let (kind, text) = begin("{\"pidDir\":\"/nonexistent\"}\nend\n").unwrap();
    assert_eq!(kind, io::ErrorKind::NotFound);
    assert!(text.contains("/nonexistent/"), "{text}");
    for (input, cause) in [
        ("", "says nothing"),
        ("nonsense\nend\n", "first message"),
        ("{\"conf\":{}}\nend\n", "pidDir"),
        ("\nend\n", "first message"),
        ("{\"pidDir\":\"/\"}\n", "unexpected end"),
        ("{\"pidDir\":\"/\"}\nend", "unexpected end"),
    ] {
        let (_, text) = begin(input).unwrap();
        assert!(text.contains(cause), "{input:?}: {text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let handshake = json!({"pidDir": folder.path()}).to_string();
    for (rest, cause) in [
        (
            format!("{handshake}\nend\nnonsense\nend\n"),
            "what Storm says",
        ),
        (format!("{handshake}\r\nend\r\n{{\"comm"), "unexpected end"),
        (
            format!("{handshake}\nend\n{{\"command\":\"ack\"}}\nend\n"),
            "`id`",
        ),
    ] {
        let waiting = mpsc::channel(1).1;
        let conversation = Conversation::begin(Cursor::new(rest), Vec::new(), waiting).unwrap();
        let text = conversation.run().unwrap_err().to_string();
        assert!(text.contains(cause), "{text}");
    }
}

#[test]
fn a_message_has_a_bound() {
    let input = || Cursor::new("{\"a\":1}\nend\n".to_owned());
    assert_eq!(
        message_of(&mut input(), 12).unwrap().unwrap(),
        "{\"a\":1}\n"
    );
    for bytes_max in 1..12 {
        let text = message_of(&mut input(), bytes_max).unwrap_err().to_string();
        assert!(text.contains("has no end"), "{bytes_max}: {text}");
    }
}
