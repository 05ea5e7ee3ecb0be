//! Whether the credentials may move the traffic.

use std::sync::Arc;

use futures_util::future::join;
use tokio::time::Instant;

use super::Running;
use crate::commands::rollback_dry_run::claims::{LIMIT, Seen};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;

/// What `gcloud run services update-traffic` calls. The first was used a moment ago: if it is not among the granted ones, the
/// answer is no answer.
const GET: &str = "run.services.get";
const UPDATE: &str = "run.services.update";
/// Each change of a service needs it on its service account, a change of traffic too (cloud.google.com/run/docs,
/// "Rollbacks, gradual rollouts, and traffic migration", "Required roles").
const ACT_AS: &str = "iam.serviceAccounts.actAs";
/// More than it takes, and what they allow.
const MORE: [(&str, &str); 2] = [
    ("run.services.setIamPolicy", "change who may use the service"),
    ("run.services.delete", "delete the service"),
];

/// That the revisions can be read was proved by reading them.
pub async fn permission(running: Arc<Running>) -> Seen<()> {
    let Running { cloud_run, account, .. } = &*running;
    let (service, asks) = (&cloud_run.place.service, &cloud_run.asks);
    let before = cloud_run.sent();
    let until = Instant::now() + LIMIT;
    let asked: Vec<&str> = [GET, UPDATE].into_iter().chain(MORE.map(|(name, _)| name)).collect();
    let act = async {
        match account {
            Some(account) => cloud_run.may_act(account, &[ACT_AS], until).await,
            None => Ok(vec![ACT_AS.to_owned()]),
        }
    };
    let (granted, acts) = join(cloud_run.may(&asked, until), act).await;
    let mut observed = Observation::nothing_wrong().fact("requests", (cloud_run.sent() - before).to_string());
    let granted = granted?;
    let has = |name: &str| granted.iter().any(|granted| granted == name);
    if !has(GET) {
        return Err(NotChecked::with_help(
            format!("Cloud Run says that {asks} may not read {service}, which it was just shown"),
            "try again: a role that was granted or taken away takes minutes to be known everywhere",
        ));
    }
    if !has(UPDATE) {
        let message = format!("{asks} may not update {service}, and so not move its traffic");
        observed = observed.with(Finding::error("permission-denied", message).help(format!(
            "grant its account roles/run.developer on {service}, or a role that has {UPDATE}"
        )));
    }
    match acts {
        Ok(acts) if !acts.iter().any(|name| name == ACT_AS) => {
            let account = account.as_deref().unwrap_or_default();
            let message = format!("{asks} may not act as {account}, which every change of {service} requires");
            let help = format!("grant its account roles/iam.serviceAccountUser on {account}");
            observed = observed.with(Finding::error("permission-denied", message).help(help));
        }
        Ok(_) => {}
        // What is known to be missing stays a failure, whatever else is unknown.
        Err(_) if !observed.findings.is_empty() => {}
        Err(error) => return Err(error.into()),
    }
    if !observed.findings.is_empty() {
        return Ok((None, observed));
    }
    let more: Vec<&str> = MORE
        .into_iter()
        .filter(|(name, _)| has(name))
        .map(|(_, allows)| allows)
        .collect();
    if !more.is_empty() {
        let message = format!(
            "{asks} may also {}; on the service, {GET}, {UPDATE} and run.revisions.list are enough",
            more.join(" and ")
        );
        observed = observed.with(Finding::note("more-rights", message));
    }
    Ok((Some(()), observed))
}
