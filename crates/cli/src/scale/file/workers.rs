//! `[workers]`: how many, and what starts and stops them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use millstream_scaling::actuator::ScaledKind;
use serde::Deserialize;
use toml::Spanned;

use super::{Problem, TimeSpan};

/// How long a hook may take to answer.
const HOOK_TIMEOUT: Duration = Duration::from_secs(60);

/// What starts and stops workers, as the file says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scale) enum Actuator {
    /// Processes of this machine.
    Processes { command: Vec<String> },
    /// Workers of the pipeline that this file declares, as processes of this machine.
    Pipeline { file: PathBuf },
    /// Instances of an EC2 Auto Scaling group.
    AutoScalingGroup {
        name: String,
        region: Option<String>,
        endpoint_url: Option<String>,
        drain: Vec<String>,
    },
    /// Pods of a Deployment or StatefulSet.
    Kubernetes {
        kind: ScaledKind,
        name: String,
        namespace: Option<String>,
        server: Option<String>,
        token_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
    },
    /// Whatever KEDA scales, which asks at this address.
    Keda { listen: SocketAddr },
    /// Somebody else's program.
    Hook {
        url: String,
        token_env: Option<String>,
        timeout: Duration,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenWorkers {
    pub(super) min: Option<u32>,
    pub(super) max: u32,
    pub(super) per_shard_max: Option<u32>,
    pub(super) grace: Option<TimeSpan>,
    records_per_s: Option<Spanned<f64>>,
    command: Option<Spanned<Vec<String>>>,
    auto_scaling_group: Option<Spanned<WrittenGroup>>,
    kubernetes: Option<Spanned<WrittenKubernetes>>,
    keda: Option<WrittenKeda>,
    http: Option<Spanned<WrittenHook>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenGroup {
    name: String,
    region: Option<String>,
    endpoint_url: Option<Spanned<String>>,
    #[serde(default)]
    drain: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenKubernetes {
    deployment: Option<Spanned<String>>,
    stateful_set: Option<Spanned<String>>,
    namespace: Option<Spanned<String>>,
    server: Option<Spanned<String>>,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenKeda {
    listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenHook {
    url: Spanned<String>,
    token_env: Option<String>,
    timeout: Option<TimeSpan>,
}

impl WrittenWorkers {
    /// What one worker does in a second, if the file says it.
    pub(super) fn speed(&self) -> Result<Option<f64>, Problem> {
        let Some(written) = &self.records_per_s else {
            return Ok(None);
        };
        let speed = *written.get_ref();
        match speed.is_finite() && speed > 0.0 {
            true => Ok(Some(speed)),
            false => Err(Problem::new(
                written.span().start,
                "a worker does more than nothing in a second",
            )),
        }
    }

    /// The one that is named, or `default` if none is. `at` is where `[workers]` stands.
    pub(super) fn actuator(
        self,
        at: usize,
        default: Option<Actuator>,
    ) -> Result<Actuator, Problem> {
        match (
            self.command,
            self.auto_scaling_group,
            self.kubernetes,
            self.keda,
            self.http,
            default,
        ) {
            (Some(command), None, None, None, None, _) => of_command(command),
            (None, Some(group), None, None, None, _) => of_group(group.into_inner()),
            (None, None, Some(kubernetes), None, None, _) => of_kubernetes(kubernetes),
            (None, None, None, Some(WrittenKeda { listen }), None, _) => {
                Ok(Actuator::Keda { listen })
            }
            (None, None, None, None, Some(hook), _) => of_hook(hook.into_inner()),
            (None, None, None, None, None, Some(default)) => Ok(default),
            _ => Err(Problem::new(
                at,
                "[workers] needs one of command, auto-scaling-group, kubernetes, keda and http: what starts and stops them",
            )),
        }
    }
}

fn of_command(command: Spanned<Vec<String>>) -> Result<Actuator, Problem> {
    let at = command.span().start;
    match command.into_inner() {
        empty if empty.is_empty() => Err(Problem::new(at, "the command is empty")),
        command => Ok(Actuator::Processes { command }),
    }
}

fn of_group(group: WrittenGroup) -> Result<Actuator, Problem> {
    Ok(Actuator::AutoScalingGroup {
        name: group.name,
        region: group.region,
        endpoint_url: group.endpoint_url.map(url).transpose()?,
        drain: group.drain,
    })
}

fn of_kubernetes(written: Spanned<WrittenKubernetes>) -> Result<Actuator, Problem> {
    let at = written.span().start;
    let written = written.into_inner();
    let (kind, name) = match (written.deployment, written.stateful_set) {
        (Some(name), None) => (ScaledKind::Deployment, name),
        (None, Some(name)) => (ScaledKind::StatefulSet, name),
        _ => {
            return Err(Problem::new(
                at,
                "what is scaled is one of deployment and stateful-set",
            ));
        }
    };
    if written.server.is_none() && (written.token_file.is_some() || written.ca_file.is_some()) {
        return Err(Problem::new(
            at,
            "token-file and ca-file go with server: a pod is given its own",
        ));
    }
    Ok(Actuator::Kubernetes {
        kind,
        name: object_name(name)?,
        namespace: written.namespace.map(object_name).transpose()?,
        server: written.server.map(url).transpose()?,
        token_file: written.token_file,
        ca_file: written.ca_file,
    })
}

fn of_hook(hook: WrittenHook) -> Result<Actuator, Problem> {
    Ok(Actuator::Hook {
        url: url(hook.url)?,
        token_env: hook.token_env,
        timeout: hook.timeout.map_or(HOOK_TIMEOUT, |span| span.0),
    })
}

fn url(written: Spanned<String>) -> Result<String, Problem> {
    let at = written.span().start;
    let text = written.into_inner();
    let rest = text
        .strip_prefix("http://")
        .or(text.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    match host.is_some_and(|host| !host.is_empty() && !host.contains('@')) {
        true => Ok(text),
        false => Err(Problem::new(
            at,
            format!("{text:?} is no http:// or https:// URL without a password"),
        )),
    }
}

/// What Kubernetes takes for the name of an object: it stands in a path.
fn object_name(written: Spanned<String>) -> Result<String, Problem> {
    let at = written.span().start;
    let text = written.into_inner();
    let is_name = (1..=253).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
        })
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['-', '.']);
    match is_name {
        true => Ok(text),
        false => Err(Problem::new(
            at,
            format!("{text:?} is no name in Kubernetes: small letters, digits, - and . inside"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse;
    use super::*;

    fn file(workers: &str) -> String {
        format!("application = \"till\"\n[workers]\nmax = 4\n{workers}")
    }

    #[test]
    fn each_actuator_is_read() {
        let read = |workers: &str| parse(&file(workers), Path::new("f")).unwrap().actuator;
        assert_eq!(
            read(
                "[workers.auto-scaling-group]\nname = \"till\"\ndrain = [\"ssh\", \"{worker}\"]\n"
            ),
            Actuator::AutoScalingGroup {
                name: "till".to_owned(),
                region: None,
                endpoint_url: None,
                drain: vec!["ssh".to_owned(), "{worker}".to_owned()],
            }
        );
        assert_eq!(
            read("[workers.kubernetes]\nstateful-set = \"till\"\nnamespace = \"shop\"\n"),
            Actuator::Kubernetes {
                kind: ScaledKind::StatefulSet,
                name: "till".to_owned(),
                namespace: Some("shop".to_owned()),
                server: None,
                token_file: None,
                ca_file: None,
            }
        );
        assert_eq!(
            read("keda = { listen = \"0.0.0.0:6000\" }\n"),
            Actuator::Keda {
                listen: SocketAddr::from(([0, 0, 0, 0], 6000)),
            }
        );
        assert_eq!(
            read("http = { url = \"https://ops.example/till\", token-env = \"TOKEN\" }\n"),
            Actuator::Hook {
                url: "https://ops.example/till".to_owned(),
                token_env: Some("TOKEN".to_owned()),
                timeout: Duration::from_secs(60),
            }
        );
    }

    #[test]
    fn what_no_actuator_is_is_refused_where_it_stands() {
        for (workers, place, said) in [
            ("", "2:1", "needs one of"),
            (
                "command = [\"a\"]\nhttp = { url = \"http://a\" }\n",
                "2:1",
                "needs one of",
            ),
            (
                "http = { url = \"ops.example\" }\n",
                "4:16",
                "is no http://",
            ),
            (
                "http = { url = \"https://me:pw@ops\" }\n",
                "4:16",
                "without a password",
            ),
            (
                "http = { uri = \"https://ops\" }\n",
                "4:10",
                "unknown field",
            ),
            (
                "kubernetes = {}\n",
                "4:14",
                "one of deployment and stateful-set",
            ),
            (
                "kubernetes = { deployment = \"a/../b\" }\n",
                "4:29",
                "is no name",
            ),
            (
                "kubernetes = { deployment = \"a\", ca-file = \"b\" }\n",
                "4:14",
                "go with server",
            ),
            ("auto-scaling-group = {}\n", "4:22", "missing field `name`"),
            (
                "keda = { listen = \"6000\" }\n",
                "4:19",
                "invalid socket address",
            ),
        ] {
            let text = file(workers);
            let told = parse(&text, Path::new("f"))
                .unwrap_err()
                .in_file(Path::new("f"), &text);
            assert!(
                told.starts_with(&format!("f:{place}: ")) && told.contains(said),
                "{workers}: {told}"
            );
        }
    }
}
