//! What is scaled, as its file says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_scaling::{Bounds, Rules, Schedule};
use serde::{Deserialize, Deserializer};

use crate::failure::Failure;

/// The file, checked.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) application: String,
    pub(super) stream: Option<String>,
    pub(super) log: Option<PathBuf>,
    pub(super) memory: Option<PathBuf>,
    pub(super) rules: Rules,
    pub(super) command: Vec<String>,
    /// How long a worker may take to hand over.
    pub(super) grace: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    application: String,
    stream: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    goal: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    look: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    settling: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    quiet: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    cool_down_out: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    cool_down_in: Option<Duration>,
    log: Option<PathBuf>,
    memory: Option<PathBuf>,
    workers: WrittenWorkers,
    shards: Option<WrittenShards>,
    #[serde(default)]
    schedule: Vec<Schedule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenWorkers {
    min: Option<u32>,
    max: u32,
    per_shard_max: Option<u32>,
    command: Vec<String>,
    #[serde(default, deserialize_with = "duration")]
    grace: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenShards {
    min: Option<u32>,
    max: u32,
    records_per_s: Option<f64>,
    bytes_per_s: Option<f64>,
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = humantime::parse_duration(&text);
    parsed.map(Some).map_err(|error| {
        serde::de::Error::custom(format!("{text:?} is not a duration such as 30s: {error}"))
    })
}

/// Reads and checks the file.
pub(super) fn read(path: &Path) -> Result<Settings, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::local(path.display().to_string(), error))?;
    parse(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn parse(text: &str) -> Result<Settings, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut rules = Rules::default();
    let times = [
        (&mut rules.behind_ms_max, written.goal),
        (&mut rules.look_ms, written.look),
        (&mut rules.settling_ms, written.settling),
        (&mut rules.quiet_ms, written.quiet),
        (&mut rules.cool_down_out_ms, written.cool_down_out),
    ];
    for (ms, duration) in times {
        if let Some(duration) = duration {
            *ms = millis(duration);
        }
    }
    rules.cool_down_in_ms = written.cool_down_in.map_or(rules.quiet_ms, millis);
    rules.workers = Bounds {
        min: written.workers.min.unwrap_or(1),
        max: written.workers.max,
    };
    rules.workers_per_shard_max = written.workers.per_shard_max.unwrap_or(1);
    if let Some(shards) = written.shards {
        rules.shards = Some(Bounds {
            min: shards.min.unwrap_or(1),
            max: shards.max,
        });
        rules.shard.records_per_s = shards.records_per_s.unwrap_or(rules.shard.records_per_s);
        rules.shard.bytes_per_s = shards.bytes_per_s.unwrap_or(rules.shard.bytes_per_s);
    }
    rules.schedules = written.schedule;
    rules.check().map_err(|error| error.to_string())?;
    if written.workers.command.is_empty() {
        return Err("[workers]: the command is empty".to_owned());
    }
    Ok(Settings {
        application: written.application,
        stream: written.stream,
        log: written.log,
        memory: written.memory,
        rules,
        command: written.workers.command,
        grace: written.workers.grace.unwrap_or(Duration::from_secs(60)),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "application = \"till\"\n[workers]\nmax = 4\ncommand = [\"./worker\"]\n";

    #[test]
    fn what_is_left_out_has_a_default() {
        let settings = parse(LEAST).unwrap();
        let rules = settings.rules;
        assert_eq!((rules.behind_ms_max, rules.settling_ms), (30_000, 60_000));
        assert_eq!(rules.workers, Bounds { min: 1, max: 4 });
        assert_eq!((rules.shards, settings.memory), (None, None));
        let all = format!(
            "goal = \"1m\"\nquiet = \"20m\"\n{LEAST}[shards]\nmax = 8\n\
             [[schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\nworkers-min = 3\n"
        );
        let rules = parse(&all).unwrap().rules;
        assert_eq!(
            (rules.behind_ms_max, rules.cool_down_in_ms),
            (60_000, 1_200_000)
        );
        assert_eq!(rules.shards, Some(Bounds { min: 1, max: 8 }));
        assert_eq!(rules.schedules[0].workers_min, 3);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (bad, said) in [
            (LEAST.replace("max = 4", "max = 0"), "workers are from 1"),
            (LEAST.replace("max = 4", "maximum = 4"), "unknown field"),
            (LEAST.replace("\"./worker\"", ""), "command is empty"),
            (format!("goal = \"soon\"\n{LEAST}"), "is not a duration"),
            (
                format!("settling = \"1s\"\n{LEAST}"),
                "at least three looks",
            ),
        ] {
            let error = parse(&bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
