//! What runs: one revision with all of the traffic, if nothing is under way.

use std::collections::BTreeMap;

use super::objects::{Condition, Service, Traffic, short};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;

const LATEST: &str = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";

/// The name of the revision that has all of the traffic, and what is wrong or odd.
pub fn current(name: &str, service: &Service) -> Result<(Option<String>, Observation), NotChecked> {
    let mut observed = Observation::nothing_wrong();
    if let Some(wrong) = not_steady(name, service)? {
        return Ok((None, observed.with(wrong)));
    }
    let shares = shares(service);
    let current = match shares.iter().collect::<Vec<_>>().as_slice() {
        [(revision, _)] if !revision.is_empty() => (**revision).to_owned(),
        others => {
            return Ok((None, observed.with(unclear(name, others))));
        }
    };
    let by_latest = service
        .traffic_statuses
        .iter()
        .any(|it| it.percent > 0 && it.kind == LATEST);
    let how = if by_latest {
        "to the latest revision"
    } else {
        "to this revision by its name"
    };
    observed = observed
        .fact("current", one_line(&current))
        .fact("traffic", format!("100 % {how}"));
    observed.findings.extend(odd(name, service));
    let newest = short(&service.latest_ready_revision);
    if !by_latest && !newest.is_empty() && newest != current {
        let message = format!(
            "all traffic of {name} goes to {} by its name, and the newer revision {} gets none",
            one_line(&current),
            one_line(newest)
        );
        let help = format!("if this is not meant, `gcloud run services update-traffic {name} --to-latest` ends it");
        observed = observed.with(Finding::warning("traffic-pinned", message).help(help));
    }
    Ok((Some(current), observed))
}

/// The percentages by revision. One that also has a tag is listed twice.
fn shares(service: &Service) -> BTreeMap<&str, u32> {
    let mut shares = BTreeMap::new();
    for Traffic { revision, percent, .. } in service.traffic_statuses.iter().filter(|it| it.percent > 0) {
        let named = if revision.is_empty() {
            &service.latest_ready_revision
        } else {
            revision
        };
        *shares.entry(short(named)).or_default() += percent;
    }
    shares
}

fn not_steady(name: &str, service: &Service) -> Result<Option<Finding>, NotChecked> {
    let condition = &service.terminal_condition;
    let state = condition.state.as_str();
    let said = says(condition);
    Ok(Some(match state {
        _ if service.reconciling => in_progress(name, &said),
        "CONDITION_PENDING" | "CONDITION_RECONCILING" => in_progress(name, &said),
        "CONDITION_FAILED" => Finding::error(
            "rollout-failed",
            format!("the last change of {name} has failed, and the traffic stayed where it was{said}"),
        )
        .help("correct it and deploy again: a rehearsal needs a service that is ready"),
        "CONDITION_SUCCEEDED" => return Ok(None),
        _ => {
            return Err(NotChecked::with_help(
                format!("Cloud Run does not say whether {name} is ready"),
                "try again later; `gcloud run services describe` shows its conditions",
            ));
        }
    }))
}

fn in_progress(name: &str, said: &str) -> Finding {
    Finding::error(
        "rollout-in-progress",
        format!("a change of {name} is in progress{said}"),
    )
    .help("wait until it has ended, then rehearse the rollback")
}

fn says(condition: &Condition) -> String {
    match (condition.message.is_empty(), condition.reason()) {
        (false, _) => format!(": {}", one_line(&condition.message)),
        (true, Some(reason)) => format!(": {}", one_line(reason)),
        (true, None) => String::new(),
    }
}

/// The traffic goes to no revision, or to several.
fn unclear(name: &str, shares: &[(&&str, &u32)]) -> Finding {
    if shares.len() < 2 {
        return Finding::error("no-release", format!("no revision of {name} has traffic"))
            .help("deploy it first: what does not run cannot be rolled back");
    }
    let each: Vec<String> = shares
        .iter()
        .map(|(revision, percent)| format!("{percent} % to {}", one_line(revision)))
        .collect();
    Finding::error(
        "traffic-split",
        format!("the traffic of {name} is split: {}", each.join(", ")),
    )
    .help("give one revision all of it with `gcloud run services update-traffic`, then rehearse the rollback")
}

/// What does not keep a rollback from working, and should be known.
fn odd(name: &str, service: &Service) -> Vec<Finding> {
    let failed = |condition: &&Condition| condition.state == "CONDITION_FAILED" && condition.severity != "INFO";
    let failed = service.conditions.iter().filter(failed).map(|condition| {
        let message = format!(
            "the condition {} of {name} has failed{}",
            one_line(&condition.kind),
            says(condition)
        );
        Finding::warning("condition-failed", message).help("`gcloud run services describe` shows all conditions")
    });
    let scaling = &service.scaling;
    let stopped =
        (scaling.scaling_mode == "MANUAL" && scaling.manual_instance_count.unwrap_or_default() == 0).then(|| {
            Finding::warning(
                "no-instances",
                format!("the service {name} is scaled to 0 instances by hand"),
            )
            .help("a rollback starts none, either: nobody sees whether the revision works")
        });
    failed.chain(stopped).collect()
}
