//! What a command needs of the job that it runs in, and how long it may take.

use std::time::Duration;

use clap::ArgMatches;

use super::super::artifacts::ArtifactOptions;
use super::super::config::Config;
use super::super::rollback_dry_run::PlatformName;
use super::super::{Or as _, Runnable, rollback_dry_run, skip_guard, smoke};
use crate::commands::check::{Meaning, Need, Needed};
use crate::commands::rollback_dry_run::CloudflarePlan;
use crate::commands::skip_guard::{Ask, Requirement};
use crate::model::TimeSpan;

/// How long the command may take by its flags.
pub fn limit(matches: &ArgMatches) -> Option<(String, Duration)> {
    let (name, given) = matches.subcommand()?;
    let span = |id: &str| given.try_get_one::<TimeSpan>(id).ok().flatten().map(|span| span.0);
    match name {
        "heartbeat" => {
            let retries = given.try_get_one::<u32>("retries").ok().flatten().copied().unwrap_or(0);
            let limit = span("timeout")?.checked_mul(retries.saturating_add(1))?;
            let flags = if retries > 0 {
                "--timeout with --retries"
            } else {
                "--timeout"
            };
            Some((flags.to_owned(), limit))
        }
        "smoke" => {
            let limit = span("within")?;
            let window = span("steady").or(span("watch"));
            let flags = if window.is_some() {
                "`within` with its window"
            } else {
                "`within`"
            };
            Some((flags.to_owned(), limit.checked_add(window.unwrap_or_default())?))
        }
        _ => None,
    }
}

pub fn need(meaning: &mut Meaning, what: Needed, because: impl Into<String>) {
    meaning.needs.push(Need {
        what,
        because: because.into(),
    });
}

/// Fills in what the command needs, and answers which variables it reads secrets from.
pub fn needs(options: &Runnable, config: Config, meaning: &mut Meaning) -> Vec<String> {
    match options {
        Runnable::SkipGuard(options) => {
            of_guard(&(**options).clone().or(config.skip_guard.unwrap_or_default()), meaning);
            Vec::new()
        }
        Runnable::Smoke(options) => of_smoke(&(**options).clone().or(config.smoke.unwrap_or_default()), meaning),
        Runnable::RollbackDryRun(options) => {
            let options = (**options).clone().or(config.rollback_dry_run.unwrap_or_default());
            of_rollback(&options, meaning);
            Vec::new()
        }
        Runnable::Diagnose(options) => {
            if let Some(because) = options.asks_github() {
                let variable = options.github_token_env.clone();
                let variable = variable.unwrap_or_else(|| "GITHUB_TOKEN".to_owned());
                let scopes = vec!["actions".to_owned()];
                need(meaning, Needed::Token { variable, scopes }, because);
            }
            Vec::new()
        }
        Runnable::Verify(options) => of_artifacts(&options.artifacts, meaning),
        Runnable::Verdict(options) => of_artifacts(&options.artifacts, meaning),
        Runnable::Merge(options) => of_artifacts(&options.artifacts, meaning),
        Runnable::ForegroundProof(options) => {
            let options = (**options).clone().or(config.foreground_proof.unwrap_or_default());
            if options.committed_since.is_some() {
                need(meaning, Needed::Checkout, "committed-since");
                need(meaning, Needed::History, "committed-since");
            }
            Vec::new()
        }
        Runnable::Rehearse(_) => {
            need(meaning, Needed::Checkout, "rehearse");
            config.skip_guard.iter().for_each(|guard| of_guard(guard, meaning));
            config
                .rollback_dry_run
                .iter()
                .for_each(|rollback| of_rollback(rollback, meaning));
            config.smoke.map(|smoke| of_smoke(&smoke, meaning)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// The action may read the artifacts of its own run.
fn of_artifacts(options: &ArtifactOptions, meaning: &mut Meaning) -> Vec<String> {
    if options.run.is_some() {
        let variable = options.token_env().to_owned();
        let scopes = vec!["actions".to_owned()];
        need(meaning, Needed::Token { variable, scopes }, "run");
    }
    Vec::new()
}

fn of_guard(options: &skip_guard::SkipGuardOptions, meaning: &mut Meaning) {
    let variable = options.token_env().to_owned();
    let token = |scopes: &[&str]| Needed::Token {
        variable: variable.clone(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    for prerequisite in &options.require {
        let because = prerequisite.requirement.to_string();
        match &prerequisite.requirement {
            Requirement::Env(name) | Requirement::Var(name) => need(meaning, Needed::Variable(name.clone()), because),
            Requirement::Group(names) => {
                for name in names {
                    need(meaning, Needed::Variable(name.clone()), because.clone());
                }
            }
            Requirement::GitHub(Ask::TokenPermission(scope)) => need(meaning, token(&[scope]), because),
            Requirement::GitHub(_) => need(meaning, token(&["actions"]), because),
            Requirement::Oidc => need(meaning, Needed::IdToken, because),
            Requirement::Command(_) => need(meaning, Needed::Host, because),
            _ => {}
        }
    }
    if options.fix == Some(true) {
        need(meaning, Needed::Host, "fix");
    }
    let limits = [
        ("max-skips", options.max_skips.is_some()),
        ("max-skip-age", options.max_skip_age.is_some()),
    ];
    if let Some((name, _)) = limits.into_iter().find(|(_, given)| *given) {
        let scopes: &[&str] = match options.skipped_job {
            Some(_) => &["actions"],
            None => &["actions", "checks"],
        };
        need(meaning, token(scopes), name);
    }
}

fn of_smoke(options: &smoke::SmokeOptions, meaning: &mut Meaning) -> Vec<String> {
    if options.starts_servers() {
        need(meaning, Needed::Host, "start");
    }
    let names = smoke::secret_names(options);
    for name in &names {
        need(meaning, Needed::Variable(name.clone()), "smoke");
    }
    names
}

fn of_rollback(options: &rollback_dry_run::RollbackDryRunOptions, meaning: &mut Meaning) {
    // It sends nothing and looks at nothing.
    if options.list_calls == Some(true) {
        return;
    }
    match options.platform() {
        PlatformName::Git => {
            need(meaning, Needed::Checkout, "rollback-dry-run");
            need(meaning, Needed::History, "rollback-dry-run");
        }
        PlatformName::Compose => {
            need(meaning, Needed::Checkout, "rollback-dry-run");
            if options.state_file.is_none() {
                need(meaning, Needed::History, "rollback-dry-run");
            }
            for name in rollback_dry_run::platform_secrets(options) {
                need(meaning, Needed::Variable(name), "rollback-dry-run");
            }
        }
        PlatformName::Command => need(meaning, Needed::Host, "check"),
        // An earlier step logs in to AWS and sets its variables for all steps after it.
        PlatformName::Ecs => {
            if let Some(name) = options.registry_auth_env.clone() {
                need(meaning, Needed::Variable(name), "rollback-dry-run");
            }
        }
        _ => {
            for name in rollback_dry_run::platform_secrets(options) {
                need(meaning, Needed::Variable(name), "rollback-dry-run");
            }
            if options.platform() == PlatformName::Cloudflare && options.account.is_none() {
                let account = CloudflarePlan::ACCOUNT_ENV.to_owned();
                need(meaning, Needed::Variable(account), "rollback-dry-run");
            }
        }
    }
    if options.rehearse.is_some() {
        need(meaning, Needed::Host, "rehearse");
    }
    if !options.migrations.is_empty() {
        need(meaning, Needed::Checkout, "migrations");
        need(meaning, Needed::History, "migrations");
    }
    if let Some(because) = options.asks_github() {
        let token = Needed::Token {
            variable: options.github_token_env().to_owned(),
            scopes: vec!["deployments".to_owned()],
        };
        need(meaning, token, because);
    }
}
