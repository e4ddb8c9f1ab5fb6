//! `millstream storm-spout` against the real server, with Storm's side of the protocol played by the test.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::commands::{FIRST, Running, World};

const DEADLINE: Duration = Duration::from_secs(90);

/// Storm.
struct Storm {
    spout: Running,
    _pid_folder: tempfile::TempDir,
}

impl Storm {
    fn start(world: &World) -> Self {
        let mut spout = world.start(&[
            "storm-spout",
            "--stream",
            "orders",
            "--application",
            "topology",
            "--fields",
            "id,data,partition-key,shard-id",
            "--dead-letter-stream",
            "rejected",
            "--attempts",
            "3",
        ]);
        let folder = tempfile::tempdir().unwrap();
        let handshake = json!({"conf": {}, "context": {}, "pidDir": folder.path()});
        spout.say(&format!("{handshake}\nend\n"));
        let told: Value = serde_json::from_str(&spout.line()).unwrap();
        assert_eq!(spout.line(), "end");
        assert!(folder.path().join(told["pid"].to_string()).is_file());
        Self {
            spout,
            _pid_folder: folder,
        }
    }

    /// Says a message; the tuples of its answer.
    fn ask(&mut self, message: &Value) -> Vec<Value> {
        self.spout.say(&format!("{message}\nend\n"));
        let mut tuples = Vec::new();
        loop {
            let said: Value = serde_json::from_str(&self.spout.line()).unwrap();
            assert_eq!(self.spout.line(), "end");
            if said["command"] == "sync" {
                return tuples;
            }
            assert_eq!(
                (&said["command"], &said["need_task_ids"]),
                (&json!("emit"), &json!(false))
            );
            tuples.push(said);
        }
    }

    /// Asks until there are so many tuples.
    fn tuples(&mut self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        let mut tuples = Vec::new();
        while tuples.len() < count {
            assert!(Instant::now() < deadline, "{tuples:?}");
            tuples.extend(self.ask(&json!({"command": "next"})));
        }
        assert_eq!(tuples.len(), count, "{tuples:?}");
        tuples
    }

    fn say_of(&mut self, command: &str, tuple: &Value) {
        let answered = self.ask(&json!({"command": command, "id": tuple["id"]}));
        assert_eq!(answered, Vec::<Value>::new());
    }

    fn close(mut self) {
        self.spout.close();
        assert_eq!(self.spout.ended().code(), Some(0));
    }
}

#[test]
fn what_storm_acks_is_checkpointed_and_what_it_fails_comes_again_and_then_is_a_dead_letter() {
    let world = World::new();
    world.stream("orders", 1);
    world.stream("rejected", 1);
    for data in ["a", "b", "c"] {
        world.put("orders", data, "0");
    }
    let mut storm = Storm::start(&world);
    assert_eq!(
        storm.ask(&json!({"command": "activate"})),
        Vec::<Value>::new()
    );
    let all = storm.tuples(3);
    for (tuple, data) in all.iter().zip(["a", "b", "c"]) {
        let id = tuple["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{FIRST}:4")), "{id}");
        assert_eq!(tuple["tuple"], json!([id, data, "k", FIRST]));
    }
    // The one in the middle fails: it alone comes again, until it is given up.
    storm.say_of("ack", &all[2]);
    storm.say_of("fail", &all[1]);
    storm.say_of("ack", &all[0]);
    for _ in 0..2 {
        let again = storm.tuples(1);
        assert_eq!(again[0], all[1]);
        storm.say_of("fail", &again[0]);
    }
    let mut rejected = world.start(&[
        "records",
        "tail",
        "rejected",
        "--from",
        "trim-horizon",
        "--json",
    ]);
    let letter = rejected.line();
    assert!(letter.contains("Storm failed the tuple"), "{letter}");
    rejected.interrupt();
    // One that Storm has and says nothing of is not done.
    world.put("orders", "d", "0");
    let last = storm.tuples(1);
    assert_eq!(last[0]["tuple"][1], "d");
    storm.close();

    let mut storm = Storm::start(&world);
    let again = storm.tuples(1);
    assert_eq!(again, last);
    storm.say_of("ack", &again[0]);
    world.put("orders", "e", "0");
    assert_eq!(storm.tuples(1)[0]["tuple"][1], "e");
    storm.close();
}
