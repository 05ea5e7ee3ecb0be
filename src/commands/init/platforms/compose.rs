//! Docker Compose on a host that is reached over SSH.

use super::{App, Certainty, Command, Deploy, Secret, Workflows, path_in};
use crate::commands::init::workflows::is_staging;

const FILES: [&str; 10] = [
    "compose.staging.yaml",
    "compose.staging.yml",
    "docker-compose.staging.yaml",
    "docker-compose.staging.yml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "deploy/compose.yml",
    "deploy/docker-compose.yml",
];

pub fn find(app: &App<'_>, _: &Workflows) -> Option<Deploy> {
    let name = app.first(&FILES)?;
    let path = app.file(name)?;
    let text = app.text(name).unwrap_or_default();
    let health = text
        .split_once("healthcheck:")
        .and_then(|(_, rest)| rest.lines().take(4).find_map(path_in));
    Some(Deploy {
        certainty: if is_staging(name) {
            Certainty::Sure
        } else {
            Certainty::Likely
        },
        platform: "with Docker Compose",
        why: vec![format!("{path} is there")],
        prepare: vec![
            "umask 077".to_owned(),
            "mkdir -p ~/.ssh".to_owned(),
            "printf '%s\\n' \"$SSH_PRIVATE_KEY\" > ~/.ssh/id_ed25519".to_owned(),
            "printf '%s\\n' \"$SSH_KNOWN_HOSTS\" > ~/.ssh/known_hosts".to_owned(),
            "export DOCKER_HOST=\"ssh://$STAGING_HOST\"".to_owned(),
        ],
        rollback_first: Some("export DOCKER_HOST=\"ssh://${STAGING_HOST:?user@host of staging}\"".to_owned()),
        command: Command::change(
            format!("docker compose --file {name} up --detach --build --wait"),
            "all of it, unless staging is a host with Docker that SSH reaches",
        ),
        secrets: vec![
            Secret::new(
                "SSH_PRIVATE_KEY",
                &["SSH_KEY", "DEPLOY_KEY"],
                "an SSH key that may log in to the host",
            )
            .long(),
            Secret::new("SSH_KNOWN_HOSTS", &["KNOWN_HOSTS"], "run `ssh-keyscan HOST`").long(),
            Secret::new("STAGING_HOST", &["SSH_HOST"], "user@host of staging").open(),
        ],
        health: health.map(|health| (health, path.clone())),
        files: vec![path],
        ..Deploy::default()
    })
}
