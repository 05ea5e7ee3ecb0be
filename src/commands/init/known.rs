//! What is known of the repository, put together from all that was found in it.

use std::path::Path;

use super::apps::{self, App};
use super::names;
use super::pin::Pin;
use super::platforms::{self, Certainty, Command, Deploy, Secret};
use super::survey::Survey;
use super::tags;
use super::workflows::{Workflows, is_staging};
use crate::world::git::Repository;

/// Enough to tell how releases are named.
const MOST_TAGS: usize = 20_000;

/// All that the files are made of.
pub struct Known {
    /// The app's folder, empty for the root.
    pub app: String,
    /// The other folders that could be deployed.
    pub others: Vec<String>,
    pub deploy: Deploy,
    pub secrets: Vec<Mapped>,
    pub environment: String,
    /// Where the environment's name was found.
    pub environment_from: Option<String>,
    pub branch: Option<String>,
    pub git: Git,
    /// A variable that holds staging's URL, and the workflow that uses it.
    pub url_variable: Option<(String, String)>,
    /// Workflows that deploy to staging when somebody pushes.
    pub rivals: Vec<String>,
    /// The workflow that was written before.
    pub ours: Option<String>,
    /// Workflows of somebody else that use stageproof.
    pub users: Vec<String>,
    /// How an action of the setup is pinned here.
    pub setup_pin: Option<String>,
    pub pin: Pin,
}

/// A secret by both of its names.
pub struct Mapped {
    pub variable: String,
    pub name: String,
    /// The workflow that uses it. Without one it may have to be created.
    pub used_in: Option<String>,
    pub help: &'static str,
    pub is_long: bool,
    /// It is a variable of GitHub's, and not a secret.
    pub is_open: bool,
}

impl Mapped {
    pub fn expression(&self) -> String {
        let context = if self.is_open { "vars" } else { "secrets" };
        format!("${{{{ {context}.{} }}}}", self.name)
    }
}

/// What git says.
pub enum Git {
    /// The pattern of the tags that mark releases and how many there are, if there are any.
    Tags(Option<(String, usize)>),
    None(String),
}

impl Known {
    /// `current` is the current folder below the root. `environment` is the one that was asked for, if any.
    pub fn of(root: &Path, survey: &Survey, current: &str, environment: Option<&str>, pin: Pin) -> Self {
        let workflows = Workflows::read(survey);
        let (app, others, deploy) = choose(survey, current, &workflows);
        let staging = workflows.environments().find(|(name, _)| is_staging(name));
        let (environment, environment_from) = match (environment, staging) {
            (Some(asked), _) => (asked.to_owned(), None),
            (None, Some((name, path))) => (name.to_owned(), Some(path.to_owned())),
            (None, None) => ("staging".to_owned(), None),
        };
        let (branch, git) = match Repository::open(root) {
            Ok(repository) => (repository.default_branch(), Git::Tags(release_tags(&repository, &app))),
            Err(error) => (None, Git::None(error.to_string())),
        };
        let is_url = |name: &str| is_staging(name) && name.to_ascii_uppercase().contains("URL");
        let url_variable = workflows.vars().find(|(name, _)| is_url(name));
        let command = &deploy.command.text;
        let own = if deploy.platform.is_empty() {
            command.as_str()
        } else {
            ""
        };
        let rivals = workflows
            .that_deploy(own)
            .filter(|(_, workflow)| workflow.runs_on_push());
        let setup_pin = deploy.setup.and_then(|setup| workflows.pin_of(setup.action));
        Self {
            secrets: deploy.secrets.iter().map(|secret| map(secret, &workflows)).collect(),
            environment,
            environment_from,
            branch: branch.filter(|branch| names::is_word(branch)),
            git,
            url_variable: url_variable.map(|(name, path)| (name.to_owned(), path.to_owned())),
            rivals: rivals.map(|(path, _)| path.to_owned()).collect(),
            ours: workflows.ours().map(str::to_owned),
            users: workflows.that_use_it().map(str::to_owned).collect(),
            setup_pin: setup_pin.map(str::to_owned),
            app,
            others,
            deploy,
            pin,
        }
    }
}

/// The app, the other ones, and how it is deployed. An app around the current folder is taken in any case, else the first
/// that says where it is deployed to, then the first that may.
fn choose(survey: &Survey, current: &str, workflows: &Workflows) -> (String, Vec<String>, Deploy) {
    let mut found: Vec<(String, Deploy)> = Vec::new();
    for folder in apps::candidates(survey, current) {
        let app = App { survey, folder };
        let deploy = platforms::find(&app, workflows);
        found.extend(deploy.map(|deploy| (app.folder.clone(), deploy)));
    }
    let is_around = |folder: &str| !folder.is_empty() && format!("{current}/").starts_with(folder);
    let best = (0..found.len()).min_by_key(|at| {
        let (folder, deploy) = &found[*at];
        (!is_around(folder), deploy.certainty, *at)
    });
    let Some(best) = best else {
        let deploy = Deploy {
            certainty: Certainty::Possible,
            why: vec!["nothing was found that says how it is deployed".to_owned()],
            command: Command::change("./deploy.sh staging", "the command that deploys"),
            ..Deploy::default()
        };
        return (String::new(), Vec::new(), deploy);
    };
    let (folder, deploy) = found.remove(best);
    let name = |folder: String| folder.trim_end_matches('/').to_owned();
    let others = found.into_iter().map(|(folder, _)| match folder.as_str() {
        "" => "the root".to_owned(),
        _ => name(folder),
    });
    let others = others.collect();
    (name(folder), others, deploy)
}

fn release_tags(repository: &Repository, app: &str) -> Option<(String, usize)> {
    let tags = repository.tags().ok()?;
    let names: Vec<String> = tags.iter().take(MOST_TAGS).map(|tag| tag.name.to_string()).collect();
    tags::pattern(names.iter().map(String::as_str), app)
}

/// The name that the repository's workflows use for it: one that says staging, else one of the usual ones.
fn map(secret: &Secret, workflows: &Workflows) -> Mapped {
    let used = || workflows.secrets();
    // `FLY_API_TOKEN_STAGING`, `HEROKU_STAGING_API_KEY`.
    let holds = |name: &str, usual: &str| usual.split('_').all(|word| name.split('_').any(|part| part == word));
    let of_staging = used().find(|(name, _)| is_staging(name) && secret.names.iter().any(|usual| holds(name, usual)));
    let usual = |name: &str| secret.names.contains(&name) || name == secret.variable;
    let found = of_staging.or_else(|| used().find(|(name, _)| usual(name)));
    let is_open = secret.is_open && found.is_none();
    let found = found.or_else(|| workflows.vars().find(|(name, _)| is_open && usual(name)));
    Mapped {
        variable: secret.variable.clone(),
        name: found.map_or(&*secret.variable, |(name, _)| name).to_owned(),
        used_in: found.map(|(_, path)| path.to_owned()),
        help: secret.help,
        is_long: secret.is_long,
        is_open,
    }
}
