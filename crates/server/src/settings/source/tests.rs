use super::*;
use millstream_streams::LimitOverrides;

use crate::master_key::MasterKeySource;
use crate::settings::Settings;

fn listen(text: &str) -> Result<Settings, InvalidSettings> {
    SettingsSource {
        listen: Some(text.into()),
        ..SettingsSource::default()
    }
    .check()
}

#[test]
fn defaults_are_a_durable_server_on_the_loopback_address() {
    let settings = Settings::default();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:4566");
    assert_eq!(settings.local.durability, Durability::Fsync);
    assert_eq!(settings.engine, EngineKind::Local);
    assert_eq!(settings.account_id.as_str(), "000000000000");
    assert_eq!(settings.streams.transition, Duration::ZERO);
}

#[test]
fn times_in_which_nothing_can_happen_are_refused() {
    type Change = fn(&mut SettingsSource, Option<Duration>);
    let settings: [(&str, Change); 5] = [
        ("head-timeout", |source, time| source.head_timeout = time),
        ("body-timeout", |source, time| source.body_timeout = time),
        ("write-timeout", |source, time| source.write_timeout = time),
        ("idle-timeout", |source, time| source.idle_timeout = time),
        ("tables-queue-timeout", |source, time| {
            source.tables_queue_timeout = time;
        }),
    ];
    for (name, change) in settings {
        let mut source = SettingsSource::default();
        change(&mut source, Some(Duration::ZERO));
        let refused = source.clone().check().unwrap_err().to_string();
        assert!(refused.contains(name), "{refused}");
        change(&mut source, Some(Duration::from_millis(1)));
        source.check().unwrap();
    }
}

#[test]
fn only_loopback_addresses_are_served() {
    for good in [
        "127.0.0.1:0",
        "127.1.2.3:80",
        "[::1]:4566",
        "localhost:4566",
    ] {
        assert!(listen(good).is_ok(), "{good}");
    }
    for reachable in ["0.0.0.0:4566", "192.168.1.1:4566", "[::]:4566"] {
        let refused = listen(reachable).unwrap_err();
        assert!(
            matches!(refused, InvalidSettings::NotLoopback(_)),
            "{reachable}"
        );
    }
    for bad in [
        "",
        "4566",
        "127.0.0.1",
        "localhost:",
        "localhost:99999",
        "host:1",
    ] {
        assert!(
            matches!(listen(bad).unwrap_err(), InvalidSettings::Listen(_)),
            "{bad}"
        );
    }
}

#[test]
fn a_file_is_read_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("millstream.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        SettingsSource::read(&path)
    };
    let source = read(
        "listen = \"[::1]:1\"\ntransition = \"1m 500ms\"\nengine = \"memory\"\nrealtime = \"off\"\n\
         cors-origin = [\"http://localhost:5173\"]\nconnections-max = 7\n",
    )
    .unwrap();
    assert_eq!(source.transition, Some(Duration::from_millis(60_500)));
    assert_eq!(source.engine, Some(EngineKind::Memory));
    assert_eq!(source.connections_max, Some(7));
    let settings = source.check().unwrap();
    assert_eq!(settings.cors_origin, ["http://localhost:5173"]);
    for bad in [
        "listn = \"127.0.0.1:1\"",
        "transition = 5",
        "transition = \"5 parsecs\"",
        "engine = \"kafka\"",
        "connections-max = -1",
        "not toml",
    ] {
        let refused = read(bad).unwrap_err();
        assert!(
            matches!(refused, InvalidSettings::File { .. }),
            "{bad}: {refused}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        SettingsSource::read(&path),
        Err(InvalidSettings::Unreadable { .. })
    ));
}

#[test]
fn the_first_source_wins_setting_by_setting() {
    let flags = SettingsSource {
        account_id: Some("111111111111".into()),
        ..SettingsSource::default()
    };
    let file = SettingsSource {
        account_id: Some("222222222222".into()),
        durability: Some(Durability::Os),
        ..SettingsSource::default()
    };
    let settings = flags.or(file).check().unwrap();
    assert_eq!(settings.account_id.as_str(), "111111111111");
    assert_eq!(settings.local.durability, Durability::Os);
    assert_eq!(settings.engine, EngineKind::Local);
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    let few = SettingsSource {
        bodies_bytes_max: Some(1024),
        ..SettingsSource::default()
    };
    let refused = few.check().unwrap_err().to_string();
    assert_eq!(refused, "bodies-bytes-max must be at least 33554432");
    let none = SettingsSource {
        account_shards_max: Some(0),
        ..SettingsSource::default()
    };
    let refused = none.check().unwrap_err().to_string();
    assert_eq!(refused, "account-shards-max must be at least 1");
    for bad in ["", "localhost", "http://", "http://a/b", "ftp://a", "null"] {
        let source = SettingsSource {
            cors_origin: Some(vec![bad.into()]),
            ..SettingsSource::default()
        };
        assert!(
            matches!(source.check(), Err(InvalidSettings::Origin(_))),
            "{bad}"
        );
    }
    let account = SettingsSource {
        account_id: Some("12".into()),
        ..SettingsSource::default()
    };
    assert!(matches!(
        account.check(),
        Err(InvalidSettings::AccountId(_))
    ));
}

#[test]
fn limits_are_off_unless_asked_for_and_checked_in_any_case() {
    let check = |text: &str| toml::from_str::<SettingsSource>(text).unwrap().check();
    assert_eq!(Settings::default().limits, None);
    let table = "[[limit]]\nstream = \"orders\"\nwrite-records-per-s = 10\n";
    assert_eq!(check(table).unwrap().limits, None);
    let aws = check(&format!("limits = \"aws\"\n{table}")).unwrap();
    assert_ne!(aws.limits, Some(LimitOverrides::default()));
    let refused = check("[[limit]]\nread-calls-per-s = 0\n").unwrap_err();
    let text = "read-calls-per-s of a [[limit]] must be from 1 to 1099511627776";
    assert_eq!(refused.to_string(), text);
    let unknown = toml::from_str::<SettingsSource>("[[limit]]\nwrites = 1\n").unwrap_err();
    assert!(unknown.to_string().contains("unknown field `writes`"));
}

#[test]
fn a_master_key_comes_from_one_place_and_an_old_one_only_beside_it() {
    let keys = |file: Option<&str>, command: Option<&str>, before: Option<&str>| {
        let source = SettingsSource {
            master_key: file.map(PathBuf::from),
            master_key_command: command.map(str::to_owned),
            master_key_before: before.map(PathBuf::from),
            ..SettingsSource::default()
        };
        source.check().map(|settings| settings.master_key)
    };
    assert_eq!(keys(None, None, None).unwrap(), None);
    let file = keys(Some("new"), None, Some("old")).unwrap().unwrap();
    assert_eq!(file.now, MasterKeySource::File("new".into()));
    assert_eq!(file.before, Some(MasterKeySource::File("old".into())));
    let command = keys(None, Some("cat new"), None).unwrap().unwrap();
    assert_eq!(command.now, MasterKeySource::Command("cat new".into()));
    for refused in [
        keys(Some("new"), Some("cat new"), None),
        keys(None, None, Some("old")),
    ] {
        assert!(matches!(refused, Err(InvalidSettings::MasterKey)));
    }
}
