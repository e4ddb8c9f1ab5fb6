//! Encrypted connections: both protocols, a certificate that stays, one that is exchanged, and clients that stall.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream_server::{Settings, TlsSettings, self_signed_certificate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::AUTHORIZATION;
use crate::test_server::{PATIENCE, TestServer};

async fn connect(
    server: &TestServer,
    trusted: &Path,
    alpn: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let socket = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
}

fn self_signed(folder: &Path) -> impl FnOnce(&mut Settings) {
    let folder = folder.to_owned();
    move |settings| {
        settings.tls = Some(TlsSettings::SelfSigned);
        settings.data_dir = folder;
    }
}

fn certificate(folder: &Path) -> std::path::PathBuf {
    self_signed_certificate(&Settings {
        data_dir: folder.to_owned(),
        ..Settings::default()
    })
}

#[tokio::test]
async fn both_protocols_are_spoken_with_a_certificate_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::with(self_signed(folder.path())).await;
    let trusted = certificate(folder.path());
    let made = std::fs::read(&trusted).unwrap();

    let mut socket = connect(&server, &trusted, "http/1.1").await.unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\nx-amz-date: 20261123T120000Z\r\n\
         content-type: application/x-amz-json-1.1\r\nx-amz-target: Kinesis_20131202.ListStreams\r\n\
         authorization: {AUTHORIZATION}\r\n\r\n{{}}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = socket.read_to_string(&mut answer);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.ends_with(r#"{"HasMoreStreams":false,"StreamNames":[],"StreamSummaries":[]}"#)
            || answer.contains("\"StreamNames\":[]"),
        "{answer}"
    );

    let socket = connect(&server, &trusted, "h2").await.unwrap();
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    let driving = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let request = http::Request::get("https://localhost/health")
        .body(())
        .unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status(), 200);
    drop(sender);
    driving.abort();
    server.stop_cleanly().await;

    let server = TestServer::with(self_signed(folder.path())).await;
    assert_eq!(
        std::fs::read(&trusted).unwrap(),
        made,
        "the same after a restart"
    );
    connect(&server, &trusted, "h2").await.unwrap();
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_key_is_the_servers_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::with(self_signed(folder.path())).await;
    let mut private = 0;
    for file in std::fs::read_dir(folder.path().join("tls")).unwrap() {
        let path = file.unwrap().path();
        if std::fs::read_to_string(&path)
            .unwrap()
            .contains("PRIVATE KEY")
        {
            private += 1;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{path:?}");
        }
    }
    assert_eq!(private, 1);
    server.stop_cleanly().await;
}

fn write_identity(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn a_certificate_is_exchanged_and_a_bad_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    write_identity(folder.path());
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let server = TestServer::with(|settings| {
        settings.tls = Some(TlsSettings::Files {
            cert: cert.clone(),
            key: key.clone(),
        });
    })
    .await;
    connect(&server, &cert, "h2").await.unwrap();
    let old = folder.path().join("old.pem");
    std::fs::copy(&cert, &old).unwrap();
    write_identity(folder.path());
    server.reloading.reload();
    connect(&server, &cert, "h2").await.unwrap();
    assert!(
        connect(&server, &old, "h2").await.is_err(),
        "the old one is gone"
    );
    let new = folder.path().join("new.pem");
    std::fs::copy(&cert, &new).unwrap();
    for broken in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&cert, broken).unwrap();
        server.reloading.reload();
        connect(&server, &new, "h2").await.unwrap();
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn clients_that_do_not_shake_hands_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::with(|settings| {
        self_signed(folder.path())(settings);
        settings.http.head_timeout = Duration::from_millis(50);
    })
    .await;
    for said in [
        &b""[..],
        b"POST / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
        // A reset ends it as well as an orderly end.
        read.expect("the server closes the connection").ok();
    }
    // A server that is asked to stop does not wait for them.
    let idle = TcpStream::connect(server.address).await.unwrap();
    server.stop_cleanly().await;
    drop(idle);
}

/// The deadline stands below the encryption: nothing that is unsaid is said more slowly.
#[tokio::test]
async fn encrypted_connections_that_ask_for_nothing_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::with(|settings| {
        self_signed(folder.path())(settings);
        settings.http.idle_timeout = Duration::from_millis(50);
    })
    .await;
    let trusted = certificate(folder.path());
    for alpn in ["http/1.1", "h2"] {
        let mut silent = connect(&server, &trusted, alpn).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await;
        // With or without a word of farewell.
        ended.expect("closed by the server").ok();
    }
    let mut used = connect(&server, &trusted, "http/1.1").await.unwrap();
    used.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, used.read_to_end(&mut said)).await;
    ended.expect("closed by the server").ok();
    assert!(said.starts_with(b"HTTP/1.1 200"));
    server.stop_cleanly().await;
}
