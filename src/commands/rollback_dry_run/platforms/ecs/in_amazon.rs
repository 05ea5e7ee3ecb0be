//! Whether images are still in Amazon ECR: the same judgement as for those in other registries.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use tokio::time::Instant;

use super::ecr::{self, Ecr};
use crate::commands::rollback_dry_run::images::{Lacking, is_same_repository};
use crate::engine::{NotChecked, Observation};
use crate::model::text::count;
use crate::world::Env;
use crate::world::aws::Credentials;
use crate::world::registry::{ImageName, Missing, Platform};

/// The digests that an image answers to: its own, and that of its manifest for the platform.
pub type Digests = BTreeMap<ImageName, Vec<String>>;

/// What is there.
#[derive(Default)]
pub struct Kept {
    pub digests: Digests,
    /// Those of which the platform was not told.
    pub without_platform: Vec<String>,
}

/// Looks up images in Amazon ECR, all at once. `running` are those that were pulled.
pub async fn in_amazon(
    wanted: &[ImageName],
    running: &[ImageName],
    on: &Platform,
    asks: (&Credentials, &Env),
    until: Instant,
) -> Result<(Kept, Observation), NotChecked> {
    let mut observed = Observation::nothing_wrong();
    let mut all = Kept::default();
    if wanted.is_empty() {
        return Ok((all, observed));
    }
    let looks = wanted.iter().map(|image| look(image, on, asks, until));
    let controls = running.iter().map(|image| look(image, on, asks, until));
    let (looked, controls) = join(join_all(looks), join_all(controls)).await;
    let sent: usize = looked.iter().chain(&controls).map(|(_, sent)| sent).sum();
    observed = observed
        .fact("images in Amazon ECR", count(wanted.len(), "image"))
        .fact("requests to Amazon ECR", sent.to_string());
    let mut lacking = Lacking::default();
    for (image, (result, _)) in wanted.iter().zip(looked) {
        match result {
            Ok(kept) => {
                let pinned = image.pinned(&kept.digest);
                if kept.child.is_none() {
                    all.without_platform.push(pinned.clone());
                }
                observed = observed.fact("image", pinned);
                all.digests
                    .insert(image.clone(), std::iter::once(kept.digest).chain(kept.child).collect());
            }
            Err(missing) => {
                let is_lost = |(other, (result, _)): &(&ImageName, &(Result<ecr::Kept, Missing>, usize))| {
                    is_same_repository(other, image) && matches!(result, Err(Missing::Absent(_)))
                };
                let lost = running.iter().zip(&controls).find(is_lost);
                lacking.add(missing, image, lost.map(|(running, _)| running));
            }
        }
    }
    Ok((all, lacking.judge(observed)?))
}

async fn look(
    image: &ImageName,
    on: &Platform,
    asks: (&Credentials, &Env),
    until: Instant,
) -> (Result<ecr::Kept, Missing>, usize) {
    match Ecr::of(image, asks.0, asks.1) {
        Some(Ok(ecr)) => (ecr.image(on, until).await, ecr.sent()),
        Some(Err(missing)) => (Err(missing), 0),
        None => (Err(Missing::Absent(image.to_string())), 0),
    }
}
