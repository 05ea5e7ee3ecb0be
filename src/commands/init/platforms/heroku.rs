//! Heroku: a `Procfile` with a process `web`.

use super::{App, Command, Deploy, Secret, Workflows};

pub fn find(app: &App<'_>, _: &Workflows) -> Option<Deploy> {
    let path = app.file("Procfile")?;
    let text = app.text("Procfile")?;
    if !text.lines().any(|line| line.starts_with("web:")) {
        return None;
    }
    let mut files = vec![path.clone()];
    files.extend(app.file("app.json"));
    Some(Deploy {
        platform: "to Heroku",
        why: vec![format!("{path} has a process `web`")],
        command: Command::change(
            "git push --force \"https://heroku:$HEROKU_API_KEY@git.heroku.com/staging-app.git\" HEAD:refs/heads/main",
            "`staging-app` is the name of the app on Heroku, here and in the rollback command of the configuration",
        ),
        secrets: vec![Secret::new(
            "HEROKU_API_KEY",
            &["HEROKU_TOKEN", "HEROKU_AUTH_TOKEN"],
            "run `heroku authorizations:create`",
        )],
        files,
        ..Deploy::default()
    })
}
