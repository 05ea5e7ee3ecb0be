//! A Helm chart: `Chart.yaml` in the folder or in one of the usual ones below.

use super::kubernetes::{ROLLBACK_FIRST, kubeconfig, probe};
use super::{App, Command, Deploy, Workflows};
use crate::commands::init::names;
use crate::commands::init::workflows::is_staging;

pub fn find(app: &App<'_>, workflows: &Workflows) -> Option<Deploy> {
    let charts = app
        .files()
        .filter(|path| *path == "Chart.yaml" || path.ends_with("/Chart.yaml"));
    // A chart in a chart is a part of it.
    let chart = charts
        .filter(|path| names::is_path(path))
        .min_by_key(|path| path.matches('/').count())?;
    let folder = chart.strip_suffix("Chart.yaml")?.trim_end_matches('/');
    let text = app.text(chart)?;
    let name = text.lines().find_map(|line| line.strip_prefix("name:"))?;
    let name = name.trim().trim_matches(['"', '\'']);
    let name = Some(name).filter(|name| names::is_word(name)).unwrap_or("app");
    let within = |path: &str| folder.is_empty() || path.starts_with(&format!("{folder}/"));
    let values = app
        .files()
        .filter(|path| within(path) && names::is_path(path))
        .find(|path| {
            let file = path.rsplit('/').next().unwrap_or(path);
            file.contains("values") && (file.ends_with(".yaml") || file.ends_with(".yml")) && is_staging(file)
        });
    let flag = values.map_or_else(String::new, |values| format!(" --values {values}"));
    let folder = if folder.is_empty() { "." } else { folder };
    let (secret, prepare) = kubeconfig(workflows);
    let health = app
        .files()
        .filter(|path| within(path) && path.contains("templates/"))
        .find_map(|path| Some((probe(&app.text(path)?)?, format!("{}{path}", app.folder))));
    let mut why = vec![format!("{}{chart} is the chart {name}", app.folder)];
    why.extend(values.map(|values| format!("{}{values} has the values of staging", app.folder)));
    Some(Deploy {
        platform: "with Helm",
        why,
        prepare,
        rollback_first: Some(ROLLBACK_FIRST.to_owned()),
        command: Command::change(
            format!("helm upgrade {name} {folder} --install --namespace staging{flag} --wait --timeout 10m"),
            "the release and the namespace, if they have other names",
        ),
        secrets: vec![secret],
        health,
        files: vec![match folder {
            "." => format!("{}Chart.yaml", app.folder),
            folder => format!("{}{folder}/**", app.folder),
        }],
        ..Deploy::default()
    })
}
