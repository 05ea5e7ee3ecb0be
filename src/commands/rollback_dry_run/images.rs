//! Whether images are still in their registries.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::claims::Seen;
use super::proof::Proof;
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::count;
use crate::world::Env;
use crate::world::registry::{Credentials, Image, ImageName, Missing, Platform, Registry};

/// What to do about an image that is gone.
pub const KEEP_IMAGES: &str =
    "go back to a release whose image is kept, and keep the images of the last releases in the registry";

/// An image that a release needs, and who asks for it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: ImageName,
    pub credentials: Credentials,
}

/// Images that are all in their registries.
#[derive(Clone, Debug, Default)]
pub struct Pulled {
    pub previous: Vec<(ImageName, Image)>,
    /// As far as they are there, too.
    current: Vec<(ImageName, Image)>,
}

impl Pulled {
    /// Which content each name has: of the release to go back to, and of what runs.
    pub fn contents(&self) -> [BTreeMap<&ImageName, &str>; 2] {
        [&self.previous, &self.current].map(|images| {
            images
                .iter()
                .map(|(name, image)| (name, image.digest.as_str()))
                .collect()
        })
    }

    /// Tells the proof which image and which commits these are, as far as it is one.
    pub fn tell(&self, proof: &mut Proof) {
        if let [(name, image)] = self.previous.as_slice() {
            proof.image = Some(name.pinned(&image.digest));
        }
        // Images of others, such as a database, have commits of their own, which do not change from release to release.
        let mut changes: Vec<(String, String)> = Vec::new();
        for (name, image) in &self.previous {
            let same = |(other, _): &&(ImageName, Image)| is_same_repository(name, other);
            for (_, running) in self.current.iter().filter(same) {
                if let (Some(was), Some(is)) = (&image.revision, &running.revision)
                    && was != is
                {
                    changes.push((was.clone(), is.clone()));
                }
            }
        }
        changes.sort();
        changes.dedup();
        if let [(was, is)] = changes.as_slice() {
            proof.previous_commit = Some(was.clone());
            proof.current_commit = Some(is.clone());
        }
    }
}

/// What was found out about images that are not there, as far as it is known.
#[derive(Default)]
pub struct Lacking {
    findings: Vec<Finding>,
    unknown: Option<NotChecked>,
}

impl Lacking {
    /// `lost` is an image of the same repository that runs now, and is not found either: then the question is wrong.
    pub fn add(&mut self, missing: Missing, wanted: &ImageName, lost: Option<&ImageName>) {
        let unknown = match (missing, lost) {
            (Missing::Absent(what), None) => {
                return self
                    .findings
                    .push(Finding::error("image-absent", what).help(KEEP_IMAGES));
            }
            (Missing::OtherPlatform(what), _) => return self.findings.push(other_platform(what)),
            (Missing::Absent(what), Some(running)) => {
                let why = match running == wanted {
                    true => format!("{what}, although it runs now"),
                    false => format!("{what}, nor {running}, which runs now"),
                };
                let help = "check that the registry and its name are those that the platform pulls from";
                NotChecked::with_help(why, help)
            }
            (Missing::Unknown(why), _) => why.into(),
        };
        self.unknown.get_or_insert(unknown);
    }

    /// What is known to be gone stays a failure, whatever else is unknown.
    pub fn judge(self, mut observed: Observation) -> Result<Observation, NotChecked> {
        match self.unknown {
            Some(unknown) if self.findings.is_empty() => Err(unknown),
            _ => {
                observed.findings.extend(self.findings);
                Ok(observed)
            }
        }
    }
}

pub fn is_same_repository(one: &ImageName, other: &ImageName) -> bool {
    one.host() == other.host() && one.repository() == other.repository()
}

/// Whether every image of `previous` is in its registry, for this platform: asked for all at once. `current` is what runs now.
/// It was pulled; if an image of it is not found either, it is the question that is wrong.
pub async fn all_present(
    previous: &[Wanted],
    current: &[Wanted],
    on: &Platform,
    env: &Env,
    until: Instant,
) -> Seen<Pulled> {
    let looks = previous.iter().map(|wanted| look(wanted, on, env, until));
    let controls = current.iter().map(|wanted| look(wanted, on, env, until));
    let (looked, controls) = futures_util::future::join(join_all(looks), join_all(controls)).await;
    let sent: usize = looked.iter().chain(&controls).map(|look| look.sent).sum();
    let mut observed = Observation::nothing_wrong()
        .fact("images", count(previous.len(), "image"))
        .fact("requests", sent.to_string());
    let mut lacking = Lacking::default();
    let mut pulled = Pulled::default();
    for (wanted, look) in previous.iter().zip(looked) {
        match look.result {
            Ok(image) => {
                observed = observed.fact("image", wanted.name.pinned(&image.digest));
                pulled.previous.push((wanted.name.clone(), image));
            }
            Err(missing) => {
                let lost = current.iter().zip(&controls).find(|(other, look)| {
                    is_same_repository(&wanted.name, &other.name) && matches!(look.result, Err(Missing::Absent(_)))
                });
                lacking.add(missing, &wanted.name, lost.map(|(running, _)| &running.name));
            }
        }
    }
    let observed = lacking.judge(observed)?;
    let there = current
        .iter()
        .zip(controls)
        .filter_map(|(wanted, look)| Some((wanted.name.clone(), look.result.ok()?)));
    pulled.current = there.collect();
    Ok((Some(pulled), observed))
}

struct Look {
    result: Result<Image, Missing>,
    sent: usize,
}

async fn look(wanted: &Wanted, on: &Platform, env: &Env, until: Instant) -> Look {
    let registry = match Registry::with(&wanted.name, wanted.credentials.clone(), env) {
        Ok(registry) => registry,
        Err(missing) => {
            return Look {
                result: Err(missing),
                sent: 0,
            };
        }
    };
    let digest = registry.digest(wanted.name.reference(), until).await;
    let result = match digest {
        Ok(digest) => registry.image(&digest, on, until).await,
        Err(missing) => Err(missing),
    };
    Look {
        result,
        sent: registry.sent(),
    }
}

pub fn other_platform(what: String) -> Finding {
    Finding::error("other-platform", what).help("set --image-platform to what staging runs on")
}

/// Credentials of one variable are for one registry: no other is shown them.
pub fn one_registry<'a>(
    variable: Option<&str>,
    names: impl IntoIterator<Item = &'a ImageName>,
) -> Result<(), NotChecked> {
    let Some(variable) = variable else { return Ok(()) };
    let mut hosts: Vec<&str> = names.into_iter().map(ImageName::host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.len() < 2 {
        return Ok(());
    }
    Err(NotChecked::with_help(
        format!(
            "{variable} holds credentials for one registry, and the images are in {}",
            hosts.join(", ")
        ),
        "leave --registry-auth-env out: docker's configuration file and pull secrets name the registry",
    ))
}

/// The commit that an image was built from, and how many requests told it. Nothing is claimed about that image, so what is not
/// answered is not known.
pub async fn commit_of(
    image: &ImageName,
    registry: Result<Registry, Missing>,
    on: &Platform,
    until: Instant,
) -> (Option<String>, usize) {
    let Ok(registry) = registry else {
        return (None, 0);
    };
    let digest = match image.digest() {
        Some(digest) => Ok(digest.to_owned()),
        None => registry.digest(image.reference(), until).await,
    };
    let found = match digest {
        Ok(digest) => registry.image(&digest, on, until).await.ok(),
        Err(_) => None,
    };
    (found.and_then(|image| image.revision), registry.sent())
}

/// What was looked for in a registry, or what its absence means.
pub fn present<T>(
    result: Result<T, Missing>,
    registry: &Registry,
    if_absent: &'static str,
    observe: impl FnOnce(&T) -> Observation,
) -> Seen<T> {
    let requests = |observed: Observation| observed.fact("requests", registry.sent().to_string());
    match result {
        Ok(value) => {
            let observed = requests(observe(&value)).fact("asked", registry.asks());
            Ok((Some(value), observed))
        }
        Err(Missing::Absent(what)) => {
            let finding = Finding::error("image-absent", what).help(if_absent);
            Ok((None, requests(Observation::found(finding))))
        }
        Err(Missing::OtherPlatform(what)) => Ok((None, requests(Observation::found(other_platform(what))))),
        Err(unknown) => Err(not_checked(unknown)),
    }
}

pub fn not_checked(missing: Missing) -> NotChecked {
    match missing {
        Missing::Unknown(unknown) => unknown.into(),
        Missing::Absent(what) | Missing::OtherPlatform(what) => NotChecked::errored(what),
    }
}
