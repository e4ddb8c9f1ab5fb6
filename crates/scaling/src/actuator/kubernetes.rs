//! Workers as pods of a Deployment or a StatefulSet, through the `scale` subresource.
//!
//! Kubernetes counts its pods, and chooses who goes: of a StatefulSet the highest number, of a Deployment as its controller
//! ranks them. Each gets SIGTERM and its grace period, in which the KCL, the MultiLangDaemon and Millstream's consumer hand
//! over. What is here needs `get` and `patch` of `deployments/scale` or `statefulsets/scale`, and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

use super::{ActuatorFuture, Running, Workers};
use crate::requests::{Requests, beginning, failed};
use crate::{CallError, WorkerChange};

const TIMEOUT: Duration = Duration::from_secs(30);
/// Where a pod finds who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaledKind {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
}

impl ScaledKind {
    fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
        }
    }
}

/// What is scaled, and as whom.
#[derive(Debug, Clone)]
pub struct KubernetesSettings {
    /// The API server, such as `https://10.0.0.1:443`.
    pub server: String,
    /// The namespace.
    pub namespace: String,
    /// What is scaled...
    pub kind: ScaledKind,
    /// ... and its name.
    pub name: String,
    /// The file with the token, read again for each call, as it is changed every hour; `None` sends none.
    pub token_file: Option<PathBuf>,
    /// The file with the server's authority, in PEM; `None` trusts whom the machine trusts.
    pub ca_file: Option<PathBuf>,
}

impl KubernetesSettings {
    /// The API server, the token, the authority and the namespace that every pod is given.
    ///
    /// # Errors
    /// If this is no pod.
    pub fn of_this_pod(kind: ScaledKind, name: String) -> Result<Self, CallError> {
        let variable = |name: &str| {
            std::env::var(name).map_err(|_| {
                CallError::Setup(format!(
                    "{name} is not set: this is no pod of Kubernetes, so the file has to name the server"
                ))
            })
        };
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT")?;
        let folder = PathBuf::from(ACCOUNT);
        Ok(Self {
            server: server(&host, &port),
            namespace: read(&folder.join("namespace"))?,
            kind,
            name,
            token_file: Some(folder.join("token")),
            ca_file: Some(folder.join("ca.crt")),
        })
    }
}

/// A file that a pod is given.
fn read(file: &Path) -> Result<String, CallError> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| CallError::Setup(format!("{}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// An address of IPv6 has brackets in a URL.
fn server(host: &str, port: &str) -> String {
    match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    }
}

/// The pods of a Deployment or StatefulSet.
#[derive(Debug)]
pub struct Kubernetes {
    settings: KubernetesSettings,
    url: String,
    what: String,
    requests: Requests,
}

impl Kubernetes {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// If the authority's file cannot be read.
    pub fn new(settings: KubernetesSettings) -> Result<Self, CallError> {
        let KubernetesSettings {
            server,
            namespace,
            kind,
            name,
            ..
        } = &settings;
        let (server, plural) = (server.trim_end_matches('/'), kind.plural());
        let url = format!("{server}/apis/apps/v1/namespaces/{namespace}/{plural}/{name}/scale");
        Ok(Self {
            what: format!("{plural}/{name} in {namespace}"),
            requests: Requests::new(&url, settings.ca_file.as_deref(), TIMEOUT)?,
            url,
            settings,
        })
    }

    async fn call(&self, method: Method, body: String) -> Result<Scale, CallError> {
        let what = format!("{method} of the scale of {}", self.what);
        let mut request = Request::builder()
            .method(&method)
            .uri(&self.url)
            .header(ACCEPT, "application/json");
        if let Some(token) = self.token()? {
            request = request.header(AUTHORIZATION, token);
        }
        if method == Method::PATCH {
            request = request.header(CONTENT_TYPE, "application/merge-patch+json");
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| CallError::Setup(format!("{}: {error}", self.url)))?;
        let (status, body) = self.requests.send(&what, request).await?;
        if status != StatusCode::OK {
            let told: Option<Status> = serde_json::from_slice(&body).ok();
            let said = told.map_or_else(|| beginning(&body), |status| status.message);
            return Err(failed(&what, status, said));
        }
        serde_json::from_slice(&body).map_err(|error| CallError::Refused {
            what,
            said: format!("its answer is no Scale: {error}"),
        })
    }

    fn token(&self) -> Result<Option<HeaderValue>, CallError> {
        let Some(file) = &self.settings.token_file else {
            return Ok(None);
        };
        let token = read(file)?;
        let mut token = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|error| CallError::Setup(format!("{}: {error}", file.display())))?;
        token.set_sensitive(true);
        Ok(Some(token))
    }
}

#[derive(Debug, Deserialize)]
struct Scale {
    spec: ScaleSpec,
}

#[derive(Debug, Deserialize)]
struct ScaleSpec {
    /// Not there if it is 0.
    #[serde(default)]
    replicas: u32,
}

/// What a refusal says.
#[derive(Debug, Deserialize)]
struct Status {
    message: String,
}

impl Workers for Kubernetes {
    fn running(&mut self) -> ActuatorFuture<'_, Running> {
        Box::pin(async {
            let scale = self.call(Method::GET, String::new()).await?;
            Ok(Running::Counted(scale.spec.replicas))
        })
    }

    fn scale<'a>(&'a mut self, change: &'a WorkerChange) -> ActuatorFuture<'a, ()> {
        Box::pin(async move {
            let wanted = json!({"spec": {"replicas": change.to}});
            let scale = self.call(Method::PATCH, wanted.to_string()).await?;
            match scale.spec.replicas == change.to {
                true => Ok(()),
                false => Err(CallError::Refused {
                    what: format!("PATCH of the scale of {}", self.what),
                    said: format!("{} replicas are what it has now", scale.spec.replicas),
                }
                .into()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
