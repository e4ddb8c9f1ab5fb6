//! What a `.properties` file of the MultiLangDaemon says, in this project's words.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use millstream_consumer::{CheckpointPolicy, InitialPosition, InvalidSettings, Settings};

use super::without_effect::has_no_effect;

/// How long a program may take to end once it has no more input.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two reads at the tip of a shard, as in the bindings' samples.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Keys that say something about polling alone.
const POLLING_KEYS: &[&str] = &[
    "idleTimeBetweenReadsInMillis",
    "maxGetRecordsThreadPool",
    "maxRecords",
    "retryGetRecordsInSeconds",
];

/// A daemon as its file describes it.
#[derive(Debug)]
pub(super) struct Daemon {
    /// The program for one shard, and its arguments.
    pub(super) command: Vec<String>,
    pub(super) application: String,
    /// The lease table.
    pub(super) table: String,
    pub(super) stream: String,
    /// The registered consumer; without one, the stream is polled.
    pub(super) fan_out: Option<String>,
    pub(super) region: Option<String>,
    pub(super) kinesis_endpoint: Option<String>,
    pub(super) dynamodb_endpoint: Option<String>,
    pub(super) settings: Settings,
    /// How long a program may take to answer one message; without it, as long as it likes.
    pub(super) answer_timeout: Option<Duration>,
    /// How long a program may take to end once it has no more input.
    pub(super) exit_timeout: Duration,
    /// The program is called so often where there are no records.
    pub(super) idle_calls_every: Option<Duration>,
    /// Credentials are found otherwise than the file says.
    pub(super) names_credentials: bool,
    pub(super) rest: Rest,
}

/// Keys that were not read, in the order of the alphabet.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The Java daemon knows them.
    pub(super) without_effect: Vec<String>,
    /// Nobody knows them.
    pub(super) unknown: Vec<String>,
}

impl Rest {
    fn of(keys: impl Iterator<Item = String>) -> Self {
        let (without_effect, unknown) = keys.partition(|key| has_no_effect(key));
        Self {
            without_effect,
            unknown,
        }
    }
}

/// Why a file describes no daemon.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidDaemon {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{key} = {value}: {rule}")]
    Value {
        key: &'static str,
        value: String,
        rule: &'static str,
    },
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
}

impl Daemon {
    /// Reads every key that has a meaning here.
    pub(super) fn of(properties: BTreeMap<String, String>) -> Result<Self, InvalidDaemon> {
        let mut unread = Unread(properties);
        let program = unread.required("executableName")?;
        let application = unread.required("applicationName")?;
        let named = unread.text("streamName");
        // The ARN wins over the name.
        let (region, stream) = match (unread.text("streamArn"), named) {
            (Some(arn), _) => of_arn(arn).map(|(region, name)| (Some(region), name))?,
            (None, Some(name)) => (None, name),
            (None, None) => return Err(InvalidDaemon::Missing("streamName")),
        };
        let fan_out = unread.fan_out(&application)?;
        let table = unread.text("tableName").or(unread.text("leaseTableName"));
        let answer_secs = unread.parsed("timeoutInSeconds", "a number of seconds")?;
        let names_credentials = unread.credentials();
        let kinesis_endpoint = unread.text("kinesisEndpoint");
        let dynamodb_endpoint = unread.text("dynamoDBEndpoint");
        let idle_calls_every = unread.idle_calls_every()?;
        let daemon = Self {
            command: program.split_whitespace().map(str::to_owned).collect(),
            table: table.unwrap_or_else(|| application.clone()),
            application,
            stream,
            fan_out,
            region: unread.text("regionName").or(region),
            kinesis_endpoint: kinesis_endpoint.or(unread.text("kinesisClient.endpointOverride")),
            dynamodb_endpoint: dynamodb_endpoint.or(unread.text("dynamoDbClient.endpointOverride")),
            settings: unread.settings()?,
            answer_timeout: answer_secs.map(Duration::from_secs),
            exit_timeout: EXIT_TIMEOUT,
            idle_calls_every,
            names_credentials,
            rest: Rest::of(unread.0.into_keys()),
        };
        daemon.settings.check()?;
        Ok(daemon)
    }
}

/// The properties that have not been asked for yet.
struct Unread(BTreeMap<String, String>);

impl Unread {
    /// What is set and not empty.
    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.0.remove(key)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    fn required(&mut self, key: &'static str) -> Result<String, InvalidDaemon> {
        self.text(key).ok_or(InvalidDaemon::Missing(key))
    }

    fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        rule: &'static str,
    ) -> Result<Option<T>, InvalidDaemon> {
        let Some(value) = self.text(key) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(InvalidDaemon::Value { key, value, rule }),
        }
    }

    fn millis(&mut self, key: &'static str) -> Result<Option<Duration>, InvalidDaemon> {
        let ms = self.parsed(key, "a number of milliseconds")?;
        Ok(ms.map(Duration::from_millis))
    }

    /// Whether any key names a Java class that finds credentials.
    fn credentials(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|key, _| {
            !key.to_ascii_lowercase()
                .starts_with("awscredentialsprovider")
        });
        self.0.len() < before
    }

    /// Fan-out unless polling is asked for, as in the Java daemon, which takes polling's own keys for that.
    fn fan_out(&mut self, application: &str) -> Result<Option<String>, InvalidDaemon> {
        let key = "retrievalMode";
        let mode = self.text(key).unwrap_or_else(|| "DEFAULT".to_owned());
        let consumer = self.text("fanoutConfig.consumerName");
        let consumer = consumer.unwrap_or_else(|| application.to_owned());
        let sets_polling = POLLING_KEYS.iter().any(|key| self.0.contains_key(*key));
        match mode.to_ascii_uppercase().as_str() {
            "POLLING" => Ok(None),
            "FANOUT" => Ok(Some(consumer)),
            "DEFAULT" => Ok((!sets_polling).then_some(consumer)),
            _ => Err(InvalidDaemon::Value {
                key,
                value: mode,
                rule: "FANOUT, POLLING or DEFAULT",
            }),
        }
    }

    fn idle_calls_every(&mut self) -> Result<Option<Duration>, InvalidDaemon> {
        let calls = self.parsed("callProcessRecordsEvenForEmptyRecordList", "true or false")?;
        let idle = self.0.get("idleTimeBetweenReadsInMillis");
        let idle_ms = idle.and_then(|idle| idle.trim().parse().ok());
        let every = idle_ms.map_or(POLL_INTERVAL, Duration::from_millis);
        Ok(calls.unwrap_or(false).then_some(every))
    }

    fn initial_position(&mut self) -> Result<InitialPosition, InvalidDaemon> {
        let key = "initialPositionInStream";
        let extended = "initialPositionInStreamExtended";
        if let Some(secs) = self.parsed(extended, "seconds since 1970")? {
            self.0.remove(key);
            let moment = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(secs));
            return moment
                .map(InitialPosition::AtTimestamp)
                .ok_or_else(|| InvalidDaemon::Value {
                    key: extended,
                    value: secs.to_string(),
                    rule: "seconds since 1970",
                });
        }
        let name = self.text(key).unwrap_or_else(|| "LATEST".to_owned());
        match name.to_ascii_uppercase().as_str() {
            "LATEST" => Ok(InitialPosition::Latest),
            "TRIM_HORIZON" => Ok(InitialPosition::TrimHorizon),
            _ => Err(InvalidDaemon::Value {
                key,
                value: name,
                rule: "LATEST or TRIM_HORIZON; initialPositionInStreamExtended is for a time",
            }),
        }
    }

    /// The consumer's settings; the program alone says what is done.
    fn settings(&mut self) -> Result<Settings, InvalidDaemon> {
        let mut settings = Settings::new()
            .checkpoints(CheckpointPolicy::Manual)
            .initial_position(self.initial_position()?)
            .poll_interval(POLL_INTERVAL);
        if let Some(time) = self.millis("failoverTimeMillis")? {
            settings = settings.failover_time(time);
        }
        if let Some(interval) = self.millis("shardSyncIntervalMillis")? {
            settings = settings.shard_sync_interval(interval);
        }
        if let Some(interval) = self.millis("idleTimeBetweenReadsInMillis")? {
            settings = settings.poll_interval(interval);
        }
        if let Some(grace) = self.millis("shutdownGraceMillis")? {
            settings = settings.shutdown_grace(grace);
        }
        if let Some(time) = self.millis("logWarningForTaskAfterMillis")? {
            settings = settings.stuck_after(time);
        }
        if let Some(records) = self.parsed("maxRecords", "1 to 10000")? {
            settings = settings.records_max(records);
        }
        if let Some(leases) = self.parsed("maxLeasesForWorker", "a number of leases")? {
            settings = settings.leases_max(leases);
        }
        let id = self.text("workerId").or(self.text("workerIdentifier"));
        Ok(match id {
            Some(id) => settings.worker_id(id),
            None => settings,
        })
    }
}

/// Region and stream of `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
fn of_arn(arn: String) -> Result<(String, String), InvalidDaemon> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", _, "kinesis", region, _, resource] = parts[..]
        && let Some(name) = resource.strip_prefix("stream/")
        && !name.is_empty()
        && !region.is_empty()
    {
        return Ok((region.to_owned(), name.to_owned()));
    }
    Err(InvalidDaemon::Value {
        key: "streamArn",
        value: arn,
        rule: "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(text: &str) -> Result<Daemon, InvalidDaemon> {
        let required =
            "executableName = python -u app.py\nstreamName = orders\napplicationName = till\n";
        let file = format!("{required}{text}");
        Daemon::of(super::super::properties::parse(file.as_bytes()).unwrap())
    }

    #[test]
    fn the_file_of_the_bindings_sample_is_understood() {
        let daemon = daemon(
            "AwsCredentialsProvider = DefaultCredentialsProvider\nprocessingLanguage = python/3.8\n\
             initialPositionInStream = TRIM_HORIZON\nregionName = us-east-1\nfailoverTimeMillis = 3000\n\
             maxRecords = 500\nworkerId = w-1\ntimeoutInSeconds = 60\nmetricsLevel = NONE\nfailovrTimeMillis = 1\n\
             kinesisClient.endpointOverride = http://127.0.0.1:4566\ncoordinatorStateTableName = x\n",
        )
        .unwrap();
        assert_eq!(daemon.command, ["python", "-u", "app.py"]);
        assert_eq!(
            (&*daemon.stream, &*daemon.application, &*daemon.table),
            ("orders", "till", "till")
        );
        assert_eq!(daemon.fan_out, None, "maxRecords is polling's");
        assert_eq!(daemon.region.as_deref(), Some("us-east-1"));
        assert_eq!(
            daemon.kinesis_endpoint.as_deref(),
            Some("http://127.0.0.1:4566")
        );
        assert_eq!(daemon.answer_timeout, Some(Duration::from_secs(60)));
        assert_eq!(daemon.idle_calls_every, None);
        assert!(daemon.names_credentials);
        let expected = Settings::new()
            .checkpoints(CheckpointPolicy::Manual)
            .poll_interval(POLL_INTERVAL)
            .failover_time(Duration::from_secs(3))
            .records_max(500)
            .worker_id("w-1");
        assert_eq!(daemon.settings, expected);
        assert_eq!(
            daemon.rest.without_effect,
            [
                "coordinatorStateTableName",
                "metricsLevel",
                "processingLanguage"
            ]
        );
        assert_eq!(daemon.rest.unknown, ["failovrTimeMillis"]);
    }

    #[test]
    fn what_is_not_said_is_as_in_the_java_daemon() {
        let plain = daemon("").unwrap();
        assert_eq!(plain.fan_out.as_deref(), Some("till"));
        let latest = Settings::new()
            .checkpoints(CheckpointPolicy::Manual)
            .poll_interval(POLL_INTERVAL)
            .initial_position(InitialPosition::Latest);
        assert_eq!(plain.settings, latest);
        let arn = daemon("streamArn = arn:aws:kinesis:eu-west-1:000000000000:stream/trades\n");
        let arn = arn.unwrap();
        assert_eq!(
            (arn.region.as_deref(), &*arn.stream),
            (Some("eu-west-1"), "trades")
        );
        let polling =
            daemon("retrievalMode = polling\ncallProcessRecordsEvenForEmptyRecordList = true\n");
        let polling = polling.unwrap();
        assert_eq!(
            (polling.fan_out, polling.idle_calls_every),
            (None, Some(POLL_INTERVAL))
        );
        let at = daemon("initialPositionInStreamExtended = 7\n")
            .unwrap()
            .settings;
        let seventh = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        assert_eq!(
            at,
            latest.initial_position(InitialPosition::AtTimestamp(seventh))
        );
    }

    #[test]
    fn a_value_that_means_nothing_is_named() {
        for (text, said) in [
            ("executableName = \n", "executableName is not set"),
            (
                "initialPositionInStream = FIRST\n",
                "initialPositionInStream = FIRST: LATEST or TRIM_HORIZON; \
              initialPositionInStreamExtended is for a time",
            ),
            (
                "failoverTimeMillis = 10s\n",
                "failoverTimeMillis = 10s: a number of milliseconds",
            ),
            ("maxRecords = 0\n", "records_max must be 1 to 10,000"),
            (
                "streamArn = orders\n",
                "streamArn = orders: arn:aws:kinesis:REGION:ACCOUNT:stream/NAME",
            ),
            (
                "retrievalMode = PUSH\n",
                "retrievalMode = PUSH: FANOUT, POLLING or DEFAULT",
            ),
        ] {
            assert_eq!(daemon(text).unwrap_err().to_string(), said);
        }
    }
}
