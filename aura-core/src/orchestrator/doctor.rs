//! Is everything here that a run needs?

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::Orchestrator;
use crate::agent::{AgentBackend, AgentProbe, Login};
use crate::agents::CliAgent;
use crate::engine::blocking;
use crate::error::{Error, ErrorKind, Result};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorCheck {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What may make trouble, although a run could start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What to do when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// In the order in which a run would need it.
    pub checks: Vec<DoctorCheck>,
}

impl DoctorReport {
    /// Whether a run could start.
    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

impl Orchestrator {
    /// One line for each agent that is configured, and for each that is there to be configured.
    async fn agent_checks(&self) -> Vec<DoctorCheck> {
        let mut looks = tokio::task::JoinSet::new();
        for (name, agent) in &self.shop.agents {
            let (name, agent) = (format!("agent `{name}`"), Arc::clone(agent));
            looks.spawn(async move {
                let found = agent.preflight().await;
                let probe = if found.is_ok() {
                    agent.probe().await
                } else {
                    None
                };
                let kind = probe.as_ref().map(|probe| probe.name.clone());
                let told = probe.as_ref().map(describe);
                let ready = if agent.only_answers() {
                    "can be asked, and only that"
                } else {
                    "can be started"
                };
                let (detail, warning) = told.unwrap_or((ready.to_owned(), None));
                let mut check = check(&name, found.map(|()| detail));
                check.warning = warning;
                (kind, check)
            });
        }
        let mut configured = looks.join_all().await;
        configured.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        let mut others = tokio::task::JoinSet::new();
        for name in CliAgent::names() {
            let is_known = |(kind, _): &(Option<String>, _)| kind.as_deref() == Some(name);
            if let (false, Some(agent)) = (configured.iter().any(is_known), CliAgent::named(name)) {
                others.spawn(async move { agent.probe().await });
            }
        }
        let mut found: Vec<_> = others.join_all().await.into_iter().flatten().collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let found = found.iter().map(|probe| {
            let (detail, warning) = describe(probe);
            let name = "agent that is here, not configured".to_owned();
            let mut check = check(&name, Ok(detail));
            check.warning = warning;
            check
        });
        let checks: Vec<DoctorCheck> = found.collect();
        configured
            .into_iter()
            .map(|(_, check)| check)
            .chain(checks)
            .collect()
    }

    /// Looks at everything that a run needs and changes nothing.
    pub async fn doctor(&self) -> DoctorReport {
        let shop = self.shop.clone();
        let repository = blocking(move || {
            let head = shop.user.head()?;
            let branch = head.branch.unwrap_or_else(|| "detached".to_owned());
            Ok(format!(
                "{} at {} ({branch})",
                shop.user.common_dir().display(),
                head.commit
            ))
        })
        .await;
        let shop = self.shop.clone();
        let identity = blocking(move || {
            shop.user
                .identity()
                .map(|who| format!("{} <{}>", who.name, who.email))
        })
        .await;
        let (shop, root) = (self.shop.clone(), self.shop.root.clone());
        let disks = blocking(move || free_space(&[shop.aura.dir(), &root])).await;
        let git = blocking(crate::git::version).await;
        let stories = self
            .stories()
            .await
            .map(|stories| format!("{} stories", stories.len()));
        let containment =
            crate::process::containment().map(|level| format!("{level:?}").to_lowercase());
        let mut checks = vec![
            check("git", git),
            check("repository", repository),
            check("commit author", identity),
            check("store", stories),
            check("disk", disks),
            check("process containment", containment),
        ];
        checks.extend(self.agent_checks().await);
        checks.extend(self.gate_checks().await);
        let gates: Vec<String> = self
            .shop
            .gate_definitions()
            .into_iter()
            .map(|gate| gate.name)
            .collect();
        checks.push(DoctorCheck {
            name: "gates".to_owned(),
            ok: !gates.is_empty(),
            detail: if gates.is_empty() {
                "none".to_owned()
            } else {
                gates.join(", ")
            },
            warning: None,
            help: gates
                .is_empty()
                .then(|| "configure a gate; without one nothing may land".to_owned()),
        });
        DoctorReport { checks }
    }

    async fn gate_checks(&self) -> Vec<DoctorCheck> {
        let mut checks = Vec::new();
        for gate in &self.shop.gates {
            let found = gate.gate().preflight().await;
            let found = found.map(|()| "can be started".to_owned());
            checks.push(check(&format!("gate `{}`", gate.definition().name), found));
        }
        checks
    }
}

/// Bytes that a run should find free: less is used up by one build.
const ENOUGH: u64 = 1 << 30;

/// What is free where Aura writes. A directory that is not there yet will be made in the one above it.
fn free_space(places: &[&Path]) -> Result<String> {
    let mut told = Vec::new();
    for place in places {
        let standing = place.ancestors().find(|path| path.exists());
        let standing = standing.unwrap_or(Path::new("/"));
        let about = rustix::fs::statvfs(standing)
            .map_err(|error| Error::io("look at the disk of", standing, error.into()))?;
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        let text = format!("{} MiB free at {}", free >> 20, standing.display());
        if free < ENOUGH {
            return Err(Error::new(ErrorKind::Io, format!("only {text}"))
                .with_help("free at least 1 GiB: every task gets a checkout of its own"));
        }
        told.push(text);
    }
    Ok(told.join(", "))
}

/// What was found out about an agent that can be started.
fn describe(probe: &AgentProbe) -> (String, Option<String>) {
    let version = probe.version.as_deref().unwrap_or("of unknown version");
    let path = probe.native.as_ref().unwrap_or(&probe.path).display();
    let login = match probe.login {
        Login::Yes => "logged in",
        Login::No => "not logged in",
        Login::Unknown => "login not known before it is started",
    };
    let detail = format!("{} {version}, {login}, at {path}", probe.name);
    let warning = Some(&probe.detail).filter(|detail| !detail.is_empty());
    (detail, warning.cloned())
}

fn check(name: &str, found: Result<String>) -> DoctorCheck {
    match found {
        Ok(detail) => DoctorCheck {
            name: name.to_owned(),
            ok: true,
            detail,
            warning: None,
            help: None,
        },
        Err(error) => DoctorCheck {
            name: name.to_owned(),
            ok: false,
            detail: error.to_string(),
            warning: None,
            help: error.help().map(ToOwned::to_owned),
        },
    }
}
