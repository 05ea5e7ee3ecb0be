//! Platform `helm`: the previous release is a revision that Helm keeps.

mod api;
pub mod manifest;
mod messages;
mod proving;
pub mod release;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Calls, Claim, Claims, LIMIT, Proof, Prove, Proving, Pulled, Puller, Release as Listed, Seen, Template, age,
    image_calls, pods, releases,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::kubernetes::Asked;
use crate::world::registry::Platform;
use crate::world::{Env, World};
use api::{Helm, Read, Record};
use manifest::Object;
use release::Release;

const CURRENT: Claim<'_> = ("rollback:current", "The current revision is deployed, and it is one");
const PREVIOUS: Claim<'_> = (
    "rollback:previous",
    "A previous revision was good and has another manifest",
);
const PERMISSION: Claim<'_> = ("rollback:permission", "The credentials may roll back");
const ACCEPTED: Claim<'_> = (
    "rollback:accepted",
    "The cluster accepts every object of that revision, as a dry run",
);
const PULLABLE: Claim<'_> = (
    "rollback:pullable",
    "The images of that revision are in their registries",
);

/// Helm keeps 10 if it is not told otherwise.
const MOST_REVISIONS: usize = 25;

#[derive(Clone)]
pub struct HelmPlan {
    pub name: String,
    pub asked: Asked,
    /// The revision to go back to.
    pub to: Option<u64>,
    /// What the images must run on, if it is not what the pods say.
    pub on: Option<Platform>,
    /// The variable that holds `user:password` of the registry.
    pub auth_env: Option<String>,
    /// The command that would roll back, to print it, if it is not Helm's.
    pub rollback_command: Option<Template>,
}

/// What the first claim brings the others.
#[derive(Clone)]
struct Running {
    helm: Arc<Helm>,
    records: Arc<Vec<Record>>,
    deployed: Revision,
    /// Which Helm compares with. It is not the deployed one after a failed upgrade.
    newest: Revision,
}

#[derive(Clone)]
struct Revision {
    release: Arc<Release>,
    objects: Arc<Vec<Object>>,
}

/// What would be gone back to.
type Target = Revision;

impl HelmPlan {
    /// All that is ever sent for it.
    pub fn calls() -> Calls {
        api::CALLS.into_iter().chain(image_calls()).collect()
    }
}

impl Prove for HelmPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[CURRENT, PREVIOUS, PERMISSION, ACCEPTED, PULLABLE]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = messages::not_covered(None);
            let running = claims.ask(CURRENT, self.clone().running(world.clone())).await?;
            let previous = self.clone().previous(running.clone(), world.clock.now());
            let target = claims.ask(PREVIOUS, previous).await?;
            proof.not_covered = messages::not_covered(Some(&target.release));
            proof.command = Some(self.command(&running.helm, target.release.version));
            proof.target = Some(target.release.version.to_string());
            let permission = proving::permission(running.clone(), target.clone());
            let places = claims.ask(PERMISSION, permission).await;
            let accepted = proving::accepted(running.clone(), target.clone(), places.unwrap_or_default());
            claims.ask(ACCEPTED, accepted).await;
            let pullable = self
                .clone()
                .pullable(running.clone(), target.clone(), world.env.clone());
            let pulled = claims.ask(PULLABLE, pullable).await?;
            pulled.tell(proof);
            let tagged = pulled.previous.iter().filter(|(name, _)| name.digest().is_none());
            proof
                .not_covered
                .extend(tagged.map(|(name, _)| pods::tag_may_move(name)));
            let number = target.release.version;
            proof.proved = vec![
                format!("revision {number} of {} was good, and its manifest differs", self.name),
                format!(
                    "{} may roll back, and the cluster accepts {}",
                    running.helm.cluster.credentials,
                    count(target.objects.len(), "object")
                ),
                format!(
                    "{} of revision {number}: in the registry",
                    count(pulled.previous.len(), "image")
                ),
            ];
            Some(())
        })
    }
}

impl HelmPlan {
    fn command(&self, helm: &Helm, number: u64) -> String {
        let own = self.rollback_command.as_ref();
        if let Some(own) = own.and_then(|own| own.fill(|_| number.to_string())) {
            return own;
        }
        let cluster = &helm.cluster;
        let context = cluster.context_for("--kube-context");
        let (name, namespace) = (&self.name, &cluster.namespace);
        format!("helm rollback {name} {number} --namespace {namespace}{context} --wait")
    }

    async fn running(self, world: World) -> Seen<Running> {
        let until = Instant::now() + LIMIT;
        let helm = Helm::connect(&self.asked, &self.name, &world)?;
        let records = helm.records(until).await?;
        let mut observed = Observation::nothing_wrong().fact("namespace", helm.cluster.namespace.clone());
        let Some(newest) = records.first() else {
            return Ok((None, observed.with(messages::no_release(&helm))));
        };
        let deployed: Vec<&Record> = records.iter().filter(|of| of.status == "deployed").collect();
        let versions: Vec<u64> = deployed.iter().map(|of| of.version).collect();
        let odd = messages::not_at_rest(&helm, newest);
        let [current] = deployed.as_slice() else {
            let odd = odd.unwrap_or_else(|| messages::not_one(&helm, &versions, newest));
            return Ok((None, observed.with(odd)));
        };
        if let Some(odd) = odd {
            return Ok((None, observed.with(odd)));
        }
        if newest.version != current.version && newest.status == "failed" {
            observed = observed.with(messages::newest_failed(&helm, newest, current.version));
        }
        let deployed = Revision::new(read(&helm, current, until).await?)?;
        let newest = match newest.version == current.version {
            true => deployed.clone(),
            false => Revision::new(read(&helm, newest, until).await?)?,
        };
        let release = &deployed.release;
        observed = observed
            .fact("release", format!("{} revision {}", self.name, release.version))
            .fact("chart", one_line(&release.chart()))
            .fact("deployed", one_line(&release.info.last_deployed))
            .fact("images", proving::images(&deployed.objects))
            .fact("asked", format!("as {}", helm.cluster.credentials))
            .fact("requests", helm.cluster.sent().to_string());
        let running = Running {
            helm: Arc::new(helm),
            records: Arc::new(records),
            deployed,
            newest,
        };
        Ok((Some(running), observed))
    }

    async fn previous(self, running: Running, now: Timestamp) -> Seen<Target> {
        let Running {
            helm,
            records,
            deployed,
            ..
        } = running;
        let release = deployed.release;
        let (until, before) = (Instant::now() + LIMIT, helm.cluster.sent());
        let named = self.to.map(|number| number.to_string());
        let mut kept: Vec<Release> = vec![(*release).clone()];
        let wanted = |of: &&Record| match self.to {
            Some(number) => of.version == number && number != release.version,
            None => of.status == "superseded" && of.version < release.version,
        };
        let wanted: Vec<&Record> = records.iter().filter(wanted).take(MOST_REVISIONS).collect();
        for some in wanted.chunks(api::AT_ONCE) {
            let reads = some.iter().map(|record| read(&helm, record, until));
            for of in futures_util::future::join_all(reads).await {
                kept.push(of?);
            }
        }
        let of = |version: &str| kept.iter().find(|of| of.version.to_string() == version);
        let listed = |record: &Record| {
            let name = record.version.to_string();
            let read = of(&name);
            let has_failed = read.is_some_and(Release::has_failed);
            Listed {
                artifact: read.map(|of| of.manifest.clone()),
                state: if has_failed {
                    "failed".to_owned()
                } else {
                    record.status.clone()
                },
                good: matches!(&*record.status, "deployed" | "superseded") && !has_failed,
                at: read.map(|of| of.info.last_deployed.clone()).unwrap_or_default(),
                name,
            }
        };
        let all: Vec<Listed> = records.iter().map(listed).collect();
        // After a failed upgrade, going back to what is deployed is a change.
        let newest_failed = records.first().is_some_and(|newest| newest.status == "failed");
        let is_current =
            |of: &Listed| of.artifact.as_ref() == Some(&release.manifest) && !(newest_failed && named.is_some());
        let requests = (helm.cluster.sent() - before).to_string();
        let mut observed = Observation::nothing_wrong().fact("requests", requests);
        let found = releases::previous(&all, is_current, named.as_deref());
        let found = found.map(|listed| (listed, of(&listed.name).cloned()));
        let (listed, target) = match found {
            Ok((listed, Some(target))) => (listed, target),
            Ok((listed, None)) => {
                return Err(NotChecked::errored(format!("revision {} was not read", listed.name)));
            }
            Err(none) => {
                return Ok((
                    None,
                    observed.with(messages::no_previous(&helm, named.as_deref(), none)),
                ));
            }
        };
        let place = |version: u64| records.iter().position(|of| of.version == version).unwrap_or_default();
        let distance = place(target.version).saturating_sub(place(release.version));
        let target = Revision::new(target)?;
        let (version, images) = (target.release.version, proving::images(&target.objects));
        observed = observed
            .fact("release", format!("revision {version}"))
            .fact("distance", format!("{} back", count(distance, "release")))
            .fact("chart", one_line(&target.release.chart()))
            .fact("images", images.clone());
        observed = age::tell(observed, "deployed", &listed.at, now);
        if images == proving::images(&deployed.objects) {
            let why = format!("revision {version} has the same images; other parts of it differ");
            observed = observed.with(Finding::note("same-images", why));
        }
        Ok((Some(target), observed))
    }

    async fn pullable(self, running: Running, target: Target, env: Arc<Env>) -> Seen<Pulled> {
        let (helm, deployed) = (running.helm, running.deployed);
        let objects = [&target.objects[..], &target.hooks()?[..]].concat();
        let puller = Puller::of(&helm.cluster, self.auth_env.as_deref(), &env);
        let (previous, current) = (templates(&objects), templates(&deployed.objects));
        pods::pullable(puller, self.on, &previous, &current).await
    }
}

fn templates(objects: &[Object]) -> Vec<pods::Template<'_>> {
    let all = objects.iter();
    all.filter_map(|of| Some((of.namespace.as_deref(), of.template()?)))
        .collect()
}

async fn read(helm: &Helm, record: &Record, until: Instant) -> Result<Release, NotChecked> {
    match helm.release(record, until).await {
        Ok(Read::Release(release)) => Ok(*release),
        Ok(Read::Odd(why)) => Err(NotChecked::with_help(
            why,
            format!(
                "`helm get manifest {} --revision {}` shows whether Helm can read it",
                helm.name, record.version
            ),
        )),
        Err(error) => Err(error.into()),
    }
}

impl Revision {
    fn new(release: Release) -> Result<Self, NotChecked> {
        let objects = objects(&release, &release.manifest)?;
        Ok(Self {
            release: Arc::new(release),
            objects: Arc::new(objects),
        })
    }

    /// What a rollback to it makes besides.
    fn hooks(&self) -> Result<Vec<Object>, NotChecked> {
        let hooks = self.release.rollback_hooks();
        let each: Result<Vec<_>, _> = hooks.map(|hook| objects(&self.release, &hook.manifest)).collect();
        Ok(each?.concat())
    }
}

fn objects(release: &Release, manifest: &str) -> Result<Vec<Object>, NotChecked> {
    let number = release.version;
    manifest::objects(manifest).map_err(|error| {
        NotChecked::with_help(
            format!("the manifest of revision {number} cannot be read: {error}"),
            "look at it with `helm get manifest`; name another revision with --to-release",
        )
    })
}
