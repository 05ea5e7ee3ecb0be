//! Platform `ecs`: the previous release is a task definition that a service of Amazon ECS ran.

mod accepted;
mod api;
mod ecr;
mod images;
mod in_amazon;
mod previous;
mod state;

use std::sync::Arc;

use futures_util::future::join;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Calls, Claim, Claims, LIMIT, NOT_RUN, Placeholder, Proof, Prove, Proving, Seen, Template, image_calls,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::world::aws::{AwsError, Credentials, REGIONS, is_region};
use crate::world::registry::Platform;
use crate::world::{Env, World};
use accepted::accepted;
use api::{Deployment, Ecs, TaskDefinition};
use images::{Asks, Found};
use previous::Previous;

const CURRENT: Claim<'_> = (
    "rollback:current",
    "The service runs one task definition, and no rollout is in progress",
);
const PREVIOUS: Claim<'_> = (
    "rollback:previous",
    "A previous deployment was successful, with another task definition",
);
const ACCEPTED: Claim<'_> = ("rollback:accepted", "That task definition is still active");
const PULLABLE: Claim<'_> = ("rollback:pullable", "Its images can still be pulled");

#[derive(Clone)]
pub struct EcsPlan {
    pub cluster: String,
    pub service: String,
    /// If it is not that of [`REGIONS`].
    pub region: Option<String>,
    /// The task definition to go back to, such as `shop:7`.
    pub to: Option<String>,
    /// What the images must run on, if it is not what the task definition says.
    pub on: Option<Platform>,
    /// The variable that holds `user:password` of registries other than ECR.
    pub auth_env: Option<String>,
    /// The command that would roll back, to print it, if it is not the one of the AWS CLI.
    pub rollback_command: Option<Template>,
}

/// What is known once the service has been asked.
pub struct Running {
    ecs: Ecs,
    credentials: Credentials,
    /// The ARN of the task definition that runs.
    task_definition: String,
    /// The ARN of the service revision that runs.
    revision: Option<String>,
    /// Newest first. Nothing is claimed about them yet.
    deployments: Result<Vec<Deployment>, AwsError>,
}

impl Prove for EcsPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[CURRENT, PREVIOUS, ACCEPTED, PULLABLE]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = not_covered();
            let current = self.clone().current(world.env.clone());
            let running = claims.ask(CURRENT, current).await?;
            let running = Arc::new(running);
            let previous = previous::find(self.clone(), Arc::clone(&running), world.clock.now());
            let previous = claims.ask(PREVIOUS, previous).await?;
            let previous = Arc::new(previous);
            let name = previous.name.clone();
            proof.command = self.command(&name, &world.env);
            proof.target = Some(name.clone());
            let accepted = accepted(Arc::clone(&running), Arc::clone(&previous));
            let task_definition = claims.ask(ACCEPTED, accepted).await?;
            let pullable = self
                .clone()
                .pullable(running, previous, task_definition, world.env.clone());
            let (found, on) = claims.ask(PULLABLE, pullable).await?;
            found.pulled.tell(proof);
            proof.image = found.image;
            proof.proved = vec![
                format!("the task definition {name} is active"),
                "the registries have its images".to_owned(),
            ];
            if !found.without_platform.is_empty() {
                proof.not_covered.push(format!(
                    "whether these images are for {on}, which Amazon ECR tells only of an index of several platforms: {}",
                    found.without_platform.join(", ")
                ));
            }
            Some(())
        })
    }
}

fn not_covered() -> Vec<String> {
    [
        &format!("whether that release still starts and works{NOT_RUN}") as &str,
        "whether these credentials may call ecs:UpdateService: AWS answers that only to iam:SimulatePrincipalPolicy, which few roles \
         may call",
        "whether the task execution role may pull the images: they were looked up with other credentials",
        "the layers of the images: their manifests were read, not their content",
        "the number of tasks, the network, the load balancer and all else that the service has besides its task definition",
    ]
    .map(str::to_owned)
    .to_vec()
}

impl EcsPlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Release];

    /// All that is ever sent for it.
    pub fn calls() -> Calls {
        let amazon = [
            ("ecs.REGION.amazonaws.com", &api::CALLS as &[_]),
            ("api.ecr.REGION.amazonaws.com", &ecr::CALLS),
        ];
        amazon.into_iter().chain(image_calls()).collect()
    }

    /// Where the service is.
    fn region(&self, env: &Env) -> Result<String, NotChecked> {
        let told = self.region.as_deref().map(|region| ("--region", region));
        let mut set = REGIONS.iter().filter_map(|name| Some((*name, env.get(name)?)));
        match told.or_else(|| set.next()) {
            Some((_, region)) if is_region(region) => Ok(region.to_owned()),
            Some((from, _)) => Err(NotChecked::with_help(
                format!("the value of {from} is not a region of AWS"),
                "write it like eu-west-1",
            )),
            None => Err(NotChecked::with_help(
                "AWS cannot be asked: neither --region nor AWS_REGION names the region",
                "give --region, or `aws-region` to aws-actions/configure-aws-credentials",
            )),
        }
    }

    fn command(&self, name: &str, env: &Env) -> Option<String> {
        let Self { cluster, service, .. } = self;
        let default = || {
            let region = self.region(env).ok()?;
            let text = format!(
                "aws ecs update-service --cluster {cluster} --service {service} --task-definition {{release}} --region {region}"
            );
            Template::parse(&text, &Self::PLACEHOLDERS).ok()
        };
        let template = self.rollback_command.clone().or_else(default)?;
        template.fill(|_| name.to_owned())
    }

    async fn current(self, env: Arc<Env>) -> Seen<Running> {
        let region = self.region(&env)?;
        let credentials = Credentials::of(&env)?;
        let ecs = Ecs::connect((&self.cluster, &self.service), &region, &credentials, &env)?;
        let until = Instant::now() + LIMIT;
        let (service, deployments) = join(ecs.service(until), ecs.deployments(until)).await;
        let absent = |code: &'static str, what: String| {
            let help = "check the names of the cluster and the service, the region, and the account of the credentials";
            let requests = ecs.sent().to_string();
            let observed = Observation::found(Finding::error(code, what).help(help));
            Ok((None, observed.fact("requests", requests)))
        };
        let service = match service {
            Err(error) if error.is("ClusterNotFoundException") => {
                return absent("no-cluster", format!("{region} has no cluster {}", self.cluster));
            }
            service => service?,
        };
        let Some(service) = service else {
            return absent(
                "no-service",
                format!("the cluster {} has no service {}", self.cluster, self.service),
            );
        };
        let (task_definition, observed) = state::current(&self.service, &service);
        let observed = observed.fact("requests", ecs.sent().to_string());
        let revision = service.current_service_revisions.into_iter().next();
        let running = task_definition.map(|task_definition| Running {
            ecs,
            credentials,
            task_definition,
            revision: revision.map(|revision| revision.arn),
            deployments,
        });
        Ok((running, observed))
    }

    async fn pullable(
        self,
        running: Arc<Running>,
        previous: Arc<Previous>,
        task_definition: TaskDefinition,
        env: Arc<Env>,
    ) -> Seen<(Found, String)> {
        let on = images::platform(self.on.as_ref(), &task_definition);
        let asks = Asks {
            aws: &running.credentials,
            auth_env: self.auth_env.as_deref(),
            env: &env,
        };
        let revisions = (previous.then.as_ref(), previous.now.as_ref());
        let until = Instant::now() + LIMIT;
        let (found, observed) =
            images::pullable((&task_definition, &previous.name), revisions, &on, asks, until).await?;
        Ok((Some((found, on.to_string())), observed.fact("platform", on.to_string())))
    }
}

impl From<AwsError> for NotChecked {
    fn from(error: AwsError) -> Self {
        Self::with_help(error.unknown.why, error.unknown.help)
    }
}
