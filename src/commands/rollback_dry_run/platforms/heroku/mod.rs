//! Platform `heroku`: the previous release is a slug (or, for apps of the generation Fir, an image) that Heroku keeps.

mod api;

use std::sync::Arc;

use futures_util::future::join;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Calls, Claim, Claims, History, Hosted, LIMIT, Placeholder, Proof, Prove, Proving, Release, Seen, Template, Words,
    not_there, still_there, token,
};
use crate::engine::Observation;
use crate::model::Finding;
use crate::world::{Env, World};
use api::{Artifact, Heroku, Told};

const CLAIMS: [Claim<'static>; 3] = [
    ("rollback:current", "One release is the current one, and has code"),
    (
        "rollback:previous",
        "A previous release was good, and its code is another",
    ),
    ("rollback:pullable", "The slug of that release still exists"),
];

#[derive(Clone)]
pub struct HerokuPlan {
    pub app: String,
    /// The variable that holds the token.
    pub token_env: String,
    /// The release to go back to, such as `v12`.
    pub to: Option<String>,
    /// The command that would roll back, to print it.
    pub rollback_command: Template,
}

impl Prove for HerokuPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &CLAIMS
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            let words = self.words();
            proof.not_covered = vec![
                "whether that release still starts and works: it was not run".to_owned(),
                "whether the token may roll back: Heroku shows what people may do, not what a token may do".to_owned(),
                "config vars: the rollback restores those of that release together with its code".to_owned(),
                "the release command of the Procfile: a rollback runs it again".to_owned(),
                "add-ons and their data".to_owned(),
            ];
            proof.with_configuration = true;
            let hosted = Hosted::new(&words, CLAIMS, self.to.as_deref(), world);
            let current = self.clone().current(world.env.clone());
            let kept = |heroku, history, release| self.clone().kept(heroku, history, release);
            let (release, (previous, running)) = hosted.prove(claims, current, kept).await?;
            let Release {
                name, artifact, state, ..
            } = release;
            proof.command = self.rollback_command.fill(|_| name.clone());
            proof.proved = vec![
                format!("{name} of {} ended as `{state}`", self.app),
                format!("Heroku still has its {}", artifact.unwrap_or_default()),
            ];
            proof.target = Some(name);
            proof.previous_commit = previous.commit;
            proof.current_commit = running.and_then(|running| running.commit);
            Some(())
        })
    }
}

impl HerokuPlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Release];

    /// All that is ever sent for it.
    pub fn calls() -> Calls {
        vec![("api.heroku.com", &api::CALLS)]
    }

    /// As the CLI takes it, if the configuration has no other command.
    pub fn default_command(app: &str) -> String {
        format!("heroku releases:rollback {{release}} --app {app}")
    }

    fn words(&self) -> Words {
        Words {
            platform: "Heroku",
            of: self.app.clone(),
            release: "release",
            artifact: "slug",
            kept: "slug of",
            list: "`heroku releases`",
            like: "v12",
            all_the_same: "changes of config vars and add-ons are releases, too; deploy other code first",
        }
    }

    async fn current(self, env: Arc<Env>) -> Seen<(Arc<Heroku>, History)> {
        let make = "`heroku authorizations:create --scope read-protected` makes one";
        let token = token("Heroku", &self.token_env, make, &env)?;
        let heroku = Heroku::connect(&token, &self.token_env, &env)?;
        let until = Instant::now() + LIMIT;
        let releases = heroku.releases(&self.app, self.to.as_deref(), until);
        let (app, told) = join(heroku.app(&self.app, until), releases).await;
        let app = match app {
            Err(error) if error.status == Some(404) => return Ok((None, not_there("no-app", &self.app, &error))),
            app => app?,
        };
        let told = told?;
        let mut observed = Observation::nothing_wrong();
        if app.maintenance {
            let maintenance = format!("the app {} is in maintenance mode", self.app);
            observed = observed.with(
                Finding::warning("maintenance", maintenance)
                    .help("a rollback does not end it; `heroku maintenance:off` does"),
            );
        }
        observed.findings.extend(self.unclear(&told));
        let current = told.iter().find(|release| release.current);
        let facts = current.map(|release| format!("{} ({})", release.name(), release.artifact().unwrap_or_default()));
        let observed = observed
            .fact("current", facts.unwrap_or_default())
            .fact("requests", heroku.sent().to_string());
        Ok((api::history(&told).map(|history| (Arc::new(heroku), history)), observed))
    }

    /// Why it is not clear what runs.
    fn unclear(&self, told: &[Told]) -> Option<Finding> {
        let app = &self.app;
        let current: Vec<&Told> = told.iter().filter(|release| release.current).collect();
        let (code, message, help) = match current.as_slice() {
            _ if told.first().is_some_and(Told::is_pending) => (
                "rollout-in-progress",
                format!("the release command of the newest release of {app} is running"),
                "wait until it has ended, then rehearse the rollback",
            ),
            [] => (
                "no-release",
                format!("no release of {app} is the current one"),
                "deploy it first: what does not run cannot be rolled back",
            ),
            [one] if one.artifact().is_none() => (
                "no-release",
                format!("the current release of {app}, {}, has no code", one.name()),
                "deploy it first: what does not run cannot be rolled back",
            ),
            [_] => return None,
            several => {
                let names: Vec<String> = several.iter().map(|release| release.name()).collect();
                (
                    "several-current",
                    format!(
                        "Heroku calls several releases of {app} the current one: {}",
                        names.join(", ")
                    ),
                    "try again; a deploy may have been under way",
                )
            }
        };
        Some(Finding::error(code, message).help(help))
    }

    async fn kept(self, heroku: Arc<Heroku>, history: History, release: Release) -> Seen<(Artifact, Option<Artifact>)> {
        let until = Instant::now() + LIMIT;
        let target = release.artifact.clone().unwrap_or_default();
        let asked = (
            heroku.artifact(&self.app, &target, until),
            heroku.artifact(&self.app, &history.current, until),
        );
        still_there(&self.words(), &release, || heroku.sent(), asked, |_| None).await
    }
}
