//! Whether the images of pods can be pulled, asked as their nodes would ask.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use serde_json::Value;
use tokio::time::Instant;

use super::{Pod, Puller, platform, share_a_registry, wanted};
use crate::commands::rollback_dry_run::{LIMIT, Pulled, Seen, Wanted, all_present};
use crate::engine::{NotChecked, Observation};
use crate::world::registry::Platform;

/// The template of pods, and their namespace if it is not that of the puller.
pub type Template<'a> = (Option<&'a str>, &'a Value);

/// Whether all images of `previous` can be pulled on this platform, or on the one that the templates name. `current` is what
/// runs now.
pub async fn pullable(
    puller: Puller<'_>,
    on: Option<Platform>,
    previous: &[Template<'_>],
    current: &[Template<'_>],
) -> Seen<Pulled> {
    let (until, before) = (Instant::now() + LIMIT, puller.cluster.sent());
    let both = previous.iter().chain(current);
    share_a_registry(puller.auth_env, both.map(|(_, template)| *template))?;
    let on = on.unwrap_or_else(|| platform_of(previous));
    let (mut odd, mut of_current) = (Observation::nothing_wrong(), Observation::nothing_wrong());
    let (previous, current) = join(
        wanted_by_all(puller, previous, until, &mut odd),
        wanted_by_all(puller, current, until, &mut of_current),
    )
    .await;
    // What runs is only a control: without it the answer is still one.
    let (previous, current) = (previous?, current.unwrap_or_default());
    let (pulled, mut observed) = all_present(&previous, &current, &on, puller.env, until).await?;
    observed.findings.extend(odd.findings);
    let of_cluster = (puller.cluster.sent() - before).to_string();
    let observed = observed
        .fact("platform", on.to_string())
        .fact("requests to the cluster", of_cluster);
    Ok((pulled, observed))
}

/// What the nodes are, where the first pod that says it does.
fn platform_of(templates: &[Template<'_>]) -> Platform {
    let mut all = templates.iter().map(|(_, template)| platform(template));
    let usual = Platform::default();
    all.find(|on| *on != usual).unwrap_or(usual)
}

/// The images of all pods, each with the credentials of the first pod that needs it.
async fn wanted_by_all(
    puller: Puller<'_>,
    templates: &[Template<'_>],
    until: Instant,
    observed: &mut Observation,
) -> Result<Vec<Wanted>, NotChecked> {
    // Pods with the same credentials are one question.
    let mut groups: BTreeMap<_, Pod> = BTreeMap::new();
    for (namespace, template) in templates {
        let pod = Pod::of(template)?;
        let key = match puller.auth_env {
            Some(_) => None,
            None => Some((namespace.unwrap_or(puller.namespace), pod.credentials())),
        };
        groups.entry(key).or_default().add(pod);
    }
    let asks = groups.into_iter().map(|(key, pod)| async move {
        let namespace = key.map_or(puller.namespace, |(namespace, _)| namespace);
        let mut own = Observation::nothing_wrong();
        let wanted = wanted(pod, Puller { namespace, ..puller }, until, &mut own).await;
        (wanted, own)
    });
    let mut all: Vec<Wanted> = Vec::new();
    for (wanted, own) in join_all(asks).await {
        for finding in own.findings {
            if observed.findings.iter().all(|other| other.message != finding.message) {
                observed.findings.push(finding);
            }
        }
        for wanted in wanted? {
            if all.iter().all(|other| other.name != wanted.name) {
                all.push(wanted);
            }
        }
    }
    Ok(all)
}
