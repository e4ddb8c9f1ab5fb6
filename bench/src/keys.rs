//! The one access key of every run: requests are signed with it, and both servers verify it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, ensure};
use millstream_types::{SystemClock, WallClock};
use millstream_wire::sigv4::{Body, SecretKey, SignedRequest, Signer, amz_date};

use crate::connection::Connection;
use crate::process::Server;
use crate::requests::request;

/// Id of the key.
pub const ACCESS_KEY: &str = "AKIDBENCH";
/// The account that the key belongs to.
const ACCOUNT: &str = "000000000000";
/// Its secret.
pub const SECRET: &str = "bench-only-secret-of-no-other-use";

/// The key's secret, with the derived keys that it keeps.
pub fn secret() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| SecretKey::new(SECRET))
}

/// Writes the file that `--access-keys` wants into `folder`.
///
/// # Errors
/// If it cannot be written.
pub fn write_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("access-keys.toml");
    let text = format!(
        "[[key]]\nid = \"{ACCESS_KEY}\"\nsecret = \"{SECRET}\"\naccount = \"{ACCOUNT}\"\npolicies = [\"*\"]\n"
    );
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .context("the file of access keys")?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}

/// The lines of a request's head that sign it for a service: date and authorization. Good for five minutes.
pub fn signing_lines(service: &'static str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let now = SystemClock.now();
    let date = amz_date(now);
    let mut signed: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    signed.push(("x-amz-date", date.as_bytes()));
    let signer = Signer {
        access_key: ACCESS_KEY,
        secret: secret(),
        region: "us-east-1",
        service,
    };
    let request = SignedRequest {
        method: "POST",
        path: "/",
        query: "",
        headers: &signed,
        body: Body::Whole(body),
    };
    let authorization = signer.authorization(&request, now);
    format!("x-amz-date: {date}\r\nauthorization: {authorization}\r\n")
}

/// Makes sure that a server refuses a request whose body was changed after it was signed: a figure of one that does not
/// would mean nothing.
///
/// # Errors
/// If the server lets it pass, or does not answer.
pub async fn check_refusal(server: &Server) -> anyhow::Result<()> {
    let body = r#"{"ShardIterator":"AAAA","Limit":1}"#;
    let mut forged = request("GetRecords", body);
    let last = forged.len() - 2;
    forged[last] = b'2';
    let mut connection = Connection::open(server.address).await?;
    let (status, answer) = connection.call(&forged).await?;
    let answer = String::from_utf8_lossy(answer);
    ensure!(
        status == 400 && answer.contains("InvalidSignatureException"),
        "a request with a wrong signature was answered with {status}: {answer}"
    );
    Ok(())
}
