//! Logs in files of the data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use millstream_log_local::{IdleBell, LocalEngine, LocalSettings, OpenError, Realtime};
use millstream_types::WallClock;
use serde::Deserialize;

use super::{EngineOpenError, EngineWords, OpenEngine, ServedEngine};
use crate::choices::Switch;

/// When a record counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Once it is on the disk: survives a kill of the process and a power cut.
    Fsync,
    /// Once the operating system has it: survives a kill of the process, not a power cut. For tests.
    Os,
}

/// What the engine in the data folder runs with.
#[derive(Debug, Clone)]
pub struct LocalEngineSettings {
    /// When a record counts as stored.
    pub durability: Durability,
    /// Free space in bytes on the data folder's disk below which records are refused.
    pub disk_free_bytes_min: u64,
    /// Memory in bytes for the newest entries of all logs.
    pub tail_cache_bytes: usize,
    /// Whether the committing thread asks for a real-time class.
    pub realtime: Switch,
    /// What the threads of the server's runtime ring when they run out of work: commits gather more puts then. The
    /// check of the settings leaves it empty; whoever makes the runtime may set it.
    pub idle_bell: Option<IdleBell>,
}

impl LocalEngineSettings {
    /// What was chosen, and the defaults for the rest.
    pub(crate) fn or_defaults(
        durability: Option<Durability>,
        disk_free_bytes_min: Option<u64>,
        tail_cache_bytes: Option<usize>,
        realtime: Option<Switch>,
    ) -> Self {
        Self {
            durability: durability.unwrap_or(Durability::Fsync),
            disk_free_bytes_min: disk_free_bytes_min.unwrap_or(256 << 20),
            tail_cache_bytes: tail_cache_bytes.unwrap_or(24 << 20),
            realtime: realtime.unwrap_or(Switch::On),
            idle_bell: None,
        }
    }
}

/// The engine on a data folder.
#[derive(Debug)]
pub(super) struct ServedLocal {
    folder: PathBuf,
    settings: LocalEngineSettings,
}

impl ServedLocal {
    pub(super) fn new(folder: &Path, settings: LocalEngineSettings) -> Self {
        Self {
            folder: folder.to_owned(),
            settings,
        }
    }

    fn engine_settings(&self) -> LocalSettings {
        LocalSettings {
            durability: match self.settings.durability {
                Durability::Fsync => millstream_log_local::Durability::Fsync,
                Durability::Os => millstream_log_local::Durability::Os,
            },
            realtime: match self.settings.realtime {
                Switch::On => Realtime::Try,
                Switch::Off => Realtime::Off,
            },
            free_space_floor_bytes: self.settings.disk_free_bytes_min,
            tail_cache_bytes: self.settings.tail_cache_bytes,
            idle_bell: self.settings.idle_bell.clone(),
            ..LocalSettings::new(&self.folder)
        }
    }
}

impl ServedEngine for ServedLocal {
    fn words(&self) -> EngineWords {
        EngineWords {
            name: "local",
            durability: match self.settings.durability {
                Durability::Fsync => "fsync",
                Durability::Os => "os",
            },
            no_room: "the disk has no room: records are refused, reads go on",
        }
    }

    fn start_text(&self) -> String {
        let promise = match self.settings.durability {
            Durability::Fsync => "fsync: answered once it is on the disk",
            Durability::Os => {
                "os: answered once the operating system has it; a power cut loses acknowledged records"
            }
        };
        format!(
            "  data          {}\n  durability    {promise}\n",
            self.folder.display()
        )
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.folder)
    }

    fn open(
        &self,
        clock: Arc<dyn WallClock>,
    ) -> BoxFuture<'static, Result<OpenEngine, EngineOpenError>> {
        let (settings, folder) = (self.engine_settings(), self.folder.clone());
        Box::pin(async move {
            // It reads files, which is no work for the runtime's threads.
            let opened =
                tokio::task::spawn_blocking(move || LocalEngine::open(settings, clock)).await;
            let engine = match opened {
                Ok(opened) => opened.map_err(|error| failed(folder, error))?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            tracing::debug!(scheduling = ?engine.scheduling(), "the committing thread");
            let snapshots = engine
                .snapshots()
                .expect("an engine that was just opened has not stopped");
            let engine = Arc::new(engine);
            let pinned = Arc::clone(&engine);
            Ok(OpenEngine {
                engine,
                snapshots: Arc::new(snapshots),
                pin: Some(Arc::new(move || pinned.pin())),
            })
        })
    }
}

fn failed(folder: PathBuf, error: OpenError) -> EngineOpenError {
    match error {
        OpenError::InUse => EngineOpenError::FolderInUse(folder),
        OpenError::Settings(what) => EngineOpenError::Settings(what),
        OpenError::Damaged {
            file,
            position,
            what,
        } => EngineOpenError::Damaged {
            folder,
            file,
            position,
            what,
        },
        OpenError::Io { what, source } => EngineOpenError::Folder {
            folder,
            what,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use millstream_log::contract::data;
    use millstream_log::{CounterValue, GroupId, LogId, LogSpec};
    use millstream_types::SystemClock;

    use super::*;
    use crate::settings::SettingsSource;

    /// What the tail cache holds after 100 entries of 1 KiB.
    async fn cached_bytes(tail_cache_bytes: Option<usize>) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let source = SettingsSource {
            tail_cache_bytes,
            ..SettingsSource::default()
        };
        let served = ServedLocal::new(folder.path(), source.check().unwrap().local);
        let engine = served.open(Arc::new(SystemClock)).await.unwrap().engine;
        let created = engine.create(GroupId(1), LogId(1), LogSpec::default());
        let place = created.await.unwrap();
        for _ in 0..100 {
            let answers = engine.append_many(vec![data(place, "x".repeat(1024))]);
            assert!(answers.await[0].is_ok());
        }
        let counters = engine.counters();
        let cached = counters.iter().find(|one| one.name == "tail_cache_bytes");
        match cached.unwrap().value {
            CounterValue::Now(bytes) => bytes,
            ref other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_tail_cache_keeps_as_much_as_it_may() {
        assert!(cached_bytes(None).await > 100 << 10);
        let kept = cached_bytes(Some(16 << 10)).await;
        assert!((1 << 10..=16 << 10).contains(&kept), "{kept}");
        assert_eq!(cached_bytes(Some(0)).await, 0);
    }
}
