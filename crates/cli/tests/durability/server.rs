//! The real binary with a client of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use millstream_testkit::ServerProcess;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const STREAM: &str = "ledger";

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: ServerProcess,
    pub(crate) client: Client,
}

impl Server {
    /// `millstream serve` on `data_dir` with more arguments.
    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_command(Self::command(data_dir, arguments))
    }

    /// What [`start`](Self::start) runs, for more environment.
    pub(crate) fn command(data_dir: &Path, arguments: &[&str]) -> Command {
        let mut command = ServerProcess::command(Path::new(env!("CARGO_BIN_EXE_millstream")));
        command.arg("--data-dir").arg(data_dir).args(arguments);
        command
    }

    pub(crate) fn start_command(command: Command) -> Self {
        let process = ServerProcess::start(command);
        // Without retries an unanswered put stays unanswered: its record may be there, at most once.
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(process.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(Duration::from_secs(30))
                    .build(),
            )
            .build();
        Self {
            process,
            client: Client::from_conf(config),
        }
    }

    pub(crate) async fn create_stream(&self, shards: i32) {
        let create = self
            .client
            .create_stream()
            .stream_name(STREAM)
            .shard_count(shards);
        create.send().await.expect("CreateStream");
    }

    /// A client of its tables.
    pub(crate) fn table_client(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .endpoint_url(self.process.endpoint())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(Duration::from_secs(30))
                    .build(),
            )
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// The answer to `GET /health`, head and body.
    pub(crate) async fn health(&self) -> String {
        let mut stream = TcpStream::connect(self.address())
            .await
            .expect("it listens");
        let request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        answer
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// SIGTERM; waits for the end.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.process.terminate()
    }
}
