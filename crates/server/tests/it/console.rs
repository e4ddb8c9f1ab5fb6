//! The web console over a socket: who gets it, and how it is switched off.

use crate::test_server::TestServer;

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[tokio::test]
async fn a_browser_gets_a_page_where_a_client_of_aws_gets_what_it_always_got() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let page = client.request("GET", "/", &[HTML], b"").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
    assert!(page.text().contains("Millstream"));
    assert_eq!(page.header("x-amzn-requestid"), "", "no operation of AWS's");
    let tag = page.header("etag").to_owned();
    let known = [HTML, ("if-none-match", &tag)];
    let again = client.request("HEAD", "/", &known, b"").await;
    assert_eq!(again.status, 304);
    let other = client.request("GET", "/", &[("accept", "*/*")], b"").await;
    assert_eq!(other.status, 403);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_name_that_was_pointed_here_gets_no_page() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let rebound = [HTML, ("host", "example.com")];
    let page = client.request("GET", "/", &rebound, b"").await;
    assert_eq!(page.status, 403);
    assert!(!page.text().contains("<html"));
    server.stop_cleanly().await;
}

#[tokio::test]
async fn switched_off_there_is_none() {
    let server = TestServer::with(|settings| settings.has_console = false).await;
    let mut client = server.client().await;
    let page = client.request("GET", "/", &[HTML], b"").await;
    assert_eq!(page.status, 403);
    let health = client.request("GET", "/health", &[HTML], b"").await;
    assert_eq!(health.status, 200);
    server.stop_cleanly().await;
}
