//! Settings with their defaults, checked: nothing behind this sees a value that is not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use millstream_streams::{LimitOverrides, StreamSettings};
use millstream_tables::TableSettings;
use millstream_types::AccountId;

use super::{InvalidSettings, SettingsSource, TIMEOUT_MIN};
use crate::choices::{DamagedRecords, DamagedTables, Limits, LogFailure, LogFormat, Switch};
use crate::engines::{EngineKind, LocalEngineSettings};
use crate::master_key::{MasterKeySettings, MasterKeySource};
use crate::settings::{HttpSettings, Settings, TlsSettings};

impl SettingsSource {
    /// Fills in the defaults and checks everything.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(self) -> Result<Settings, InvalidSettings> {
        let streams = self.check_streams()?;
        let http = self.check_http()?;
        let tables = self.check_tables()?;
        let tls = self.check_tls()?;
        let master_key = self.check_master_key()?;
        let local = LocalEngineSettings::or_defaults(
            self.durability,
            self.disk_free_bytes_min,
            self.tail_cache_bytes,
            self.realtime,
        );
        let has_keys = self.access_keys.is_some();
        let account_id = self.account_id.unwrap_or_else(|| "000000000000".into());
        let cors_origin = self.cors_origin.unwrap_or_default();
        let limits = LimitOverrides::new(self.limit.unwrap_or_default())?;
        for origin in &cors_origin {
            check_origin(origin)?;
        }
        Ok(Settings {
            listen: check_listen(self.listen.as_deref().unwrap_or("127.0.0.1:4566"), has_keys)?,
            admin_listen: match &self.admin_listen {
                Some(text) => {
                    let invalid = || InvalidSettings::AdminListen(text.clone());
                    Some(address(text).ok_or_else(invalid)?)
                }
                None => None,
            },
            data_dir: self.data_dir.unwrap_or_else(|| "data".into()),
            account_id: account_id
                .parse::<AccountId>()
                .map_err(|_| InvalidSettings::AccountId(account_id))?,
            streams,
            limits: match self.limits {
                None | Some(Limits::Off) => None,
                Some(Limits::Aws) => Some(limits),
            },
            engine: self.engine.unwrap_or(EngineKind::Local),
            local,
            log_failure: self.log_failure.unwrap_or(LogFailure::Serve),
            shutdown_grace: self.shutdown_grace.unwrap_or(Duration::from_secs(10)),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            cors_origin,
            has_console: self.console != Some(Switch::Off),
            access_keys: self.access_keys,
            audit_log: self.audit_log,
            audit_refusals_per_s_max: 100,
            master_key,
            tls,
            http,
            tables,
        })
    }

    fn check_master_key(&self) -> Result<Option<MasterKeySettings>, InvalidSettings> {
        let is_twice = self.master_key.is_some() && self.master_key_command.is_some();
        let now = MasterKeySource::of(self.master_key.clone(), self.master_key_command.clone());
        let before = self.master_key_before.clone().map(MasterKeySource::File);
        match now {
            Some(_) if is_twice => Err(InvalidSettings::MasterKey),
            None if before.is_some() => Err(InvalidSettings::MasterKey),
            now => Ok(now.map(|now| MasterKeySettings { now, before })),
        }
    }

    fn check_tls(&self) -> Result<Option<TlsSettings>, InvalidSettings> {
        let is_self_signed = self.tls_self_signed.unwrap_or(false);
        match (&self.tls_cert, &self.tls_key, is_self_signed) {
            (None, None, false) => Ok(None),
            (None, None, true) => Ok(Some(TlsSettings::SelfSigned)),
            (Some(cert), Some(key), false) => Ok(Some(TlsSettings::Files {
                cert: cert.clone(),
                key: key.clone(),
            })),
            _ => Err(InvalidSettings::Tls),
        }
    }

    fn check_streams(&self) -> Result<StreamSettings, InvalidSettings> {
        let default = StreamSettings::default();
        Ok(StreamSettings {
            transition: self.transition.unwrap_or(default.transition),
            account_shards_max: match self.account_shards_max {
                Some(max) => Some(at_least("account-shards-max", max, 1)? as u64),
                None => default.account_shards_max,
            },
            reads_max: at_least("reads-max", self.reads_max.unwrap_or(default.reads_max), 1)?,
            behind_bytes_max: at_least(
                "behind-bytes-max",
                self.behind_bytes_max.unwrap_or(default.behind_bytes_max),
                1024 * 1024,
            )?,
            counts_hot_keys: self.hot_keys == Some(Switch::On),
            skips_damaged_records: self.records_damaged == Some(DamagedRecords::Skip),
            ..default
        })
    }

    fn check_http(&self) -> Result<HttpSettings, InvalidSettings> {
        let default = HttpSettings::default();
        Ok(HttpSettings {
            connections_max: at_least(
                "connections-max",
                self.connections_max.unwrap_or(default.connections_max),
                1,
            )?,
            bodies_bytes_max: at_least(
                "bodies-bytes-max",
                self.bodies_bytes_max.unwrap_or(default.bodies_bytes_max),
                32 * 1024 * 1024,
            )?,
            answers_bytes_max: at_least(
                "answers-bytes-max",
                self.answers_bytes_max.unwrap_or(default.answers_bytes_max),
                32 * 1024 * 1024,
            )?,
            requests_bytes_max: at_least(
                "requests-bytes-max",
                self.requests_bytes_max
                    .unwrap_or(default.requests_bytes_max),
                1024 * 1024,
            )?,
            head_timeout: some_time("head-timeout", self.head_timeout, default.head_timeout)?,
            body_timeout: some_time("body-timeout", self.body_timeout, default.body_timeout)?,
            write_timeout: some_time("write-timeout", self.write_timeout, default.write_timeout)?,
            idle_timeout: some_time("idle-timeout", self.idle_timeout, default.idle_timeout)?,
        })
    }

    fn check_tables(&self) -> Result<TableSettings, InvalidSettings> {
        let default = TableSettings::default();
        Ok(TableSettings {
            queue_bytes_max: at_least(
                "tables-queue-bytes-max",
                self.tables_queue_bytes_max
                    .unwrap_or(default.queue_bytes_max),
                1024 * 1024,
            )?,
            queue_timeout: some_time(
                "tables-queue-timeout",
                self.tables_queue_timeout,
                default.queue_timeout,
            )?,
            databases_max: at_least(
                "tables-databases-max",
                self.tables_databases_max.unwrap_or(default.databases_max),
                1,
            )?,
            leaves_out_damaged: self.tables_damaged == Some(DamagedTables::LeaveOut),
            ..default
        })
    }
}

fn at_least(setting: &'static str, value: usize, min: usize) -> Result<usize, InvalidSettings> {
    if value < min {
        let min = min as u64;
        return Err(InvalidSettings::TooSmall { setting, min });
    }
    Ok(value)
}

/// A time in which something can happen: with none, every request would be too late.
fn some_time(
    setting: &'static str,
    value: Option<Duration>,
    default: Duration,
) -> Result<Duration, InvalidSettings> {
    let time = value.unwrap_or(default);
    if time < TIMEOUT_MIN {
        return Err(InvalidSettings::TooShort { setting });
    }
    Ok(time)
}

fn check_listen(text: &str, has_keys: bool) -> Result<SocketAddr, InvalidSettings> {
    let address = address(text).ok_or_else(|| InvalidSettings::Listen(text.into()))?;
    if !has_keys && !address.ip().is_loopback() {
        return Err(InvalidSettings::NotLoopback(address));
    }
    Ok(address)
}

fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => {
            let port = port.parse().ok()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        }
        None => text.parse().ok(),
    }
}

fn check_origin(origin: &str) -> Result<(), InvalidSettings> {
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    let is_origin = host.is_some_and(|host| {
        !host.is_empty() && !host.contains(['/', '?', '#', ' ']) && host.is_ascii()
    });
    if origin == "*" || is_origin {
        Ok(())
    } else {
        Err(InvalidSettings::Origin(origin.into()))
    }
}
