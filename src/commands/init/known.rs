//! What is known of the repository, put together from all that was found in it.

use std::path::Path;

use super::apps::{self, App};
use super::as_run;
use super::names;
use super::pin::Pin;
use super::platforms::{self, Certainty, Command, Deploy};
use super::settings::Settings;
use super::survey::Survey;
use super::tags;
use super::workflows::Workflows;
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
    pub settings: Settings,
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

/// What git says.
pub enum Git {
    /// The pattern of the tags that mark releases and how many there are, if there are any.
    Tags(Option<(String, usize)>),
    /// There are none, which says nothing: a shallow clone leaves them out.
    Shallow,
    None(String),
}

impl Known {
    /// `current` is the current folder below the root. `environment` is the one that was asked for, if any.
    pub fn of(root: &Path, survey: &Survey, current: &str, environment: Option<&str>, pin: Pin) -> Self {
        let workflows = Workflows::read(survey, environment);
        let (app, others, mut deploy) = choose(survey, current, &workflows);
        deploy.is_for(&workflows.environment);
        as_run::as_run(&mut deploy, &workflows);
        let settings = Settings::of(&deploy, &workflows);
        deploy.export(&settings.plain);
        let (branch, git) = match Repository::open(root) {
            Ok(repository) => {
                let git = match release_tags(&repository, &app) {
                    None if repository.is_shallow() => Git::Shallow,
                    tags => Git::Tags(tags),
                };
                (repository.default_branch(), git)
            }
            Err(error) => (None, Git::None(error.to_string())),
        };
        let is_url = |name: &str| workflows.says(name) && name.to_ascii_uppercase().contains("URL");
        let url_variable = workflows.vars().into_iter().find(|used| is_url(used.name));
        let own = deploy.own.clone().unwrap_or_default();
        let rivals = workflows
            .that_deploy(&own)
            .filter(|(_, workflow)| workflow.runs_on_push());
        let setup_pin = deploy.setup.and_then(|setup| workflows.pin_of(setup.action));
        Self {
            settings,
            environment: workflows.environment.clone(),
            environment_from: workflows.environment_from.clone(),
            branch: branch.filter(|branch| names::is_word(branch)),
            git,
            url_variable: url_variable.map(|used| (used.name.to_owned(), used.path.to_owned())),
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
