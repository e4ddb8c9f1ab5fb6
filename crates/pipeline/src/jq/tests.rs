use super::*;
use crate::value;

fn run(program: &str, input: &str) -> Result<String, RunError> {
    let program = program.to_owned();
    let input = input.to_owned();
    // As the evaluators do: on a stack that nested calls and values fit on.
    let thread = std::thread::Builder::new().stack_size(crate::evaluator::STACK_BYTES);
    let run = move || {
        let program = Program::compile(&program).unwrap();
        let input = value::parse(input.as_bytes()).unwrap().remove(0);
        let results = program.run(input, &Limits::default())?;
        let shown = results
            .iter()
            .map(|result| value::to_json(result, 1 << 20).unwrap().to_string());
        Ok(shown.collect::<Vec<_>>().join(" "))
    };
    thread.spawn(run).unwrap().join().unwrap()
}

#[test]
fn programs_are_jq() {
    for (program, input, expected) in [
        (".quantity > 0", r#"{"quantity":3}"#, "true"),
        (
            "{ticker, side: .tradeType}",
            r#"{"ticker":"A","tradeType":"BUY","x":1}"#,
            r#"{"ticker":"A","side":"BUY"}"#,
        ),
        (".[] | select(. > 1)", "[1,2,3]", "2 3"),
        ("map(. * 2) | add", "[1,2.5]", "7.0"),
        (
            r#""\(.a)-\(.b)" | ascii_upcase"#,
            r#"{"a":"x","b":[1]}"#,
            r#""X-[1]""#,
        ),
        ("reduce range(5) as $i (0; . + $i)", "null", "10"),
        (".a += 1 | .b *= 3", r#"{"a":1,"b":2}"#, r#"{"a":2,"b":6}"#),
        ("path(..)", "[[1]]", "[] [0] [0,0]"),
        ("def f: if . > 9 then . else . + 1 | f end; f", "0", "10"),
        ("[.[] | tostring] | join(\",\")", "[1,\"a\"]", r#""1,a""#),
        ("with_entries(.value += 1)", r#"{"a":1}"#, r#"{"a":2}"#),
        ("test(\"^a+$\")", "\"aaa\"", "true"),
        ("18446744073709551615", "null", "18446744073709551615"),
        ("try error(\"x\") catch .", "null", "\"x\""),
    ] {
        assert_eq!(run(program, input).as_deref(), Ok(expected), "{program}");
    }
}

#[test]
fn a_mistake_says_where_it_is() {
    for (program, offset, says) in [
        (".a |", 4, "expected"),
        ("{a: nosuch}", 4, "not defined"),
        ("now", 0, "not defined"),
        ("env.HOME", 0, "not defined"),
        ("halt", 0, "not defined"),
        (".a }", 3, ""),
    ] {
        let error = Program::compile(program).unwrap_err();
        assert_eq!(error.offset, offset, "{program}: {error}");
        assert!(error.message.contains(says), "{program}: {error}");
    }
}

#[test]
fn what_never_ends_is_ended() {
    for program in [
        "def f: f; f",
        "def f: (f)?; f",
        "last(range(1; infinite))",
        "[repeat(1)]",
        "until(false; .)",
        "reduce range(infinite) as $i (0; . + 1)",
        "[recurse(. + 1)] | length",
        "def f: try f catch f; f",
        "first(repeat(empty))",
        // Many outputs of few, without a call.
        "(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|\
         (1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|(1,1)|empty",
        "[range(3000)] as $x | $x | .[] as $a | $x[] as $b | $x[] | empty",
        // Work on one value again and again.
        "[range(100000)] as $x | last(range(900000) | $x | sort | 0)",
        "[range(100000)] as $x | last(range(900000) | $x | .[0] = 1 | 0)",
        "[range(100000)] as $x | last(range(900000) | $x == ($x | reverse | reverse))",
        "[range(100000)] | until(length == 0; .[1:])",
        "(\"x\" * 1000000) as $x | last(range(900000) | $x | ascii_upcase | 0)",
        "(\"x\" * 1000000) as $x | last(range(900000) | $x | startswith($x))",
        // Numbers without end.
        "reduce range(60) as $i (9; . * .)",
        "reduce range(900000) as $i (1; . * 1000000007)",
        "\"9\" * 3000000 | tonumber",
        // A search whose cost its pattern hides.
        "(\"a\" * 100000) | test(\"(a{1,1000}){1,1000}b\")",
        "(\"a\" * 3000000) | [match(\"a\"; \"g\")] | length",
    ] {
        let error = run(program, "0").expect_err(program);
        let stopped = [
            RunError::Steps(1_000_000),
            RunError::Depth,
            RunError::Memory(64 << 20),
        ];
        assert!(stopped.contains(&error), "{program}: {error}");
    }
}

#[test]
fn what_nests_or_grows_without_end_is_ended() {
    for program in [
        "def f: 1 + f; f",
        "def f: [f]; f",
        "def f: [.] | f; f",
        "reduce range(1000000) as $i (null; [.])",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i ({a: \"x\"}; .a += .a)",
        "\"x\" * 1000000000000",
        "{a: \"x\"} | .a *= 1000000000000",
        "[range(1000) | \"x\" * 1000000]",
        "reduce range(60) as $i ([1]; [., .]) | tojson | length",
        "reduce range(60) as $i ([1]; [., .]) | \"\\(.)\" | length",
        // What is shared counts each time that it is there.
        "reduce range(60) as $i ([1]; [., .]) | [..] | length",
        "reduce range(60) as $i ({}; .a = . | .b = .a) | . == 1",
        "def big: reduce range(60) as $i ([1]; . + [.]); big == big",
        "[range(1000)] | map([.]) | reduce range(60) as $i (.; . + .) | unique | length",
        "reduce range(900000) as $i (null; . as $x | null | .a = $x)",
        "\"[\" * 2000000 | fromjson",
        "\"'\" | reduce range(60) as $i (.; @sh)",
        "(\"x\" * 8000000) | explode | length",
    ] {
        assert!(run(program, "0").is_err(), "{program}");
    }
}

#[test]
fn what_programs_do_with_large_records_is_let_pass() {
    let long = format!("[{}]", vec!["1"; 200_000].join(","));
    for (program, input, expected) in [
        ("map(. + 1) | add", long.as_str(), "400000"),
        (
            "[.[] | select(. > 0)] | sort | group_by(.) | length",
            &long,
            "1",
        ),
        (
            "reduce range(3000) as $i ({}; .[\"k\\($i)\"] += $i) | length",
            "0",
            "3000",
        ),
        (
            "reduce range(2000) as $i ([]; . + [$i]) | length",
            "0",
            "2000",
        ),
        (
            ".[:20000] | walk(if type == \"number\" then . + 1 else . end) | length",
            &long,
            "20000",
        ),
        (
            "(\"ab,\" * 2000) | gsub(\",\"; \";\") | length",
            "0",
            "6000",
        ),
        ("(\"ab \" * 300000) | test(\"^(ab )+$\")", "0", "true"),
        ("[paths] | length", r#"{"a":[1,{"b":2}]}"#, "4"),
        (
            "del(.a[0]) | .b.c = 5 | .b.c *= 2 | .a[1:] |= map(. * 10)",
            r#"{"a":[1,2,3],"b":{}}"#,
            r#"{"a":[2,30],"b":{"c":10}}"#,
        ),
        (
            "[.[] as [$a, $b] | $a - $b, $a % $b, \"\\($a / $b)\"]",
            "[[7,2]]",
            r#"[5,1,"3.5"]"#,
        ),
        (
            "path(.a[].b?, .c)",
            r#"{"a":[{"b":1}]}"#,
            r#"["a",0,"b"] ["c"]"#,
        ),
        ("try error({a: 1}) catch .a", "0", "1"),
    ] {
        assert_eq!(run(program, input).as_deref(), Ok(expected), "{program}");
    }
}

#[test]
fn too_many_results_are_refused() {
    assert_eq!(run("range(20000)", "0"), Err(RunError::Results(10_000)));
}
