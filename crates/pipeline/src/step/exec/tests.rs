//! With programs in Python, as people write them.

use super::*;

/// A program that does with `value` what the text says, and answers.
fn program(body: &str) -> ExecSettings {
    let text = format!(
        "import json, os, sys, time\n\
         for line in sys.stdin:\n    \
             record = json.loads(line)\n    \
             value = record['value']\n    \
             answer = {{'id': record['id'], 'value': value}}\n    \
             {body}\n    \
             print(json.dumps(answer), flush=True)\n"
    );
    ExecSettings::new(vec!["python3".into(), "-c".into(), text])
}

fn apply(settings: ExecSettings, values: &[&str]) -> Result<Vec<String>, Broken> {
    let values = values
        .iter()
        .map(|text| value::parse(text.as_bytes()).unwrap().remove(0));
    let exec = Exec::new(settings);
    let answers = exec.apply_all(values.collect(), &Limits::default())?;
    Ok(answers.into_iter().map(shown).collect())
}

fn shown(answer: Result<Vec<Val>, StepError>) -> String {
    match answer {
        Ok(values) => {
            let json = values
                .iter()
                .map(|one| value::to_json(one, 1 << 20).unwrap().to_string());
            json.collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn values_come_back_in_their_order_whatever_the_order_of_the_answers() {
    let all: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    // Answers pairwise, the second one first.
    let settings = program(
        "held = globals().get('held')\n    \
         if held is None and value < 1999: held = answer; continue\n    \
         print(json.dumps(answer)); answer = held or {'id': 0, 'value': 0}; held = None",
    );
    assert_eq!(apply(settings, &all).unwrap(), all);
}

#[test]
fn a_program_has_one_result_none_several_or_a_reason_to_reject() {
    let settings = program(
        "del answer['value']\n    \
         if value == 'no': answer['error'] = 'not this one'\n    \
         else: answer['values'] = [value] * value",
    );
    let answers = apply(settings, &["1", "0", "\"no\"", "3"]).unwrap();
    assert_eq!(answers, ["1", "", "not this one", "3 3 3"]);
}

#[test]
fn what_a_program_held_when_it_died_is_given_again_and_the_value_that_kills_it_is_rejected() {
    let settings =
        program("if value == 3: print('I hate 3', file=sys.stderr, flush=True); os._exit(7)");
    let answers = apply(settings, &["1", "2", "3", "4", "5"]).unwrap();
    assert_eq!(
        (&answers[..2], &answers[3..]),
        (&["1".into(), "2".into()][..], &["4".into(), "5".into()][..])
    );
    for part in ["with exit code 7", "I hate 3", "3 times"] {
        assert!(answers[2].contains(part), "{answers:?}");
    }
}

#[test]
fn a_program_that_dies_now_and_then_costs_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let body = format!(
        "path = '{}/' + str(value)\n    \
         if value % 10 == 0 and not os.path.exists(path): open(path, 'w'); os.kill(os.getpid(), 9)",
        folder.path().display()
    );
    let all: Vec<String> = (1..=50).map(|n| n.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(apply(program(&body), &all).unwrap(), all);
}

#[test]
fn a_program_that_hangs_or_answers_nonsense_or_eats_memory_is_ended() {
    let hangs = ExecSettings {
        // Longer than Python takes to start on a machine that is busy.
        answer_time: Duration::from_secs(5),
        ..program("if value == 2: time.sleep(100000)")
    };
    let eats = ExecSettings {
        memory_bytes_max: 100 << 20,
        ..program(
            "if value == 2:\n        while True: answer.setdefault('x', []).append(b'x' * (1 << 20)); time.sleep(0.001)",
        )
    };
    let talks = program("if value == 2: print('working on it')");
    let repeats = program("if value == 2: print(json.dumps(answer))");
    for (settings, cause) in [
        (hangs, "answered nothing for 5s"),
        (eats, "more than 104857600 bytes of memory"),
        (talks, "answered nonsense"),
    ] {
        let answers = apply(settings, &["1", "2", "3"]).unwrap();
        assert_eq!((&*answers[0], &*answers[2]), ("1", "3"));
        assert!(answers[1].contains(cause), "{answers:?}");
    }
    // The second answer is nonsense wherever it is seen: with the next value, or never.
    let answers = apply(repeats, &["1", "2", "3"]).unwrap();
    assert_eq!((answers.len(), &*answers[0]), (3, "1"));
}

#[test]
fn a_program_that_works_for_no_value_is_broken() {
    let broken = apply(program("syntax error"), &["1", "2", "3", "4", "5", "6"]).unwrap_err();
    assert!(
        broken.0.contains("5 values in a row") && broken.0.contains("SyntaxError"),
        "{broken}"
    );
    let missing = ExecSettings::new(vec!["/nowhere/at/all".into()]);
    assert!(
        apply(missing, &["1"])
            .unwrap_err()
            .0
            .contains("cannot be started")
    );
}
