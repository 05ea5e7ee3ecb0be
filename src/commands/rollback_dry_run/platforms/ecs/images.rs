//! Whether the images of a task definition can still be pulled, and whether its tags still lead to what ran.

use futures_util::future::join;
use tokio::time::Instant;

use super::api::{Container, Revision, TaskDefinition};
use super::ecr;
use super::in_amazon::{Digests, Kept, in_amazon};
use crate::commands::rollback_dry_run::images::{Pulled, Wanted, all_present, not_checked, one_registry};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::Env;
use crate::world::aws::Credentials;
use crate::world::registry::{self, ImageName, Platform};

/// Who asks the registries.
pub struct Asks<'a> {
    pub aws: &'a Credentials,
    /// The variable that holds `user:password` of registries other than ECR.
    pub auth_env: Option<&'a str>,
    pub env: &'a Env,
}

/// What the images say.
pub struct Found {
    /// The image by its digest, where it is one image.
    pub image: Option<String>,
    pub pulled: Pulled,
    /// The processor that these are for was not told.
    pub without_platform: Vec<String>,
}

/// What the tasks run on: as it is named, or as the task definition says.
pub fn platform(named: Option<&Platform>, of: &TaskDefinition) -> Platform {
    let told = of.runtime_platform.as_ref();
    let windows = told
        .and_then(|told| told.operating_system_family.as_deref())
        .is_some_and(|family| family.starts_with("WINDOWS"));
    let arm = told.and_then(|told| told.cpu_architecture.as_deref()) == Some("ARM64");
    named.cloned().unwrap_or_else(|| Platform {
        os: if windows { "windows" } else { "linux" }.to_owned(),
        architecture: if arm { "arm64" } else { "amd64" }.to_owned(),
        variant: None,
    })
}

/// As a task definition names it: without a tag it is `latest`.
fn name(text: &str) -> Result<ImageName, NotChecked> {
    ImageName::or_latest(text).map_err(|error| {
        NotChecked::with_help(
            format!("an image of the task definition cannot be looked up: {error}"),
            "correct the task definition, or name another with --to-release",
        )
    })
}

/// Looks up every image of the task definition, all at once; with those that run now, which were pulled: if such a one is not
/// found either, it is the question that is wrong. `then` is what the service was when the release was deployed.
pub async fn pullable(
    (task_definition, release): (&TaskDefinition, &str),
    (then, now): (Option<&Revision>, Option<&Revision>),
    on: &Platform,
    asks: Asks<'_>,
    until: Instant,
) -> Result<(Found, Observation), NotChecked> {
    let containers: Vec<(&Container, ImageName)> = (task_definition.container_definitions.iter())
        .map(|container| Ok((container, name(&container.image)?)))
        .collect::<Result<_, NotChecked>>()?;
    let mut wanted: Vec<ImageName> = containers.iter().map(|(_, image)| image.clone()).collect();
    wanted.sort();
    wanted.dedup();
    let running = running(now);
    let is_ecr = |image: &&ImageName| ecr::place(image).is_some();
    let split = |all: &[ImageName]| -> (Vec<ImageName>, Vec<ImageName>) {
        all.iter().cloned().partition(|image| is_ecr(&image))
    };
    let ((in_ecr, elsewhere), (running_ecr, running_elsewhere)) = (split(&wanted), split(&running));
    let (ours, others) = join(
        in_amazon(&in_ecr, &running_ecr, on, (asks.aws, asks.env), until),
        in_others(&elsewhere, &running_elsewhere, on, &asks, until),
    )
    .await;
    let (mut digests, mut found, mut observed) = both(ours, others)?;
    for (name, image) in &found.pulled.previous {
        digests.insert(name.clone(), vec![image.digest.clone(), image.manifest.clone()]);
    }
    for (container, image) in &containers {
        let led_to = then.and_then(|revision| recorded(revision, &container.name));
        if let Some(finding) = digests
            .get(image)
            .and_then(|now| moved(release, image, led_to.as_deref(), now))
            && !observed.findings.contains(&finding)
        {
            observed = observed.with(finding);
        }
    }
    if let [(image, digests)] = digests.iter().collect::<Vec<_>>().as_slice() {
        found.image = digests.first().map(|digest| image.pinned(digest));
    }
    Ok((found, observed))
}

/// The digest that the image of a container had when it was deployed.
fn recorded(revision: &Revision, container: &str) -> Option<String> {
    let images = revision.container_images.iter();
    let mut named = images.filter(|image| image.container_name.as_deref() == Some(container));
    named.next()?.image_digest.clone()
}

/// What runs now, by its digests.
fn running(now: Option<&Revision>) -> Vec<ImageName> {
    let images = now.into_iter().flat_map(|revision| &revision.container_images);
    let named = images.filter_map(|told| {
        let image = name(told.image.as_deref()?).ok()?;
        match &told.image_digest {
            Some(digest) => image.pinned(digest).parse().ok(),
            None => Some(image),
        }
    });
    let mut named: Vec<ImageName> = named.collect();
    named.sort();
    named.dedup();
    named
}

/// A rollback pulls what the tag leads to then: ECS resolves tags at each deployment.
fn moved(release: &str, image: &ImageName, then: Option<&str>, now: &[String]) -> Option<Finding> {
    if image.digest().is_some() {
        return None;
    }
    let by_digest = "name images by their digest in task definitions, so that each names the same image forever";
    let leads_to = now.first().map(String::as_str).unwrap_or_default();
    Some(match then {
        Some(then) if !now.iter().any(|digest| digest == then) => Finding::error(
            "tag-moved",
            format!(
                "{image} was {} when {release} was deployed, and is {leads_to} now: a rollback would start another image",
                one_line(then)
            ),
        )
        .help(format!("name another release with --to-release; {by_digest}")),
        Some(_) => Finding::warning(
            "tag-can-move",
            format!("{image} is named by a tag, which can be moved to another image at any time"),
        )
        .help(by_digest),
        None => Finding::warning(
            "tag-can-move",
            format!("{image} is named by a tag, and ECS has no record of the image that it named before"),
        )
        .help(by_digest),
    })
}

/// Both hold, or what is known to be gone is told whatever else is unknown.
fn both(
    ours: Result<(Kept, Observation), NotChecked>,
    others: Result<(Option<Pulled>, Observation), NotChecked>,
) -> Result<(Digests, Found, Observation), NotChecked> {
    let (kept, pulled, observed) = match (ours, others) {
        (Ok((kept, mut observed)), Ok((pulled, more))) => {
            observed.findings.extend(more.findings);
            observed.facts.extend(more.facts);
            (kept, pulled, observed)
        }
        (Ok((kept, observed)), Err(_)) if !observed.findings.is_empty() => (kept, None, observed),
        (Err(_), Ok((pulled, observed))) if !observed.findings.is_empty() => (Kept::default(), pulled, observed),
        (Err(unknown), _) | (_, Err(unknown)) => return Err(unknown),
    };
    let found = Found {
        image: None,
        pulled: pulled.unwrap_or_default(),
        without_platform: kept.without_platform,
    };
    Ok((kept.digests, found, observed))
}

async fn in_others(
    wanted: &[ImageName],
    running: &[ImageName],
    on: &Platform,
    asks: &Asks<'_>,
    until: Instant,
) -> Result<(Option<Pulled>, Observation), NotChecked> {
    if wanted.is_empty() {
        return Ok((None, Observation::nothing_wrong()));
    }
    one_registry(asks.auth_env, wanted.iter().chain(running))?;
    let with_credentials = |image: &ImageName| {
        let credentials = registry::Credentials::of(image, asks.auth_env, asks.env);
        credentials.map(|credentials| Wanted {
            name: image.clone(),
            credentials,
        })
    };
    let all = |images: &[ImageName]| images.iter().map(with_credentials).collect::<Result<Vec<_>, _>>();
    let (wanted, running) = (all(wanted).map_err(not_checked)?, all(running).map_err(not_checked)?);
    all_present(&wanted, &running, on, asks.env, until).await
}
