//! Platform `cloudflare`: the previous release is a version of a Worker.

mod api;

use std::sync::Arc;

use futures_util::future::join;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Calls, Claim, Claims, History, Hosted, LIMIT, Placeholder, Proof, Prove, Proving, Release, Seen, Template, Words,
    not_there, still_there, token,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::{Env, World};
use api::{Cloudflare, Deployment};

const CLAIMS: [Claim<'static>; 3] = [
    ("rollback:current", "One version has all of the traffic"),
    (
        "rollback:previous",
        "A previous version had all of the traffic, and is another",
    ),
    (
        "rollback:pullable",
        "That version still exists, and can be deployed again",
    ),
];
const ACCOUNT_ENV: &str = "CLOUDFLARE_ACCOUNT_ID";

#[derive(Clone)]
pub struct CloudflarePlan {
    pub worker: String,
    /// Its id, if it is not that in [`Self::ACCOUNT_ENV`].
    pub account: Option<String>,
    /// The variable that holds the token.
    pub token_env: String,
    /// The version to go back to.
    pub to: Option<String>,
    /// The command that would roll back, to print it.
    pub rollback_command: Template,
}

impl Prove for CloudflarePlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &CLAIMS
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            let words = self.words();
            proof.not_covered = vec![
                "whether that version still works: it was not run".to_owned(),
                "whether the token may deploy: Cloudflare has no way to ask".to_owned(),
                "whether its bindings still exist: Cloudflare refuses a version whose bucket, namespace or queue is gone"
                    .to_owned(),
                "variables and secrets: the version has its own; if secrets changed since, wrangler asks once more".to_owned(),
                "content of KV, D1, R2 and Durable Objects".to_owned(),
                "routes, domains and cron triggers: they belong to the Worker, not to a version".to_owned(),
            ];
            proof.with_configuration = true;
            let hosted = Hosted::new(&words, CLAIMS, self.to.as_deref(), world);
            let current = self.clone().current(world.env.clone());
            let kept = |cloudflare, history, release| self.clone().kept(cloudflare, history, release);
            let (release, ()) = hosted.prove(claims, current, kept).await?;
            let name = release.name;
            proof.command = self.rollback_command.fill(|_| name.clone());
            proof.proved = vec![
                format!("the version {name} of {} had all of the traffic before", self.worker),
                "Cloudflare still has it, and deploys it".to_owned(),
            ];
            proof.target = Some(name);
            Some(())
        })
    }
}

impl CloudflarePlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Release];

    /// All that is ever sent for it.
    pub fn calls() -> Calls {
        vec![("api.cloudflare.com", &api::CALLS)]
    }
    /// The variable that wrangler reads.
    pub const ACCOUNT_ENV: &str = ACCOUNT_ENV;

    /// As wrangler takes it, if the configuration has no other command. It reads the token and the account from its
    /// variables.
    pub fn default_command(worker: &str) -> String {
        format!("npx wrangler rollback {{release}} --name {worker} --message Rollback --yes")
    }

    fn words(&self) -> Words {
        Words {
            platform: "Cloudflare",
            of: self.worker.clone(),
            release: "version",
            artifact: "code",
            kept: "version",
            list: "`npx wrangler deployments list`",
            like: "its id",
            all_the_same: "deploy other code first",
        }
    }

    async fn current(self, env: Arc<Env>) -> Seen<(Arc<Cloudflare>, History)> {
        let make = "dash.cloudflare.com/profile/api-tokens makes one; `Workers Scripts: Read` is enough";
        let token = token("Cloudflare", &self.token_env, make, &env)?;
        let given = self.account.as_deref().or(env.get(ACCOUNT_ENV));
        let Some(account) = given.map(str::trim).filter(|account| !account.is_empty()) else {
            return Err(NotChecked::with_help(
                format!("Cloudflare cannot be asked: neither --account nor {ACCOUNT_ENV} names the account"),
                "the dashboard of the Worker shows its account id",
            ));
        };
        let of = (account.to_owned(), self.worker.clone());
        let cloudflare = Cloudflare::connect(&token, &self.token_env, of, &env)?;
        let until = Instant::now() + LIMIT;
        let deployments = match cloudflare.deployments(self.to.as_deref(), until).await {
            Err(error) if error.status == Some(404) => {
                return Ok((None, not_there("no-worker", &self.worker, &error)));
            }
            deployments => deployments?,
        };
        let history = api::history(&deployments);
        let mut observed = Observation::nothing_wrong().fact("requests", cloudflare.sent().to_string());
        match &history {
            Some(history) => observed = observed.fact("current", one_line(&history.current)),
            None => observed.findings.push(self.unclear(deployments.first())),
        }
        Ok((history.map(|history| (Arc::new(cloudflare), history)), observed))
    }

    /// No version has all of the traffic.
    fn unclear(&self, current: Option<&Deployment>) -> Finding {
        let shares = current.map(Deployment::shares).unwrap_or_default();
        let shares: Vec<String> = shares
            .iter()
            .map(|share| format!("{} % to {}", share.percentage, one_line(&share.version_id)))
            .collect();
        let worker = &self.worker;
        if shares.is_empty() {
            return Finding::error("no-release", format!("no version of {worker} is deployed"))
                .help("deploy it first: what does not run cannot be rolled back");
        }
        let message = format!("the traffic of {worker} is split: {}", shares.join(", "));
        Finding::error("rollout-in-progress", message)
            .help("end the gradual deployment with `npx wrangler versions deploy`, then rehearse the rollback")
    }

    async fn kept(self, cloudflare: Arc<Cloudflare>, history: History, release: Release) -> Seen<()> {
        let until = Instant::now() + LIMIT;
        let both = async {
            let (version, deployable) =
                join(cloudflare.version(&release.name, until), cloudflare.deployable(until)).await;
            version?;
            deployable
        };
        let running = async { cloudflare.version(&history.current, until).await.map(|()| Vec::new()) };
        let judge = |deployable: &Vec<String>| {
            let name = one_line(&release.name);
            (!deployable.contains(&release.name)).then(|| {
                Finding::error(
                    "artifact-gone",
                    format!("Cloudflare has the version {name}, and no longer deploys it"),
                )
                .help("only the newest 100 versions can be deployed; name one of them with --to-release")
            })
        };
        let (kept, observed) =
            still_there(&self.words(), &release, || cloudflare.sent(), (both, running), judge).await?;
        Ok((kept.map(|_| ()), observed))
    }
}
