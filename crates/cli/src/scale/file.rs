//! What is scaled, as its file says.

mod workers;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_scaling::{Bounds, InvalidRules, RuleTime, Rules, Schedule};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use toml::Spanned;

pub(super) use self::workers::Actuator;
use self::workers::WrittenWorkers;
use crate::failure::Failure;

/// The file, checked.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) application: String,
    pub(super) stream: Option<String>,
    pub(super) log: Option<PathBuf>,
    pub(super) log_stream: Option<String>,
    pub(super) memory: Option<PathBuf>,
    /// Whether lag is put into CloudWatch's API.
    pub(super) has_metrics: bool,
    /// Where lag is a page for Prometheus.
    pub(super) metrics_listen: Option<SocketAddr>,
    pub(super) rules: Rules,
    pub(super) actuator: Actuator,
    /// What one worker does in a second, until that is seen.
    pub(super) worker_records_per_s: Option<f64>,
    /// How long a worker may take to hand over.
    pub(super) grace: Duration,
    pub(super) resharding: Resharding,
}

/// How shards become more or fewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Resharding {
    /// Each where it is to be cut, by SplitShard and MergeShards.
    #[default]
    SplitAndMerge,
    /// By their number, by UpdateShardCount: all of them become as wide as each other.
    UpdateShardCount,
}

/// What is wrong with a file, and at which of its bytes.
#[derive(Debug, PartialEq)]
struct Problem {
    at: usize,
    message: String,
}

impl Problem {
    fn new(at: usize, message: impl ToString) -> Self {
        let message = message.to_string();
        Self { at, message }
    }

    /// With line and column, as compilers say it.
    fn in_file(&self, path: &Path, text: &str) -> String {
        let before = &text[..text.floor_char_boundary(self.at)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        format!("{}:{line}:{column}: {}", path.display(), self.message)
    }
}

/// A file with a `[source]` declares a pipeline.
#[derive(Debug, Deserialize)]
struct Kind {
    source: Option<IgnoredAny>,
}

/// What matters here of a pipeline's file.
#[derive(Debug, Deserialize)]
struct WrittenPipeline {
    name: String,
    source: WrittenSource,
    scale: Option<Spanned<Written>>,
}

#[derive(Debug, Deserialize)]
struct WrittenSource {
    stream: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    application: Option<Spanned<String>>,
    stream: Option<Spanned<String>>,
    goal: Option<Spanned<TimeSpan>>,
    look: Option<Spanned<TimeSpan>>,
    settling: Option<Spanned<TimeSpan>>,
    quiet: Option<Spanned<TimeSpan>>,
    cool_down_out: Option<TimeSpan>,
    cool_down_in: Option<TimeSpan>,
    log: Option<PathBuf>,
    log_stream: Option<String>,
    memory: Option<PathBuf>,
    #[serde(default)]
    metrics: bool,
    metrics_listen: Option<SocketAddr>,
    workers: Spanned<WrittenWorkers>,
    shards: Option<Spanned<WrittenShards>>,
    #[serde(default)]
    schedule: Vec<Spanned<Schedule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenShards {
    min: Option<u32>,
    max: u32,
    records_per_s: Option<f64>,
    bytes_per_s: Option<f64>,
    #[serde(default)]
    by: Resharding,
}

/// A time span such as `"30s"`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct TimeSpan(Duration);

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = humantime::parse_duration(&text);
        parsed
            .map(Self)
            .map_err(|error| format!("{text:?} is not a duration such as 30s: {error}"))
    }
}

impl TimeSpan {
    fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Reads and checks the file: one of its own, or a pipeline's with a table `[scale]`.
pub(super) fn read(path: &Path) -> Result<Settings, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::local(path.display().to_string(), error))?;
    let wrong = |problem: Problem| Failure::Usage(problem.in_file(path, &text));
    if of_toml::<Kind>(&text).map_err(wrong)?.source.is_some() {
        // What its workers would not run is not scaled.
        crate::pipeline::read(path)?;
    }
    parse(&text, path).map_err(wrong)
}

fn of_toml<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem::new(at, error.message())
    })
}

fn parse(text: &str, path: &Path) -> Result<Settings, Problem> {
    if of_toml::<Kind>(text)?.source.is_none() {
        let mut written: Written = of_toml(text)?;
        let Some(application) = written.application.take() else {
            return Err(Problem::new(
                0,
                "application is missing: write application = \"NAME\"",
            ));
        };
        return written.settings(application.into_inner(), None);
    }
    let pipeline: WrittenPipeline = of_toml(text)?;
    let Some(scale) = pipeline.scale else {
        let said = "this pipeline has no [scale]: write [scale.workers] and max = 10 below it";
        return Err(Problem::new(0, said));
    };
    let mut written = scale.into_inner();
    let named = [
        written.application.as_ref().map(Spanned::span),
        written.stream.as_ref().map(Spanned::span),
    ];
    if let Some(named) = named.into_iter().flatten().next() {
        let said =
            "a pipeline's application is its name, and its stream its source: leave them out";
        return Err(Problem::new(named.start, said));
    }
    let source = pipeline.source.stream;
    // The place is that of the name, which nobody will look for.
    written.stream = Some(Spanned::new(0..0, source));
    let worker = Actuator::Pipeline {
        file: path.to_owned(),
    };
    written.settings(pipeline.name, Some(worker))
}

impl Written {
    /// `default` starts and stops the workers if the file does not say what does.
    fn settings(self, application: String, default: Option<Actuator>) -> Result<Settings, Problem> {
        let rules = self.rules();
        rules
            .check()
            .map_err(|error| Problem::new(self.place_of(&error), error))?;
        let workers_at = self.workers.span().start;
        let workers = self.workers.into_inner();
        let grace = workers.grace.map_or(Duration::from_secs(60), |span| span.0);
        let by = self.shards.map(|shards| shards.into_inner().by);
        let worker_records_per_s = workers.speed()?;
        Ok(Settings {
            application,
            stream: self.stream.map(Spanned::into_inner),
            log: self.log,
            log_stream: self.log_stream,
            memory: self.memory,
            has_metrics: self.metrics,
            metrics_listen: self.metrics_listen,
            rules,
            worker_records_per_s,
            actuator: workers.actuator(workers_at, default)?,
            grace,
            resharding: by.unwrap_or_default(),
        })
    }

    fn rules(&self) -> Rules {
        let mut rules = Rules::default();
        let times = [
            (&mut rules.behind_ms_max, &self.goal),
            (&mut rules.look_ms, &self.look),
            (&mut rules.settling_ms, &self.settling),
            (&mut rules.quiet_ms, &self.quiet),
        ];
        for (ms, span) in times {
            if let Some(span) = span {
                *ms = span.get_ref().ms();
            }
        }
        rules.cool_down_out_ms = self
            .cool_down_out
            .map_or(rules.cool_down_out_ms, TimeSpan::ms);
        rules.cool_down_in_ms = self.cool_down_in.map_or(rules.quiet_ms, TimeSpan::ms);
        let workers = self.workers.get_ref();
        rules.workers = Bounds {
            min: workers.min.unwrap_or(1),
            max: workers.max,
        };
        rules.workers_per_shard_max = workers.per_shard_max.unwrap_or(1);
        if let Some(shards) = &self.shards {
            let shards = shards.get_ref();
            rules.shards = Some(Bounds {
                min: shards.min.unwrap_or(1),
                max: shards.max,
            });
            rules.shard.records_per_s = shards.records_per_s.unwrap_or(rules.shard.records_per_s);
            rules.shard.bytes_per_s = shards.bytes_per_s.unwrap_or(rules.shard.bytes_per_s);
        }
        let schedules = self.schedule.iter();
        rules.schedules = schedules
            .map(|schedule| schedule.get_ref().clone())
            .collect();
        rules
    }

    /// Where a rule is written that is broken; the beginning if it is not written at all.
    fn place_of(&self, error: &InvalidRules) -> usize {
        let start = |span: &Option<Spanned<TimeSpan>>| span.as_ref().map(|span| span.span().start);
        let of_shards = || self.shards.as_ref().map(|shards| shards.span().start);
        let workers = Some(self.workers.span().start);
        let place = match error {
            InvalidRules::Bounds("shards", _) => of_shards(),
            InvalidRules::Bounds(..) => workers,
            InvalidRules::Shard => of_shards().or(workers),
            InvalidRules::Schedule(_) => {
                let mut schedules = self.schedule.iter();
                let wrong = schedules.find(|schedule| schedule.get_ref().check().is_err());
                wrong.map(|schedule| schedule.span().start)
            }
            InvalidRules::Times(time, _) => {
                let of_time = match time {
                    RuleTime::Look => &self.look,
                    RuleTime::Goal => &self.goal,
                    RuleTime::Settling => &self.settling,
                    RuleTime::Quiet => &self.quiet,
                };
                // One that is left out contradicts one that is there.
                start(of_time)
                    .or(start(&self.settling))
                    .or(start(&self.look))
            }
        };
        place.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "application = \"till\"\n[workers]\nmax = 4\ncommand = [\"./worker\"]\n";

    fn read_text(text: &str) -> Result<Settings, Problem> {
        parse(text, Path::new("till.toml"))
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let settings = read_text(LEAST).unwrap();
        let rules = settings.rules;
        assert_eq!((rules.behind_ms_max, rules.settling_ms), (30_000, 60_000));
        assert_eq!(rules.workers, Bounds { min: 1, max: 4 });
        assert_eq!((rules.shards, settings.memory), (None, None));
        assert_eq!(
            (settings.worker_records_per_s, settings.metrics_listen),
            (None, None)
        );
        let all = format!(
            "goal = \"1m\"\nquiet = \"20m\"\nmetrics-listen = \"0.0.0.0:9464\"\n{LEAST}records-per-s = 250\n[shards]\nmax = 8\nby = \"update-shard-count\"\n\
             [[schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\nworkers-min = 3\n"
        );
        let settings = read_text(&all).unwrap();
        let rules = settings.rules;
        assert_eq!(
            (rules.behind_ms_max, rules.cool_down_in_ms),
            (60_000, 1_200_000)
        );
        assert_eq!(rules.shards, Some(Bounds { min: 1, max: 8 }));
        assert_eq!(settings.resharding, Resharding::UpdateShardCount);
        assert_eq!(settings.worker_records_per_s, Some(250.0));
        let page = SocketAddr::from(([0, 0, 0, 0], 9_464));
        assert_eq!(settings.metrics_listen, Some(page));
        assert_eq!(rules.schedules[0].workers_min, 3);
    }

    #[test]
    fn what_cannot_be_is_refused_where_it_stands() {
        let hours = "[[schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\n";
        for (bad, place, said) in [
            (
                LEAST.replace("max = 4", "max = 0"),
                "2:1",
                "workers are from 1",
            ),
            (
                LEAST.replace("max = 4", "maximum = 4"),
                "3:1",
                "unknown field",
            ),
            (
                LEAST.replace("\"./worker\"", ""),
                "4:11",
                "command is empty",
            ),
            (
                LEAST.replace("max = 4", "max = \"4\""),
                "3:7",
                "invalid type",
            ),
            (
                format!("goal = \"soon\"\n{LEAST}"),
                "1:8",
                "is not a duration",
            ),
            (
                format!("goal = \"0s\"\n{LEAST}"),
                "1:8",
                "more than no time",
            ),
            (
                format!("settling = \"1s\"\n{LEAST}"),
                "1:12",
                "at least three looks",
            ),
            (
                format!("look = \"30s\"\n{LEAST}"),
                "1:8",
                "at least three looks",
            ),
            (
                format!("{LEAST}records-per-s = 0\n"),
                "5:17",
                "more than nothing",
            ),
            (
                format!("{LEAST}[shards]\nmax = 0\n"),
                "5:1",
                "shards are from 1",
            ),
            (
                format!("{LEAST}[shards]\nmax = 2\nby = \"hand\"\n"),
                "7:6",
                "unknown variant",
            ),
            (
                format!("{LEAST}{hours}{hours}days = [8]\n"),
                "8:1",
                "1 (Monday) to 7",
            ),
        ] {
            let problem = read_text(&bad).unwrap_err();
            let told = problem.in_file(Path::new("till.toml"), &bad);
            assert!(
                told.starts_with(&format!("till.toml:{place}: ")) && told.contains(said),
                "{bad}: {told}"
            );
        }
    }

    const PIPELINE: &str = "name = \"trades\"\n[source]\nstream = \"S\"\n[[sink]]\nstdout = {}\n";

    #[test]
    fn a_pipeline_is_scaled_by_its_own_table() {
        let settings = read_text(&format!("{PIPELINE}[scale.workers]\nmax = 3\n")).unwrap();
        assert_eq!(settings.application, "trades");
        assert_eq!(settings.stream.as_deref(), Some("S"));
        let file = PathBuf::from("till.toml");
        assert_eq!(settings.actuator, Actuator::Pipeline { file });
        let pods = "[scale.workers]\nmax = 3\nkubernetes = { deployment = \"trades\" }\n";
        let settings = read_text(&format!("{PIPELINE}{pods}")).unwrap();
        assert!(matches!(settings.actuator, Actuator::Kubernetes { .. }));
        for (scale, place, said) in [
            ("", "1:1", "has no [scale]"),
            (
                "[scale]\napplication = \"x\"\n[scale.workers]\nmax = 3\n",
                "7:15",
                "leave them out",
            ),
            (
                "[scale]\nstream = \"x\"\n[scale.workers]\nmax = 3\n",
                "7:10",
                "leave them out",
            ),
            ("[scale.workers]\nmaximum = 3\n", "7:1", "unknown field"),
        ] {
            let text = format!("{PIPELINE}{scale}");
            let told = read_text(&text).unwrap_err().in_file(Path::new("f"), &text);
            assert!(
                told.starts_with(&format!("f:{place}: ")) && told.contains(said),
                "{told}"
            );
        }
        let told = read_text("[workers]\nmax = 3\ncommand = [\"a\"]\n").unwrap_err();
        assert!(told.message.contains("application is missing"), "{told:?}");
    }
}
