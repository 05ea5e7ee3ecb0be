//! Platform `cloud-run`: the previous release is a revision of a service of Cloud Run.

mod api;
mod images;
mod objects;
mod permission;
mod place;
mod previous;
mod revision;
mod secrets;
mod state;

use std::sync::Arc;

use futures_util::future::join;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Calls, Claim, Claims, LIMIT, NOT_RUN, Placeholder, Proof, Prove, Proving, Pulled, Seen, Template, image_calls,
    not_there,
};
use crate::model::text::count;
use crate::world::api::ApiError;
use crate::world::secrets::Secret;
use crate::world::{Env, World};
use api::{CloudRun, Page};
use images::Asks;
use place::Place;
use previous::Previous;

const CURRENT: Claim<'_> = (
    "rollback:current",
    "One revision has all of the traffic, and no change is in progress",
);
const PREVIOUS: Claim<'_> = (
    "rollback:previous",
    "A previous revision was ready, with another image or other settings",
);
const PERMISSION: Claim<'_> = ("rollback:permission", "The credentials may move the traffic");
const PULLABLE: Claim<'_> = (
    "rollback:pullable",
    "The images of that revision are in their registries",
);

#[derive(Clone)]
pub struct CloudRunPlan {
    pub service: String,
    /// If they are not those that gcloud reads from its variables.
    pub project: Option<String>,
    pub region: Option<String>,
    /// The variable that holds the access token.
    pub token_env: String,
    /// The revision to go back to, such as `shop-00012-abc`.
    pub to: Option<String>,
    /// The variable that holds `user:password` of registries other than Google's.
    pub auth_env: Option<String>,
    /// The command that would roll back, to print it, if it is not the one of gcloud.
    pub rollback_command: Option<Template>,
}

/// What is known once the service has been asked.
struct Running {
    cloud_run: CloudRun,
    token: Secret,
    /// The revision that has all of the traffic.
    revision: String,
    /// The service account that new instances run as, where Cloud Run tells it.
    account: Option<String>,
    /// The newest revisions. Nothing is claimed about them yet.
    first: Result<Page, ApiError>,
}

impl Prove for CloudRunPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[CURRENT, PREVIOUS, PERMISSION, PULLABLE]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = not_covered();
            proof.with_configuration = true;
            let current = self.clone().current(world.env.clone());
            let running = claims.ask(CURRENT, current).await?;
            let running = Arc::new(running);
            let previous = previous::find(self.clone(), Arc::clone(&running), world.clock.now());
            let previous = claims.ask(PREVIOUS, previous).await?;
            let name = previous.target.name.clone();
            let place = &running.cloud_run.place;
            proof.command = self.command(&name, place);
            proof.target = Some(name.clone());
            proof.not_covered.extend(secrets::not_covered(&previous.target.secrets));
            proof.not_covered.push(format!(
                "later deploys: they get no traffic after this rollback, until `gcloud run services update-traffic {} --to-latest \
                 --region {} --project {}`",
                place.service, place.region, place.project
            ));
            if running.account.is_none() {
                proof.not_covered.push(format!(
                    "whether the credentials may act as the service account of {}: Cloud Run does not tell which it is",
                    self.service
                ));
            }
            claims
                .ask(PERMISSION, permission::permission(Arc::clone(&running)))
                .await;
            let asks = running.cloud_run.asks.clone();
            let previous = Arc::new(previous);
            let pullable = self.clone().pullable(running, Arc::clone(&previous), world.env.clone());
            let pulled = claims.ask(PULLABLE, pullable).await?;
            pulled.tell(proof);
            let Previous { target, current } = &*previous;
            if proof.previous_commit.is_none() {
                proof.previous_commit = target.commit().map(str::to_owned);
                proof.current_commit = current.commit().map(str::to_owned);
            }
            proof.proved = vec![
                format!("the revision {name} of {} was ready", self.service),
                format!("{asks} may move the traffic to it"),
                format!(
                    "its images are in their registries ({})",
                    count(pulled.previous.len(), "image")
                ),
            ];
            Some(())
        })
    }
}

fn not_covered() -> Vec<String> {
    [
        &format!("whether that revision still starts and works{NOT_RUN}") as &str,
        "whether that revision ever had traffic: Cloud Run keeps no record of it",
        "whether Cloud Run accepts the change: it is not asked, because Google does not document what `validateOnly` checks",
        "whether Cloud Run itself may pull the images: they were looked up with other credentials",
        "the layers of the images: their manifests were read, not their content",
        "what belongs to the service and to no revision: who may call it, ingress, its limits of instances, domains and tags",
        "Cloud SQL, buckets and other volumes: their content",
    ]
    .map(str::to_owned)
    .to_vec()
}

impl CloudRunPlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Release];

    /// All that is ever sent for it.
    pub fn calls() -> Calls {
        let google = [
            ("run.googleapis.com", &api::CALLS as &[_]),
            ("iam.googleapis.com", &api::IAM_CALLS),
        ];
        google.into_iter().chain(image_calls()).collect()
    }

    fn command(&self, name: &str, place: &Place) -> Option<String> {
        let default = || {
            let Place {
                project,
                region,
                service,
            } = place;
            let text = format!(
                "gcloud run services update-traffic {service} --to-revisions {{release}}=100 --region {region} --project {project}"
            );
            Template::parse(&text, &Self::PLACEHOLDERS).ok()
        };
        let template = self.rollback_command.clone().or_else(default)?;
        template.fill(|_| name.to_owned())
    }

    async fn current(self, env: Arc<Env>) -> Seen<Running> {
        let place = Place::find(&self.service, (self.project.as_deref(), self.region.as_deref()), &env)?;
        let token = place::token(&self.token_env, &env)?;
        let cloud_run = CloudRun::connect(&token, &self.token_env, place, &env)?;
        let until = Instant::now() + LIMIT;
        let (service, first) = join(cloud_run.service(until), cloud_run.revisions(None, until)).await;
        let service = match service {
            Err(error) if api::is_absent(&error) => {
                return Ok((None, not_there("no-service", &self.service, &error)));
            }
            service => service?,
        };
        let (revision, observed) = state::current(&self.service, &service)?;
        let observed = observed.fact("requests", cloud_run.sent().to_string());
        let account = Some(service.template.service_account).filter(|account| !account.is_empty());
        let running = revision.map(|revision| Running {
            cloud_run,
            token,
            revision,
            account,
            first,
        });
        Ok((running, observed))
    }

    async fn pullable(self, running: Arc<Running>, previous: Arc<Previous>, env: Arc<Env>) -> Seen<Pulled> {
        let asks = Asks {
            token: &running.token,
            token_env: &self.token_env,
            auth_env: self.auth_env.as_deref(),
            env: &env,
        };
        images::pullable(&previous, asks).await
    }
}
