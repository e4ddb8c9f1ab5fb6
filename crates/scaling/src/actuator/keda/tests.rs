use std::collections::HashMap;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use super::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, ScaledObjectRef,
};
use super::*;
use crate::actuator::conformance::{self, change};

const COUNTED: Duration = Duration::from_secs(60);
const BELIEVED: Duration = Duration::from_secs(40);

fn keda() -> Keda {
    Keda::new(KedaSettings {
        application: "till".to_owned(),
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        counted_for: COUNTED,
        believed_for: BELIEVED,
    })
}

fn holders(count: u32) -> Vec<Arc<str>> {
    (0..count).map(|index| format!("w{index}").into()).collect()
}

impl Keda {
    fn wanted(&self) -> Option<u32> {
        self.signal.borrow().wanted(BELIEVED)
    }
}

#[tokio::test]
async fn what_keda_scales_is_workers() {
    conformance::grows_and_shrinks(&mut keda()).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_is_told_as_long_as_it_is_confirmed() {
    let mut keda = keda();
    assert_eq!(keda.wanted(), None);
    keda.scale(&change(1, 4, &[])).await.unwrap();
    assert_eq!(keda.wanted(), Some(4));
    for _ in 0..5 {
        tokio::time::advance(BELIEVED).await;
        // Fewer than were asked for: the others are still starting.
        keda.keep(&holders(1)).await.unwrap();
        assert_eq!(keda.wanted(), Some(4));
    }
    tokio::time::advance(BELIEVED + Duration::from_millis(1)).await;
    assert_eq!(keda.wanted(), None, "the scaler hangs");
    keda.keep(&holders(1)).await.unwrap();
    assert_eq!(keda.wanted(), Some(4));
    // Another one leads, and leaves more behind than this one had asked for.
    keda.follow();
    assert_eq!(keda.wanted(), None);
    keda.keep(&holders(7)).await.unwrap();
    tokio::time::advance(COUNTED).await;
    keda.keep(&holders(6)).await.unwrap();
    assert_eq!(keda.wanted(), Some(7));
}

#[tokio::test(start_paused = true)]
async fn workers_are_counted_for_a_while_before_their_number_is_told() {
    let mut keda = keda();
    for count in [0, 2, 3, 2] {
        keda.keep(&holders(count)).await.unwrap();
        assert_eq!(keda.wanted(), None);
        tokio::time::advance(COUNTED / 4).await;
    }
    keda.keep(&holders(2)).await.unwrap();
    assert_eq!(keda.wanted(), Some(3), "one of them was being restarted");
}

/// A client of our own, without gRPC's libraries: a length of five bytes before each message, the status in the trailers.
struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn new(address: SocketAddr) -> (Self, JoinSet<()>) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // It ends with an error when the server goes.
            drop(connection.await);
        });
        (Self(sender), tasks)
    }

    async fn ask(
        &mut self,
        call: &str,
        message: &impl Message,
    ) -> http::Response<hyper::body::Incoming> {
        let mut framed = vec![0];
        let bytes = message.encode_to_vec();
        framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        framed.extend(bytes);
        let request =
            http::Request::post(format!("http://keda/externalscaler.ExternalScaler/{call}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
        let request = request.body(Full::new(Bytes::from(framed))).unwrap();
        self.0.send_request(request).await.unwrap()
    }

    /// The answer, or the status's code.
    async fn unary<M: Message + Default>(
        &mut self,
        call: &str,
        message: &impl Message,
    ) -> Result<M, String> {
        let answer = self.ask(call, message).await;
        let early = answer.headers().get("grpc-status").cloned();
        let body = answer.into_body().collect().await.unwrap();
        let late = body
            .trailers()
            .and_then(|trailers| trailers.get("grpc-status").cloned());
        let code = early.or(late).unwrap().to_str().unwrap().to_owned();
        match code.as_str() {
            "0" => Ok(M::decode(body.to_bytes().slice(5..)).unwrap()),
            _ => Err(code),
        }
    }
}

const INVALID_ARGUMENT: &str = "3";
const NOT_FOUND: &str = "5";
const UNAVAILABLE: &str = "14";

fn object(application: Option<&str>) -> ScaledObjectRef {
    let named = application.map(|name| ("application".to_owned(), name.to_owned()));
    ScaledObjectRef {
        name: "till".to_owned(),
        namespace: "shop".to_owned(),
        scaler_metadata: HashMap::from_iter(named),
    }
}

fn workers_of(application: Option<&str>) -> GetMetricsRequest {
    GetMetricsRequest {
        scaled_object_ref: Some(object(application)),
        metric_name: "workers".to_owned(),
    }
}

#[tokio::test]
async fn keda_is_answered_and_told_why_not() {
    let mut keda = keda();
    let address = keda.listen().await.unwrap();
    let (mut client, _tasks) = Client::new(address).await;
    let metrics = |answer: GetMetricsResponse| answer.metric_values[0].metric_value_float;
    let asked = client.unary("GetMetrics", &workers_of(None)).await;
    assert_eq!(asked.map(metrics), Err(UNAVAILABLE.to_owned()));
    let active = client
        .unary::<IsActiveResponse>("IsActive", &object(None))
        .await;
    assert_eq!(active, Err(UNAVAILABLE.to_owned()));
    keda.scale(&change(1, 4, &[])).await.unwrap();
    let asked = client.unary("GetMetrics", &workers_of(Some("till"))).await;
    assert_eq!(asked.map(metrics), Ok(4.0));
    let active = client.unary("IsActive", &object(None)).await;
    assert_eq!(active, Ok(IsActiveResponse { result: true }));
    let spec: GetMetricSpecResponse = client.unary("GetMetricSpec", &object(None)).await.unwrap();
    assert_eq!(spec.metric_specs[0].target_size_float, 1.0);
    let asked = client
        .unary("GetMetrics", &workers_of(Some("another")))
        .await;
    assert_eq!(asked.map(metrics), Err(INVALID_ARGUMENT.to_owned()));
    let unknown = GetMetricsRequest {
        metric_name: "cpu".to_owned(),
        ..workers_of(None)
    };
    let asked = client.unary("GetMetrics", &unknown).await;
    assert_eq!(asked.map(metrics), Err(NOT_FOUND.to_owned()));
}

#[tokio::test]
async fn keda_is_pushed_to_and_its_streams_end_with_the_scaler() {
    let mut keda = keda();
    let address = keda.listen().await.unwrap();
    let (mut client, _tasks) = Client::new(address).await;
    let mut active = client
        .ask("StreamIsActive", &object(None))
        .await
        .into_body();
    let mut specs = client
        .ask("StreamMetricSpec", &object(None))
        .await
        .into_body();
    // At once, and nothing else.
    assert!(specs.frame().await.unwrap().unwrap().is_data());
    for wanted in [3, 5] {
        keda.scale(&change(1, wanted, &[])).await.unwrap();
        assert!(active.frame().await.unwrap().unwrap().is_data());
    }
    drop(keda);
    let ended = async |body: &mut hyper::body::Incoming| {
        // By an error: whoever answered is gone.
        while let Some(Ok(_)) = body.frame().await {}
    };
    ended(&mut active).await;
    ended(&mut specs).await;
}
