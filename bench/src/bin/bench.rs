//! Runs the scenarios and prints the table of `docs/benchmarks.md`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use millstream_bench::report;
use millstream_bench::scenarios::{self, INSTRUCTIONS, NAMES, Plan};

const USAGE: &str = "bench [--pairs N] [--seconds N] [--scale SHARE] [--disk DIR] [--server PROGRAM] [--serve ARGUMENT]... [--only TEXT] [--kill-every N] [--beside CMD] [SCENARIO]...

  --pairs N      pairs of runs per ratio; the median counts [5]
  --seconds N    length of one run [5]
  --scale SHARE  shrinks what fills disk and memory, and the fixed runs; 1 is the full size [1]
  --disk DIR     where the data folders go [the temporary folder]
  --server PROG  another build of the server [the one beside this program]
  --serve ARG    one more argument for `millstream serve`
  --only TEXT    of the puts and the instructions, those whose line in the table contains this
  --kill-every N of the fleet, which runs for 60 runs: seconds between two kills [5]
  --beside CMD   of the consumer and the fleet: a worker of another library (compat/programs/kcl), measured beside ours
  SCENARIO       puts, gets, encryption, hot-keys, latency, producer, consumer, memory, shards, control, start, tables, pipelines, fleet [all];
                 instructions, by name only: under valgrind, for scripts/instructions";

fn plan() -> anyhow::Result<(Plan, Vec<String>)> {
    let mut plan = Plan {
        pairs: 5,
        run: Duration::from_secs(5),
        scale: 1.0,
        disk: std::env::temp_dir(),
        server: None,
        serve: Vec::new(),
        only: String::new(),
        kill_every: Duration::from_secs(5),
        beside: None,
    };
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--pairs" => plan.pairs = value()?.parse()?,
            "--seconds" => plan.run = Duration::from_secs_f64(value()?.parse()?),
            "--scale" => plan.scale = value()?.parse()?,
            "--disk" => plan.disk = PathBuf::from(value()?),
            "--server" => plan.server = Some(PathBuf::from(value()?)),
            "--serve" => plan.serve.push(value()?),
            "--only" => plan.only = value()?,
            "--kill-every" => plan.kill_every = Duration::from_secs_f64(value()?.parse()?),
            "--beside" => plan.beside = Some(value()?),
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            name if NAMES.contains(&name) || name == INSTRUCTIONS => names.push(name.to_owned()),
            other => bail!("unknown argument {other}\n\n{USAGE}"),
        }
    }
    if names.is_empty() {
        names = NAMES.iter().map(|name| (*name).to_owned()).collect();
    }
    Ok((plan, names))
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let (plan, names) = plan()?;
    let cores = std::thread::available_parallelism()?;
    let durability = if plan.serve.iter().any(|argument| argument == "os") {
        "os"
    } else {
        "fsync before every answer"
    };
    println!(
        "{cores} cores shared by client and server; durability: {durability}; {} pairs of {} s\n",
        plan.pairs,
        plan.run.as_secs_f64()
    );
    report::print_head();
    for name in &names {
        scenarios::run(name, &plan)
            .await
            .with_context(|| format!("scenario {name}"))?;
    }
    Ok(())
}
