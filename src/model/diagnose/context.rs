//! What the log says about its run: its secrets, its token, its runner.

use std::collections::BTreeMap;

use super::line::Kind;
use super::log::Log;
use crate::model::workflow::Access;
use crate::model::workflow::patch::may_name_permission;

/// Read from the lines that the runner writes before the first step (actions/runner, `JobExtension`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// `Secret source:` `None`, `Actions`, `Dependabot`, …
    pub secret_source: Option<String>,
    /// Scopes of `GITHUB_TOKEN`: `read` or `write`.
    pub permissions: BTreeMap<String, String>,
    pub image: Option<String>,
    pub job: Option<String>,
}

impl Context {
    pub fn of(log: &Log) -> Self {
        let mut context = Self::default();
        let Some(setup) = log
            .steps
            .first()
            .filter(|step| step.title.is_empty() || step.title == "Set up job")
        else {
            return context;
        };
        let mut in_permissions = false;
        for line in setup.body.lines() {
            let text = String::from_utf8_lossy(setup.body.text(line));
            match line.kind {
                Kind::Group => in_permissions = text == "GITHUB_TOKEN Permissions",
                Kind::EndGroup => in_permissions = false,
                _ => {
                    let Some((name, value)) = text.split_once(": ") else {
                        continue;
                    };
                    let value = value.trim().to_owned();
                    match name {
                        _ if in_permissions => {
                            // `PullRequests` is `pull-requests` in a workflow.
                            context.permissions.insert(kebab(name), value);
                        }
                        "Secret source" => context.secret_source = Some(value),
                        "Image" => context.image = Some(value),
                        "Complete job name" => context.job = context.job.or(Some(value)),
                        _ => {}
                    }
                }
            }
        }
        context
    }

    /// What the job's token may do, as far as a workflow may say it.
    pub fn granted(&self) -> impl Iterator<Item = (String, Access)> {
        let access = |value: &str| match value {
            "read" => Some(Access::Read),
            "write" => Some(Access::Write),
            _ => None,
        };
        let each = self.permissions.iter();
        let all = each.filter_map(move |(scope, value)| Some((scope.clone(), access(value)?)));
        all.filter(|(scope, access)| may_name_permission(scope, *access))
    }

    /// This run has no secrets of the repository: it is from a fork, or from Dependabot.
    pub fn lacks_secrets(&self) -> bool {
        matches!(self.secret_source.as_deref(), Some("None" | "Dependabot"))
    }

    /// The same as a sentence.
    pub fn lack_of_secrets(&self) -> Option<&'static str> {
        match self.secret_source.as_deref()? {
            "None" => Some("it got no secrets, as in runs from forks (Secret source: None)"),
            "Dependabot" => Some("it got only the secrets for Dependabot (Secret source: Dependabot)"),
            _ => None,
        }
    }
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
