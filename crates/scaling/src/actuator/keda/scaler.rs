//! What KEDA is answered.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::Signal;
use super::externalscaler::external_scaler_server::ExternalScaler;
use super::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};

/// The one metric: how many workers are wanted. Its target is one for each replica.
pub(super) const METRIC: &str = "workers";
/// The metadata of a ScaledObject by which a wrong address is noticed.
const APPLICATION: &str = "application";

type Pushed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers from the signal.
#[derive(Debug, Clone)]
pub(super) struct Scaler {
    application: Arc<str>,
    believed_for: Duration,
    told: watch::Receiver<Signal>,
}

impl Scaler {
    pub(super) fn new(
        application: Arc<str>,
        believed_for: Duration,
        told: watch::Receiver<Signal>,
    ) -> Self {
        Self {
            application,
            believed_for,
            told,
        }
    }

    fn check(&self, asked: &ScaledObjectRef) -> Result<(), Status> {
        match asked.scaler_metadata.get(APPLICATION) {
            Some(other) if **other != *self.application => Err(Status::invalid_argument(format!(
                "this scaler is of {:?}, and {}/{} names the application {other:?}",
                self.application, asked.namespace, asked.name
            ))),
            _ => Ok(()),
        }
    }

    fn wanted(&self) -> Result<u32, Status> {
        let signal = *self.told.borrow();
        signal.wanted(self.believed_for).ok_or_else(|| {
            Status::unavailable(format!(
                "how many workers {} needs is not known now: too little was seen, or this scaler does not lead",
                self.application
            ))
        })
    }
}

fn spec() -> GetMetricSpecResponse {
    GetMetricSpecResponse {
        metric_specs: vec![MetricSpec {
            metric_name: METRIC.to_owned(),
            target_size: 1,
            target_size_float: 1.0,
        }],
    }
}

#[tonic::async_trait]
impl ExternalScaler for Scaler {
    type StreamIsActiveStream = Pushed<IsActiveResponse>;
    type StreamMetricSpecStream = Pushed<GetMetricSpecResponse>;

    /// There is at least one worker always: the rules know no fewer.
    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        self.check(request.get_ref())?;
        self.wanted()?;
        Ok(Response::new(IsActiveResponse { result: true }))
    }

    /// At once if the number is known, and whenever it becomes another.
    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        self.check(request.get_ref())?;
        let told = self.told.clone();
        let changes = stream::unfold((told, None), |(mut told, before)| async move {
            let is_new = |signal: &Signal| signal.wanted.is_some() && signal.wanted != before;
            // An error says that the sender is gone: this scaler ends.
            let wanted = told.wait_for(is_new).await.ok()?.wanted;
            Some((Ok(IsActiveResponse { result: true }), (told, wanted)))
        });
        Ok(Response::new(changes.boxed()))
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        self.check(request.get_ref())?;
        Ok(Response::new(spec()))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let request = request.into_inner();
        self.check(&request.scaled_object_ref.unwrap_or_default())?;
        if request.metric_name != METRIC {
            return Err(Status::not_found(format!(
                "there is no metric {:?}: {METRIC:?} is the one",
                request.metric_name
            )));
        }
        let wanted = self.wanted()?;
        Ok(Response::new(GetMetricsResponse {
            metric_values: vec![MetricValue {
                metric_name: METRIC.to_owned(),
                metric_value: wanted.into(),
                metric_value_float: wanted.into(),
            }],
        }))
    }

    /// The target never changes, so nothing follows; the stream ends with this scaler.
    async fn stream_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        self.check(request.get_ref())?;
        let mut told = self.told.clone();
        let end = async move {
            // Only an error, which means that the sender is gone, ends this.
            while told.changed().await.is_ok() {}
        };
        let never = stream::once(end).filter_map(|()| std::future::ready(None));
        let specs = stream::iter([Ok(spec())]).chain(never);
        Ok(Response::new(specs.boxed()))
    }
}
