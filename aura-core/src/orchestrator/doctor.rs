//! Is everything here that a run needs?

use serde::Serialize;

use super::Orchestrator;
use crate::engine::blocking;
use crate::error::Result;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorCheck {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
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
        let stories = self
            .stories()
            .await
            .map(|stories| format!("{} stories", stories.len()));
        let containment =
            crate::process::containment().map(|level| format!("{level:?}").to_lowercase());
        let mut checks = vec![
            check("repository", repository),
            check("commit author", identity),
            check("store", stories),
            check("process containment", containment),
        ];
        for (name, agent) in &self.shop.agents {
            let found = agent
                .preflight()
                .await
                .map(|()| "can be started".to_owned());
            checks.push(check(&format!("agent `{name}`"), found));
        }
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
            help: gates
                .is_empty()
                .then(|| "configure a gate; without one nothing may land".to_owned()),
        });
        DoctorReport { checks }
    }
}

fn check(name: &str, found: Result<String>) -> DoctorCheck {
    match found {
        Ok(detail) => DoctorCheck {
            name: name.to_owned(),
            ok: true,
            detail,
            help: None,
        },
        Err(error) => DoctorCheck {
            name: name.to_owned(),
            ok: false,
            detail: error.to_string(),
            help: error.help().map(ToOwned::to_owned),
        },
    }
}
