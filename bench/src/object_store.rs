//! An S3 server of other people's making: SeaweedFS, if it is here.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use millstream_connectors::sinks::s3::Access;
use tokio::process::{Child, Command};

use crate::keys::{ACCESS_KEY, SECRET};
use crate::process::cpu_of;

/// The one bucket.
pub const BUCKET: &str = "results";

const START_DEADLINE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The port of each service's other protocol is so much higher.
const GRPC_ABOVE: u16 = 10_000;

/// A running S3 server, with the run's access key; killed when dropped.
#[derive(Debug)]
pub struct ObjectStore {
    child: Child,
    port: u16,
}

impl ObjectStore {
    /// Where its program is: in PATH, or in an environment of `compat/run connectors`.
    pub fn program() -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let of_path: Vec<PathBuf> = std::env::split_paths(&paths).collect();
        let environments = std::fs::read_dir(".build/compat").into_iter().flatten();
        let of_compat = environments.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
        let mut programs = of_path
            .into_iter()
            .chain(of_compat)
            .map(|bin| bin.join("weed"));
        // Absolute: it is started in a folder of its own.
        programs.find_map(|program| program.canonicalize().ok().filter(|found| found.is_file()))
    }

    /// Starts it in the folder, with a bucket in it.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("objects");
        std::fs::create_dir(&folder)?;
        let ports = free_ports(4)?;
        let mut command = Command::new(program);
        command
            .args([
                "mini",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-webdav=false",
            ])
            .args(["-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .arg(format!("-dir={}", folder.display()))
            .arg(format!("-bucket={BUCKET}"));
        for (name, port) in ["s3", "master", "volume", "filer"].iter().zip(&ports) {
            command
                .arg(format!("-{name}.port={port}"))
                .arg(format!("-{name}.port.grpc={}", port + GRPC_ABOVE));
        }
        let child = command
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start SeaweedFS")?;
        let mut store = Self {
            child,
            port: ports[0],
        };
        let up = tokio::time::timeout(START_DEADLINE, store.bucket_is_there());
        up.await.context("SeaweedFS does not come up")??;
        Ok(store)
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// CPU time used so far.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.child.id().context("SeaweedFS is still running")?)
    }

    /// Ends it; what it has stored is of no use any more.
    ///
    /// # Errors
    /// If it cannot be ended.
    pub async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// It answers before it has made the bucket.
    async fn bucket_is_there(&mut self) -> anyhow::Result<()> {
        let access = Access {
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(self.endpoint()),
            credentials: SharedCredentialsProvider::new(Credentials::from_keys(
                ACCESS_KEY, SECRET, None,
            )),
        };
        let bucket = access.open()?;
        while bucket.list_with_delimiter(None).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("SeaweedFS ended with {status}");
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }
}

/// Ports that nobody listens at now, none of them twice, and each low enough for the other protocol's.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let mut held = Vec::new();
    let mut ports = Vec::new();
    while ports.len() < count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if port < u16::MAX - GRPC_ABOVE {
            ports.push(port);
        }
        held.push(listener);
    }
    Ok(ports)
}
