//! Google App Engine: an `app.yaml` with a `runtime`.

use super::{App, Command, Deploy, Secret, Workflows};
use crate::commands::init::names;
use crate::commands::init::workflows::is_staging;

pub fn find(app: &App<'_>, _: &Workflows) -> Option<Deploy> {
    let name = app.first(&["app.staging.yaml", "app-staging.yaml", "app.yaml"])?;
    let path = app.file(name)?;
    let text = app.text(name)?;
    let value = |key: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(
            value
                .split('#')
                .next()
                .unwrap_or(value)
                .trim()
                .trim_matches(['"', '\''])
                .to_owned(),
        )
    };
    let runtime = value("runtime")?;
    let mut why = vec![format!("{path} is of App Engine, runtime {runtime}")];
    let health = readiness(&text);
    if let Some(health) = &health {
        why.push(format!("{path} has a readiness check for {health}"));
    }
    Some(Deploy {
        platform: "to App Engine",
        why,
        prepare: vec![
            "printf %s \"$GCP_SA_KEY\" | gcloud auth activate-service-account --key-file=-".to_owned(),
            "gcloud config set project \"$(printf %s \"$GCP_SA_KEY\" | jq -r .project_id)\"".to_owned(),
        ],
        rollback_first: Some(
            "export CLOUDSDK_CORE_PROJECT=\"${CLOUDSDK_CORE_PROJECT:?the project of staging}\"".to_owned(),
        ),
        command: Command::of_staging(
            is_staging(name),
            format!("gcloud app deploy {name} --quiet"),
            format!("the project or the service of staging, if {name} deploys to production"),
        ),
        secrets: vec![
            Secret::new(
                "GCP_SA_KEY",
                &[
                    "GCP_CREDENTIALS",
                    "GCP_SERVICE_ACCOUNT_KEY",
                    "GOOGLE_CREDENTIALS",
                    "GCLOUD_SERVICE_KEY",
                ],
                "the JSON key of a service account that may deploy",
            )
            .long(),
        ],
        health: health.map(|health| (health, path.clone())),
        files: vec![path],
        ..Deploy::default()
    })
}

/// `readiness_check:` and the `path` below it.
fn readiness(text: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("readiness_check:"))
        .skip(1);
    let below = lines
        .by_ref()
        .take_while(|line| line.starts_with([' ', '\t']) || line.is_empty());
    let mut paths = below.filter_map(|line| line.trim().strip_prefix("path:"));
    let path = paths.next()?.trim().trim_matches(['"', '\'']).to_owned();
    names::is_url_path(&path).then_some(path)
}
