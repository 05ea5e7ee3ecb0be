//! Platform `vercel`: the previous release is a production deployment that Vercel keeps.

mod api;

use std::sync::Arc;

use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Calls, Claim, Claims, History, Hosted, LIMIT, Placeholder, Proof, Prove, Proving, Release, Seen, Template, Words,
    is_gone, not_there, still_there, token,
};
use crate::engine::Observation;
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::{Env, World};
use api::{Deployment, Project, Vercel};

const CLAIMS: [Claim<'static>; 3] = [
    ("rollback:current", "One deployment has the production traffic"),
    (
        "rollback:previous",
        "A previous deployment had production traffic, and is another",
    ),
    ("rollback:pullable", "That deployment still exists"),
];

#[derive(Clone)]
pub struct VercelPlan {
    /// Its name or id.
    pub project: String,
    /// The id or slug of the team that owns it.
    pub team: Option<String>,
    /// The variable that holds the token.
    pub token_env: String,
    /// The deployment to go back to, such as `dpl_…`.
    pub to: Option<String>,
    /// The command that would roll back, to print it.
    pub rollback_command: Template,
}

/// What the first claim brings the last.
#[derive(Clone)]
struct Asked {
    vercel: Arc<Vercel>,
    running: Deployment,
    /// With production traffic before the current one: all that the plan Hobby can go back to.
    one_before: Option<String>,
}

impl Prove for VercelPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &CLAIMS
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            let words = self.words();
            proof.not_covered = vec![
                "whether that deployment still works: it was not run".to_owned(),
                "whether the token may roll back: Vercel has no way to ask".to_owned(),
                "environment variables and cron jobs: the deployment has those that it was built with".to_owned(),
                "later deployments: production domains stay with that deployment until `vercel promote`".to_owned(),
            ];
            proof.with_configuration = true;
            let hosted = Hosted::new(&words, CLAIMS, self.to.as_deref(), world);
            let current = self.clone().current(world.env.clone());
            let kept = |asked, _, release| self.clone().kept(asked, release);
            let (release, (previous, running)) = hosted.prove(claims, current, kept).await?;
            let name = release.name;
            proof.command = self.rollback_command.fill(|_| name.clone());
            proof.proved = vec![
                format!("{name} had the production traffic of {} before", self.project),
                "Vercel still has it, and it is READY".to_owned(),
            ];
            proof.target = Some(name);
            proof.previous_commit = previous.commit();
            proof.current_commit = running.and_then(|running| running.commit());
            Some(())
        })
    }
}

impl VercelPlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Release];

    /// All that is ever sent for it.
    pub fn calls() -> Calls {
        vec![("api.vercel.com", &api::CALLS)]
    }

    /// As the CLI takes it, if the configuration has no other command. It reads the token from VERCEL_TOKEN.
    pub fn default_command(team: Option<&str>) -> String {
        let scope = team.map(|team| format!(" --scope {team}")).unwrap_or_default();
        format!("vercel rollback {{release}} --yes{scope}")
    }

    fn words(&self) -> Words {
        Words {
            platform: "Vercel",
            of: self.project.clone(),
            release: "deployment",
            artifact: "commit",
            kept: "deployment",
            list: "`vercel list --prod`",
            like: "dpl_…",
            all_the_same: "they are deployments of one commit; deploy other code first",
        }
    }

    async fn current(self, env: Arc<Env>) -> Seen<(Asked, History)> {
        let make = "vercel.com/account/tokens makes one";
        let token = token("Vercel", &self.token_env, make, &env)?;
        let vercel = Vercel::connect(&token, &self.token_env, self.team.clone(), &env)?;
        let until = Instant::now() + LIMIT;
        let project = match vercel.project(&self.project, until).await {
            Err(error) if error.status == Some(404) => {
                return Ok((None, not_there("no-project", &self.project, &error)));
            }
            project => project?,
        };
        let Some(running) = project.production().cloned() else {
            let message = format!("no deployment of {} has production traffic", self.project);
            let help = "deploy it first: what does not run cannot be rolled back";
            let finding = Finding::error("no-release", message).help(help);
            return Ok((None, Observation::found(finding)));
        };
        let deployments = vercel
            .deployments(&project, &running, self.to.as_deref(), until)
            .await?;
        let mut observed = Observation::nothing_wrong()
            .fact("current", one_line(&running.id))
            .fact("requests", vercel.sent().to_string());
        observed
            .findings
            .extend(self.unsettled(&project, &running, &deployments));
        if project.paused {
            let paused = format!("the project {} is paused", self.project);
            observed = observed.with(
                Finding::warning("paused", paused).help("it answers nobody, rolled back or not, until it is resumed"),
            );
        }
        let history = api::history(&running, &deployments);
        let earlier = deployments.iter().filter(|other| other.created_at < running.created_at);
        let one_before = earlier
            .filter(|other| other.ready_state == "READY" && !other.has_seen("STAGED"))
            .map(|other| other.id.clone())
            .next();
        let asked = Asked {
            vercel: Arc::new(vercel),
            running,
            one_before,
        };
        Ok((Some((asked, history)), observed))
    }

    /// A change of what has the production traffic is under way.
    fn unsettled(&self, project: &Project, running: &Deployment, deployments: &[Deployment]) -> Option<Finding> {
        let request = project.last_alias_request.as_ref();
        let is_asked = request.is_some_and(|request| matches!(&*request.job_status, "pending" | "in-progress"));
        let newer = deployments
            .iter()
            .filter(|other| other.created_at >= running.created_at)
            .find(|other| other.is_under_way());
        let message = match newer {
            _ if is_asked => format!("a rollback or promotion of {} is under way", self.project),
            Some(newer) => format!("the production deployment {} is under way", one_line(&newer.id)),
            None => return None,
        };
        let help = "wait until it has ended, then rehearse the rollback";
        Some(Finding::error("rollout-in-progress", message).help(help))
    }

    async fn kept(self, asked: Asked, release: Release) -> Seen<(Deployment, Option<Deployment>)> {
        let until = Instant::now() + LIMIT;
        let words = self.words();
        let Asked {
            vercel,
            running,
            one_before,
        } = asked;
        let lookups = (
            vercel.deployment(&release.name, until),
            vercel.deployment(&running.id, until),
        );
        let judge = |found: &Deployment| (found.ready_state != "READY").then(|| is_gone(&words, &release));
        let (kept, mut observed) = still_there(&words, &release, || vercel.sent(), lookups, judge).await?;
        if running.plan.as_deref() == Some("hobby") && one_before.is_some_and(|one_before| one_before != release.name) {
            let further = format!("{} is further back than the plan Hobby allows", one_line(&release.name));
            observed = observed.with(
                Finding::warning("plan-limit", further)
                    .help("this plan goes back to the deployment before the current one only"),
            );
        }
        Ok((kept, observed))
    }
}
