//! How an app is deployed: one file for each platform, and one for commands that the repository has of its own.

mod app_engine;
mod compose;
mod fly;
mod helm;
mod heroku;
mod kubernetes;
mod own;
mod vercel;

use super::aim::{self, Aim, is_staging};
use super::apps::App;
use super::workflows::Workflows;

/// How surely a folder is what is deployed, the surest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It says where to.
    #[default]
    Sure,
    /// It may be for a laptop.
    Likely,
    /// There is something to deploy.
    Possible,
}

/// What a platform needs to deploy, and what is known of it.
#[derive(Debug, Default)]
pub struct Deploy {
    pub certainty: Certainty,
    /// `to Fly.io`, `with Helm`. Empty if none was recognized.
    pub platform: &'static str,
    /// What was found, and where.
    pub why: Vec<String>,
    /// Lines that come before the command: they log in. They run again for no rollback, which is printed for a person.
    pub prepare: Vec<String>,
    /// What that person's shell runs first: it leads to staging, or stops.
    pub rollback_first: Option<String>,
    pub command: Command,
    /// The repository's own command, as its workflows name it.
    pub own: Option<String>,
    pub secrets: Vec<Secret>,
    /// Where the deployment answers.
    pub url: Option<Url>,
    /// A path that answers if the app is well, and where that is said.
    pub health: Option<(String, String)>,
    /// A step that installs the platform's tool, where runners do not have it.
    pub setup: Option<Setup>,
    /// Files that say what was deployed.
    pub files: Vec<String>,
    /// How it is started on a laptop, and where it answers then.
    pub local: Option<(&'static str, u16)>,
}

impl Deploy {
    /// All that was found is for staging. For another environment it must be changed.
    pub fn is_for(&mut self, environment: &str) {
        if is_staging(environment) {
            return;
        }
        let says = |text: &str| aim::of(text, environment) == Aim::Wanted;
        let command = &mut self.command;
        // The argument that was made up.
        if let (Some(script), Some(change)) = (command.text.strip_suffix(" staging"), &command.change) {
            command.change = Some(change.replace("staging", environment));
            command.text = format!("{script} {environment}");
        }
        if !says(&command.text) {
            command.change = Some(format!("the command that deploys to {environment}"));
        }
        if let Some(url) = self.url.as_mut().filter(|url| !says(&url.text)) {
            url.change = Some(format!("the URL of {environment}"));
        }
    }

    /// Gives values to the command that are no secrets.
    pub fn export(&mut self, values: &[(String, String)]) {
        if values.is_empty() {
            return;
        }
        let values: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let export = format!("export {}", values.join(" "));
        self.rollback_first = Some(match &self.rollback_first {
            Some(first) => format!("{first} && {export}"),
            None => export.clone(),
        });
        self.prepare.push(export);
    }
}

/// A command, and what of it only its author knows.
#[derive(Debug, Default)]
pub struct Command {
    pub text: String,
    pub change: Option<String>,
}

impl Command {
    pub fn known(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            change: None,
        }
    }

    /// One that deploys to staging, if something says so. Otherwise its owner must look: it runs on each push.
    pub fn of_staging(says_staging: bool, text: impl Into<String>, change: impl Into<String>) -> Self {
        match says_staging {
            true => Self::known(text),
            false => Self::change(text, change),
        }
    }

    pub fn change(text: impl Into<String>, change: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            change: Some(change.into()),
        }
    }
}

/// A secret, or another value of the repository's settings, that the command reads from a variable.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The variable.
    pub variable: &'static str,
    /// Its names in a repository's settings, the usual one first.
    pub names: Vec<&'static str>,
    /// How to get it.
    pub help: &'static str,
    /// It has several lines.
    pub is_long: bool,
    /// It is kept as a variable, unless the repository keeps it as a secret already.
    pub is_open: bool,
}

impl Secret {
    pub fn new(variable: &'static str, others: &[&'static str], help: &'static str) -> Self {
        Self {
            variable,
            names: [&[variable], others].concat(),
            help,
            is_long: false,
            is_open: false,
        }
    }

    pub fn long(self) -> Self {
        Self { is_long: true, ..self }
    }

    pub fn open(self) -> Self {
        Self { is_open: true, ..self }
    }
}

#[derive(Debug)]
pub struct Url {
    pub text: String,
    /// Where it was found, if it was not said to be staging's.
    pub change: Option<String>,
}

/// An action that installs a tool, and the commit that is known to be its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    pub name: &'static str,
    pub action: &'static str,
    pub pin: &'static str,
}

type Find = fn(&App<'_>, &Workflows) -> Option<Deploy>;

/// In the order in which they are taken if a folder holds several.
const PLATFORMS: [Find; 7] = [
    fly::find,
    vercel::find,
    app_engine::find,
    heroku::find,
    helm::find,
    kubernetes::find,
    compose::find,
];

/// How the app is deployed. A command of its own is taken before the platform's, with what the platform needs.
pub fn find(app: &App<'_>, workflows: &Workflows) -> Option<Deploy> {
    let found = PLATFORMS.iter().find_map(|find| find(app, workflows));
    let own = own::find(app);
    let mut deploy = match (found, own) {
        (None, None) => return unknown(app),
        (Some(found), None) => found,
        (found, Some(own)) => {
            let mut deploy = found.unwrap_or_default();
            deploy.command = own.command;
            deploy.certainty = Certainty::Sure;
            deploy.why.insert(0, own.why);
            deploy.files.insert(0, own.file);
            deploy.own = Some(own::core(&deploy.command.text).to_owned());
            deploy
        }
    };
    if deploy.health.is_none() {
        deploy.health = dockerfile_health(app);
    }
    deploy.local = own::start(app).zip(port(app));
    let named = app.file("Dockerfile").filter(|path| !deploy.files.contains(path));
    deploy.files.extend(named);
    Some(deploy)
}

/// There is something to deploy, and nothing says where to.
fn unknown(app: &App<'_>) -> Option<Deploy> {
    let marker = app.first(&["Dockerfile", "package.json"])?;
    let path = app.file(marker)?;
    if marker == "package.json" && own::start(app).is_none() {
        return None;
    }
    Some(Deploy {
        certainty: Certainty::Possible,
        why: vec![format!("{path} is there, and nothing that says where it is deployed")],
        command: Command::change("./deploy.sh staging", "the command that deploys"),
        health: dockerfile_health(app),
        files: vec![path],
        ..Deploy::default()
    })
}

/// The path in `HEALTHCHECK CMD curl http://localhost:3000/healthz`.
fn dockerfile_health(app: &App<'_>) -> Option<(String, String)> {
    let text = app.text("Dockerfile")?;
    let mut lines = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("HEALTHCHECK"));
    let check = lines.by_ref().take(5).collect::<Vec<_>>().join(" ");
    Some((path_in(&check)?, format!("{}Dockerfile", app.folder)))
}

/// The port that the image says it listens on.
fn port(app: &App<'_>) -> Option<u16> {
    let text = app.text("Dockerfile")?;
    text.lines()
        .find_map(|line| line.strip_prefix("EXPOSE ")?.trim().parse().ok())
}

/// The path of the first URL of this machine in a text, unless that is `/`.
fn path_in(text: &str) -> Option<String> {
    let (_, rest) = ["localhost", "127.0.0.1", "0.0.0.0"]
        .iter()
        .find_map(|host| text.split_once(host))?;
    let rest = rest.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    let end = rest.find(|c: char| c.is_whitespace() || "\"'|)]},;".contains(c));
    let path = &rest[..end.unwrap_or(rest.len())];
    (path != "/" && super::names::is_url_path(path)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_health_check_is_read() {
        for (text, expected) in [
            ("CMD curl -f http://localhost:3000/healthz || exit 1", Some("/healthz")),
            ("CMD [\"wget\", \"http://127.0.0.1/api/up\"]", Some("/api/up")),
            ("CMD curl http://localhost:3000/", None),
            ("CMD curl http://localhost:3000/$(id)", None),
            ("CMD true", None),
        ] {
            assert_eq!(path_in(text).as_deref(), expected, "{text}");
        }
    }
}
