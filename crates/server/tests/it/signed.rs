//! A server with access keys, and clients that sign.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use millstream_log::contract::ManualClock;
use millstream_server::Settings;
use millstream_types::{TimestampMs, WallClock};
use millstream_wire::sigv4::{Body, Header, SecretKey, SignedRequest, Signer, amz_date};

use crate::client::Answer;
use crate::test_server::TestServer;

/// 2026-11-23T12:00:00Z.
pub(crate) const NOW: TimestampMs = TimestampMs(1_795_435_200_000);
pub(crate) const HOST: &str = "streams.example.com:4566";
pub(crate) const ACCOUNT: &str = "111111111111";
pub(crate) const OTHER_ACCOUNT: &str = "222222222222";

/// Three keys: one that may do everything, one that may do nothing, and one of another account.
pub(crate) const KEYS: &str = r#"
[[key]]
id = "ADMIN"
secret = "secret-of-the-administrator"
account = "111111111111"
name = "admin"
policies = ["*"]

[[key]]
id = "NOBODY"
secret = "secret-of-the-powerless-one"
account = "111111111111"
name = "nobody"

[[key]]
id = "STRANGER"
secret = "secret-of-another-account"
account = "222222222222"
name = "stranger"
policies = ["*"]
"#;

/// A key as its owner has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const ADMIN: Key = Key("ADMIN", "secret-of-the-administrator");
pub(crate) const NOBODY: Key = Key("NOBODY", "secret-of-the-powerless-one");
pub(crate) const STRANGER: Key = Key("STRANGER", "secret-of-another-account");

/// A server with keys and a manual clock.
pub(crate) struct SignedServer {
    pub(crate) server: TestServer,
    pub(crate) clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

/// A signed request, ready to be changed or sent.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is signed, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signing<'a> {
    pub(crate) key: Key,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) time: TimestampMs,
}

impl SignedServer {
    pub(crate) async fn start() -> Self {
        Self::with(KEYS, |_, _| {}).await
    }

    pub(crate) async fn with(
        keys: &str,
        change: impl FnOnce(&mut Settings, &std::path::Path),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let path = folder.path().join("keys.toml");
        write_keys(&path, keys);
        let server = TestServer::at(clock.clone(), |settings| {
            settings.access_keys = Some(path);
            change(settings, folder.path());
        })
        .await;
        Self {
            server,
            clock,
            folder,
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn rewrite_keys(&self, keys: &str) {
        write_keys(&self.file("keys.toml"), keys);
        self.server.reloading.reload();
    }

    pub(crate) fn signing(&self, key: Key) -> Signing<'static> {
        Signing {
            key,
            region: "eu-west-1",
            service: "kinesis",
            time: self.clock.now(),
        }
    }

    /// Signs and sends a call of the stream service.
    pub(crate) async fn call(&self, key: Key, operation: &str, body: &str) -> Answer {
        let target = format!("Kinesis_20131202.{operation}");
        self.send(&self.signing(key).sign(&target, body)).await
    }

    /// Signs and sends a call of the table service.
    pub(crate) async fn tables(&self, key: Key, operation: &str, body: &str) -> Answer {
        let signing = Signing {
            service: "dynamodb",
            ..self.signing(key)
        };
        let target = format!("DynamoDB_20120810.{operation}");
        let mut signed = signing.sign(&target, body);
        for (name, value) in &mut signed.headers {
            if *name == "content-type" {
                *value = "application/x-amz-json-1.0".into();
            }
        }
        self.send(&signed).await
    }

    pub(crate) async fn send(&self, signed: &Signed) -> Answer {
        let mut client = self.server.client().await;
        let headers: Vec<(&str, &str)> = signed
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        client
            .request("POST", &signed.path, &headers, &signed.body)
            .await
    }
}

fn write_keys(path: &std::path::Path, keys: &str) {
    std::fs::write(path, keys).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Signing<'_> {
    /// A request with its signature in a header. The content type is not signed, as some clients do.
    pub(crate) fn sign(self, target: &str, body: impl AsRef<[u8]>) -> Signed {
        let body = body.as_ref();
        let (date, secret) = (amz_date(self.time), SecretKey::new(self.key.1));
        let headers: [Header<'_>; 3] = [
            ("host", HOST.as_bytes()),
            ("x-amz-date", date.as_bytes()),
            ("x-amz-target", target.as_bytes()),
        ];
        let authorization = self
            .signer(&secret)
            .authorization(&request(&headers, body), self.time);
        Signed {
            path: "/".into(),
            headers: vec![
                ("host", HOST.into()),
                ("x-amz-date", date.clone()),
                ("x-amz-target", target.into()),
                ("content-type", "application/x-amz-json-1.1".into()),
                ("authorization", authorization),
            ],
            body: body.into(),
        }
    }

    /// A request with its signature in the query, good for so many seconds.
    pub(crate) fn presign(self, target: &str, body: &str, expires_s: u64) -> Signed {
        let secret = SecretKey::new(self.key.1);
        let headers: [Header<'_>; 2] = [
            ("host", HOST.as_bytes()),
            ("x-amz-target", target.as_bytes()),
        ];
        let query = self.signer(&secret).presigned_query(
            &request(&headers, body.as_bytes()),
            self.time,
            expires_s,
        );
        Signed {
            path: format!("/?{query}"),
            headers: vec![
                ("host", HOST.into()),
                ("x-amz-target", target.into()),
                ("content-type", "application/x-amz-json-1.1".into()),
            ],
            body: body.into(),
        }
    }

    fn signer<'b>(&'b self, secret: &'b SecretKey) -> Signer<'b> {
        Signer {
            access_key: self.key.0,
            secret,
            region: self.region,
            service: self.service,
        }
    }
}

fn request<'a>(headers: &'a [Header<'a>], body: &'a [u8]) -> SignedRequest<'a> {
    SignedRequest {
        method: "POST",
        path: "/",
        query: "",
        headers,
        body: Body::Whole(body),
    }
}
