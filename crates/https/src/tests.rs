use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const LATE: Duration = Duration::from_secs(30);

/// Asks a receiver that says this to whoever asks, and then nothing more.
async fn asked(says: &'static str) -> Result<Answer, NoAnswer> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let receives = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        assert!(stream.read(&mut head).await.unwrap() > 0);
        stream.write_all(says.as_bytes()).await.unwrap();
        stream
    };
    let url: Uri = url.parse().unwrap();
    let https = Https::to(&url, None).unwrap();
    let request = Request::post(&url).body(Full::default()).unwrap();
    let asks = async {
        // From here on only waits move the clock.
        https.ask(request, 8, LATE).await
    };
    let (answer, _) = tokio::join!(asks, receives);
    answer
}

#[tokio::test]
async fn an_answer_is_whole() {
    let says = "HTTP/1.1 202 Accepted\r\nx-id: 7\r\ncontent-length: 8\r\n\r\n12345678";
    let answer = asked(says).await.unwrap();
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.headers["x-id"], "7");
    assert_eq!(answer.body, "12345678");
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_none() {
    let more = asked("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789").await;
    assert!(matches!(more, Err(NoAnswer::Body(_))), "{more:?}");
    let no_http = asked("220 mail.example ESMTP\r\n").await;
    assert!(matches!(no_http, Err(NoAnswer::Head(_))), "{no_http:?}");
}

#[test]
fn nobody_is_trusted_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    let url = Uri::from_static("https://receiver.example");
    let error = |path: &Path| Https::to(&url, Some(path)).unwrap_err().to_string();
    assert!(error(&file).contains("authorities.pem"));
    std::fs::write(&file, "no certificate\n").unwrap();
    assert!(
        error(&file).ends_with("has no certificate"),
        "{}",
        error(&file)
    );
    // Who encrypts nothing checks nobody.
    Https::to(&Uri::from_static("http://receiver.example"), Some(&file)).unwrap();
}
