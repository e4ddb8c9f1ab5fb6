//! The server under test.

use std::path::PathBuf;

use millstream_testkit::ServerProcess;
use tempfile::TempDir;

/// A server that was given, or a fresh one with an empty data folder.
pub(crate) enum World {
    Given(String),
    Fresh {
        server: ServerProcess,
        _data_dir: TempDir,
    },
}

impl World {
    pub(crate) fn new() -> Self {
        if let Ok(endpoint) = std::env::var("MILLSTREAM_ENDPOINT") {
            return Self::Given(endpoint);
        }
        let data_dir = tempfile::tempdir().unwrap();
        let mut command = ServerProcess::command(&binary());
        command.arg("--data-dir").arg(data_dir.path());
        Self::Fresh {
            server: ServerProcess::start(command),
            _data_dir: data_dir,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        match self {
            Self::Given(endpoint) => endpoint.clone(),
            Self::Fresh { server, .. } => server.endpoint(),
        }
    }

    pub(crate) fn was_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }
}

fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLSTREAM_BIN") {
        return path.into();
    }
    let this = std::env::current_exe().unwrap();
    let beside = this.ancestors().nth(2).unwrap().join("millstream");
    assert!(
        beside.exists(),
        "no server at {}: build it with `cargo build -p millstream-cli`, or set MILLSTREAM_ENDPOINT or MILLSTREAM_BIN",
        beside.display()
    );
    beside
}
