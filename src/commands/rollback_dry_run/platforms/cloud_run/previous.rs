//! Which revision is the way back: the newest one before the current one that was ready and runs something else.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::revision::Revision;
use super::{CloudRunPlan, Running};
use crate::commands::rollback_dry_run::{History, LIMIT, MOST_PAGES, Seen, Words};
use crate::engine::NotChecked;
use crate::model::Finding;
use crate::model::text::one_line;

/// The way back, and what runs.
pub struct Previous {
    pub target: Revision,
    pub current: Revision,
}

pub async fn find(plan: CloudRunPlan, running: Arc<Running>, now: Timestamp) -> Seen<Previous> {
    let cloud_run = &running.cloud_run;
    let before = cloud_run.sent();
    let until = Instant::now() + LIMIT;
    let named = plan.to.as_deref();
    let (mut revisions, mut next) = match &running.first {
        Ok(page) => (page.revisions.clone(), page.next.clone()),
        Err(error) => return Err(error.unknown.clone().into()),
    };
    for _ in 1..MOST_PAGES {
        let is_enough = history(&revisions, &running.revision).is_some_and(|history| history.previous(named).is_ok());
        let Some(token) = next.filter(|_| !is_enough) else {
            break;
        };
        let page = cloud_run.revisions(Some(&token), until).await?;
        revisions.extend(page.revisions);
        next = page.next;
    }
    let Some(history) = history(&revisions, &running.revision) else {
        return Err(NotChecked::with_help(
            format!(
                "Cloud Run does not list the revision {}, to which the traffic of {} goes",
                one_line(&running.revision),
                plan.service
            ),
            "try again later; `gcloud run revisions list` shows what it lists",
        ));
    };
    let (release, mut observed) = history.judge(&words(&plan), named, now);
    let of = |name: &str| revisions.iter().find(|revision| revision.name == name).cloned();
    let previous = release.and_then(|release| {
        Some(Previous {
            target: of(&release.name)?,
            current: of(&running.revision)?,
        })
    });
    if let Some(Previous { target, current }) = &previous
        && target.has_images_of(current)
    {
        let message = format!("{} has the same images; its settings differ", one_line(&target.name));
        observed = observed.with(Finding::note("same-images", message));
    }
    let requests = (cloud_run.sent() - before).to_string();
    Ok((previous, observed.fact("requests", requests)))
}

/// `None` as long as the current revision is not among them.
fn history(revisions: &[Revision], current: &str) -> Option<History> {
    let releases: Vec<_> = revisions.iter().map(Revision::release).collect();
    let current = releases.iter().find(|release| release.name == current)?;
    Some(History {
        current: current.artifact.clone()?,
        releases,
    })
}

fn words(plan: &CloudRunPlan) -> Words {
    Words {
        platform: "Cloud Run",
        of: plan.service.clone(),
        release: "revision",
        artifact: "template",
        kept: "revision",
        list: "`gcloud run revisions list`",
        like: "shop-00012-abc",
        all_the_same: "deploy another image once; until then there is nothing to go back to",
    }
}
