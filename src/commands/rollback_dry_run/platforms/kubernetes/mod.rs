//! Platform `kubernetes`: the previous release is a revision of a deployment, stateful set or daemon set.

mod api;
mod messages;
mod named;
mod objects;
mod revisions;
mod state;

use std::sync::Arc;

use futures_util::future::join3;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Claim, Claims, LIMIT, Proof, Prove, Proving, Pulled, Puller, Release, Seen, Template, age, pods, releases,
};
use crate::engine::{NotChecked, Observation};
use crate::model::text::{count, one_line};
use crate::model::{Finding, Severity};
use crate::world::kubernetes::{Asked, Right};
use crate::world::registry::Platform;
use crate::world::{Env, World};
pub use api::CALLS;
use api::Kubernetes;
pub use named::{Named, is_name};
use objects::Workload;
use revisions::{Revision, are_same};

const CURRENT: Claim<'_> = ("rollback:current", "The current revision is rolled out, and it is one");
const PREVIOUS: Claim<'_> = ("rollback:previous", "A previous revision has another pod template");
const PERMISSION: Claim<'_> = ("rollback:permission", "The credentials may roll back");
const ACCEPTED: Claim<'_> = ("rollback:accepted", "The cluster accepts the rollback, as a dry run");
const PULLABLE: Claim<'_> = (
    "rollback:pullable",
    "The images of that revision are in their registries",
);

#[derive(Clone)]
pub struct KubernetesPlan {
    pub named: Named,
    pub asked: Asked,
    /// The revision to go back to.
    pub to: Option<u64>,
    /// What the images must run on, if it is not what the template says.
    pub on: Option<Platform>,
    /// The variable that holds `user:password` of the registry.
    pub auth_env: Option<String>,
    /// The command that would roll back, to print it, if it is not kubectl's.
    pub rollback_command: Option<Template>,
}

/// What the first claim brings the others.
#[derive(Clone)]
struct Running {
    kubernetes: Arc<Kubernetes>,
    workload: Arc<Workload>,
}

impl Prove for KubernetesPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[CURRENT, PREVIOUS, PERMISSION, ACCEPTED, PULLABLE]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = messages::not_covered(self.named.kind);
            let running = claims.ask(CURRENT, self.clone().running(world.clone())).await?;
            let previous = self.clone().previous(running.clone(), world.clock.now());
            let target = claims.ask(PREVIOUS, previous).await?;
            let written = pods::written(&target.template);
            proof.command = Some(self.command(&running, &target));
            proof.target = Some(target.name());
            claims.ask(PERMISSION, self.clone().permission(running.clone())).await;
            let accepted = self.clone().accepted(running.clone(), target.clone());
            claims.ask(ACCEPTED, accepted).await;
            let pullable = self
                .clone()
                .pullable(running.clone(), target.clone(), world.env.clone());
            let pulled = claims.ask(PULLABLE, pullable).await?;
            pulled.tell(proof);
            let tagged = written.iter().filter(|image| !image.contains('@'));
            proof
                .not_covered
                .extend(tagged.map(|image| pods::tag_may_move(one_line(image))));
            let number = target.number;
            proof.proved = vec![
                format!(
                    "revision {number} of {} is kept, and its pod template differs",
                    self.named
                ),
                format!(
                    "{} may patch it, and the cluster accepts the change",
                    running.kubernetes.cluster.credentials
                ),
            ];
            let pullable = pulled.previous.len();
            if pullable > 0 {
                let images = count(pullable, "image");
                proof
                    .proved
                    .push(format!("its images are in their registries ({images})"));
            }
            Some(())
        })
    }
}

impl KubernetesPlan {
    fn command(&self, running: &Running, target: &Revision) -> String {
        let own = self.rollback_command.as_ref();
        if let Some(own) = own.and_then(|own| own.fill(|_| String::new())) {
            return own;
        }
        let cluster = &running.kubernetes.cluster;
        let context = cluster.context_for("--context");
        let (namespace, number) = (&cluster.namespace, target.number);
        format!(
            "kubectl{context} -n {namespace} rollout undo {} --to-revision={number}",
            self.named
        )
    }

    async fn running(self, world: World) -> Seen<Running> {
        let kubernetes = Kubernetes::connect(&self.asked, &self.named, &world)?;
        let workload = match kubernetes.workload(Instant::now() + LIMIT).await {
            Ok(workload) => workload,
            Err(error) => {
                return match messages::no_workload(&self.named, &kubernetes.cluster, &error) {
                    Some(finding) => Ok((None, Observation::found(finding))),
                    None => Err(error.into()),
                };
            }
        };
        let observed = Observation::nothing_wrong()
            .fact("namespace", kubernetes.cluster.namespace.clone())
            .fact("images", one_line(&pods::written(&workload.spec.template).join(", ")))
            .fact("pods", state::wanted(self.named.kind, &workload).to_string())
            .fact("asked", format!("as {}", kubernetes.cluster.credentials))
            .fact("requests", kubernetes.cluster.sent().to_string());
        let observed = state::judge(&self.named, &workload, observed);
        let running = Running {
            kubernetes: Arc::new(kubernetes),
            workload: Arc::new(workload),
        };
        Ok((Some(running), observed))
    }

    async fn previous(self, running: Running, now: Timestamp) -> Seen<Revision> {
        let Running { kubernetes, workload } = running;
        let before = kubernetes.cluster.sent();
        let kept = kubernetes.history(&workload, Instant::now() + LIMIT).await;
        let revisions = revisions::read(kept?);
        let requests = (kubernetes.cluster.sent() - before).to_string();
        let mut observed = Observation::nothing_wrong().fact("requests", requests);
        let all: Vec<Release> = revisions.iter().map(Revision::release).collect();
        let of = |release: &Release| revisions.iter().find(|revision| revision.name() == release.name);
        let is_current = |release: &Release| {
            of(release).is_some_and(|revision| are_same(&revision.template, &workload.spec.template))
        };
        let named = self.to.map(|number| number.to_string());
        match releases::previous(&all, is_current, named.as_deref()) {
            Ok(release) => {
                let current = all.iter().position(is_current).unwrap_or_default();
                let place = all.iter().position(|other| other == release).unwrap_or_default();
                observed = observed.fact("release", format!("revision {}", release.name)).fact(
                    "distance",
                    format!("{} back", count(place.saturating_sub(current), "release")),
                );
                observed = age::tell(observed, "first rolled out", &release.at, now);
                let revision = of(release).cloned();
                if let Some(revision) = &revision {
                    let images = pods::written(&revision.template);
                    if let Some(cause) = revision.cause() {
                        observed = observed.fact("change-cause", one_line(cause));
                    }
                    if images == pods::written(&workload.spec.template) {
                        let why = format!(
                            "revision {} has the same images; other parts of it differ",
                            release.name
                        );
                        observed = observed.with(Finding::note("same-images", why));
                    }
                    observed = observed.fact("images", one_line(&images.join(", ")));
                }
                Ok((revision, observed))
            }
            Err(none) => {
                let finding = messages::no_previous(&self.named, named.as_deref(), none);
                Ok((None, observed.with(finding)))
            }
        }
    }

    /// The reads were proved by reading.
    async fn permission(self, running: Running) -> Seen<()> {
        let named = self.named;
        let kubernetes = running.kubernetes;
        let until = Instant::now() + LIMIT;
        let right = |verb, name| Right {
            verb,
            group: "apps",
            resource: named.kind.resource(),
            name,
        };
        let (patch, delete, everything) = join3(
            kubernetes.may(right("patch", Some(&named.name)), until),
            kubernetes.may(right("delete", Some(&named.name)), until),
            kubernetes.may(Right::ALL, until),
        )
        .await;
        let mut observed = Observation::nothing_wrong().fact("requests", "3");
        if !patch? {
            return Ok((None, observed.with(messages::may_not(&named, &kubernetes.cluster))));
        }
        let more = match (everything?, delete?) {
            (true, _) => Some("do everything in this namespace"),
            (false, true) => Some("delete it, too"),
            (false, false) => None,
        };
        if let Some(more) = more {
            let why = format!(
                "{} may {more}; get, list and patch are enough",
                kubernetes.cluster.credentials
            );
            observed = observed.with(Finding::note("more-rights", why));
        }
        Ok((Some(()), observed))
    }

    async fn accepted(self, running: Running, target: Revision) -> Seen<()> {
        let named = self.named;
        let Running { kubernetes, workload } = running;
        let (media_type, patch) = target.undo(named.kind, &workload);
        let mut observed = Observation::nothing_wrong().fact("requests", "1");
        let made = match kubernetes.undo((media_type, &patch), Instant::now() + LIMIT).await {
            Ok(made) => made.spec.template,
            Err(error) => match messages::not_accepted(&named, target.number, &error) {
                Some(finding) => {
                    return Ok((None, observed.with(finding)));
                }
                None => return Err(error.into()),
            },
        };
        let number = target.number;
        let help = "an admission webhook changes it: check its rules";
        if pods::written(&made) != pods::written(&target.template) {
            let why = format!(
                "the cluster would run other images than those of revision {number}: {}",
                one_line(&pods::written(&made).join(", "))
            );
            observed = observed.with(Finding::error("other-images", why).help(help));
        } else if !are_same(&made, &target.template) {
            let why = format!("the cluster would make another pod template of revision {number}");
            observed = observed.with(Finding::warning("other-template", why).help(help));
        }
        Ok((Some(()), observed))
    }

    /// Answers with the number of images.
    async fn pullable(self, running: Running, target: Revision, env: Arc<Env>) -> Seen<Pulled> {
        let cluster = &running.kubernetes.cluster;
        let puller = Puller::of(cluster, self.auth_env.as_deref(), &env);
        let (was, is) = (&target.template, &running.workload.spec.template);
        let (pulled, observed) = pods::pullable(puller, self.on, &[(None, was)], &[(None, is)]).await?;
        let is_wrong = observed.findings.iter().any(|found| found.severity == Severity::Error);
        if !is_wrong && pulled.as_ref().is_some_and(|pulled| pulled.previous.is_empty()) {
            return Err(NotChecked::with_help(
                "the pod template names no image that a node would pull, so no registry was asked",
                "go back to another revision with --to-release, or check the images on the nodes",
            ));
        }
        Ok((pulled, observed))
    }
}
