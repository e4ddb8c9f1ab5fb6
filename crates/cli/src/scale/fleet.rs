//! The actuator that the file names.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream_scaling::CallError;
use millstream_scaling::actuator::{
    AutoScalingGroup, AutoScalingSettings, Hook, HookSettings, Keda, KedaSettings, Kubernetes,
    KubernetesSettings, Processes, ProcessesSettings, ScaledKind, Workers,
};
use millstream_types::{SystemClock, WallClock};

use super::file::{Actuator, Settings};
use super::leadership::term;
use crate::connection::Connection;
use crate::failure::Failure;

/// The variable that names Auto Scaling's endpoint, as AWS's tools know it.
const AUTO_SCALING_ENDPOINT: &str = "AWS_ENDPOINT_URL_AUTO_SCALING";

/// What starts and stops the workers. Nothing is started or asked yet; whoever asks us is answered, unless `is_dry`.
pub(super) async fn open(
    settings: &Settings,
    connection: &Connection,
    is_dry: bool,
) -> Result<Box<dyn Workers>, Failure> {
    let grace = settings.grace;
    let processes = |command| {
        boxed(Processes::new(ProcessesSettings {
            command,
            // Nobody has these ids, also of a scaler before this one.
            name: format!("{}-{:x}", settings.application, SystemClock.now().0),
            grace,
        }))
    };
    let opened: Result<Box<dyn Workers>, CallError> = match settings.actuator.clone() {
        Actuator::Processes { command } => Ok(processes(command)),
        Actuator::Pipeline { file } => Ok(processes(pipeline_worker(&file, connection)?)),
        Actuator::AutoScalingGroup {
            name,
            region,
            endpoint_url,
            drain,
        } => {
            let (credentials, own_region) = connection.identity().await;
            let settings = AutoScalingSettings {
                name,
                region: region.unwrap_or(own_region),
                endpoint_url: endpoint_url.or_else(|| env::var(AUTO_SCALING_ENDPOINT).ok()),
                credentials,
                drain,
                grace,
            };
            AutoScalingGroup::new(settings, Arc::new(SystemClock)).map(boxed)
        }
        Actuator::Kubernetes {
            kind,
            name,
            namespace,
            server,
            token_file,
            ca_file,
        } => {
            let outside = server.map(|server| (server, token_file, ca_file));
            kubernetes(kind, name, namespace, outside)
                .and_then(Kubernetes::new)
                .map(boxed)
        }
        Actuator::Keda { listen } => {
            let mut keda = Keda::new(KedaSettings {
                application: settings.application.clone(),
                listen,
                counted_for: Duration::from_millis(settings.rules.settling_ms),
                believed_for: term(&settings.rules),
            });
            if !is_dry {
                keda.listen().await.map_err(Failure::Workers)?;
            }
            Ok(boxed(keda))
        }
        Actuator::Hook {
            url,
            token_env,
            timeout,
        } => hook(url, token_env, timeout)?.map(boxed),
    };
    opened.map_err(|error| Failure::Workers(error.into()))
}

/// `pipeline run` of this binary, which talks to whom this process talks to.
fn pipeline_worker(file: &Path, connection: &Connection) -> Result<Vec<String>, Failure> {
    let failed = |error| Failure::local("this program's own file", error);
    let program = env::current_exe().map_err(failed)?;
    let mut command = vec![program.display().to_string()];
    let file = file.display().to_string();
    let words = [
        "pipeline",
        "run",
        &file,
        "--worker-id",
        "{worker}",
        "--report",
        "0s",
    ];
    command.extend(words.map(str::to_owned));
    command.extend(connection.as_arguments());
    Ok(command)
}

fn boxed(workers: impl Workers + 'static) -> Box<dyn Workers> {
    Box::new(workers)
}

/// `outside` of a cluster: the server, the token's file, and the authority's.
fn kubernetes(
    kind: ScaledKind,
    name: String,
    namespace: Option<String>,
    outside: Option<(String, Option<PathBuf>, Option<PathBuf>)>,
) -> Result<KubernetesSettings, CallError> {
    let mut settings = match outside {
        None => KubernetesSettings::of_this_pod(kind, name)?,
        Some((server, token_file, ca_file)) => KubernetesSettings {
            server,
            namespace: "default".to_owned(),
            kind,
            name,
            token_file,
            ca_file,
        },
    };
    settings.namespace = namespace.unwrap_or(settings.namespace);
    Ok(settings)
}

fn hook(
    url: String,
    token_env: Option<String>,
    timeout: Duration,
) -> Result<Result<Hook, CallError>, Failure> {
    let token = token_env.map(|name| {
        env::var(&name)
            .map_err(|_| Failure::Setup(format!("the environment variable {name} is not set")))
    });
    Ok(Hook::new(HookSettings {
        url,
        token: token.transpose()?,
        timeout,
    }))
}
