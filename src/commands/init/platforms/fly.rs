//! Fly.io: `fly.toml`.

use super::{App, Command, Deploy, Secret, Setup, Url, Workflows};
use crate::commands::init::names;
use crate::commands::init::workflows::is_staging;

const FLYCTL: Setup = Setup {
    name: "Install flyctl",
    action: "superfly/flyctl-actions/setup-flyctl",
    pin: "fc53c09e1bc3be6f54706524e3b82c4f462f77be # 1.5",
};

pub fn find(app: &App<'_>, _: &Workflows) -> Option<Deploy> {
    let name = app.first(&["fly.staging.toml", "fly.toml"])?;
    let path = app.file(name)?;
    let text = app.text(name).unwrap_or_default();
    let fly_app =
        value_of(&text, "", "app").filter(|fly_app| names::is_word(fly_app) && !fly_app.contains(['/', '@', '.']));
    let is_for_staging = name != "fly.toml" || fly_app.is_some_and(is_staging);
    let config = if name == "fly.toml" {
        String::new()
    } else {
        format!(" --config {name}")
    };
    let mut why = vec![match fly_app {
        Some(fly_app) => format!("{path} names the app {fly_app}"),
        None => format!("{path} is there, but no name of an app could be read in it"),
    }];
    let health = value_of(&text, "checks", "path").filter(|path| names::is_url_path(path));
    if let Some(health) = health {
        why.push(format!("{path} has a health check for {health}"));
    }
    Some(Deploy {
        platform: "to Fly.io",
        why,
        command: Command::of_staging(
            is_for_staging,
            format!("flyctl deploy --remote-only{config}"),
            match fly_app {
                Some(fly_app) => format!("add `--app` and the app of staging, if {fly_app} is production"),
                None => format!("add `--app` and the app of staging, if {name} deploys to production"),
            },
        ),
        secrets: vec![Secret::new(
            "FLY_API_TOKEN",
            &["FLY_TOKEN", "FLYIO_TOKEN", "FLY_API_KEY"],
            "run `flyctl tokens create deploy`",
        )],
        url: fly_app.map(|fly_app| Url {
            text: format!("https://{fly_app}.fly.dev"),
            change: (!is_for_staging).then(|| format!("the URL of staging, if {fly_app} is production")),
        }),
        health: health.map(|health| (health.to_owned(), path.clone())),
        setup: Some(FLYCTL),
        files: vec![path],
        ..Deploy::default()
    })
}

/// The text of a key in the first table whose name contains `table`, or before all tables.
fn value_of<'a>(toml: &'a str, table: &str, key: &str) -> Option<&'a str> {
    let mut is_in = table.is_empty();
    for line in toml.lines().map(str::trim) {
        if line.starts_with('[') {
            if table.is_empty() {
                return None;
            }
            is_in = line.contains(table);
        }
        let value = line.strip_prefix(key).map(str::trim_start).filter(|_| is_in);
        if let Some(value) = value.and_then(|value| value.strip_prefix('=')) {
            let value = value.trim();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            return value[1..].split_once(quote).map(|(value, _)| value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_from_its_table() {
        let toml =
            "# app = 'no'\napp = \"shop\" # yes\n[build]\npath = 'x'\n[[http_service.checks]]\n  path = \"/up\"\n";
        assert_eq!(value_of(toml, "", "app"), Some("shop"));
        assert_eq!(value_of(toml, "checks", "path"), Some("/up"));
        assert_eq!(value_of("[x]\napp = 'a'", "", "app"), None);
        for odd in ["app", "app =", "app = x", "app = '", "app = \"\u{e4}", "[", ""] {
            assert_eq!(value_of(odd, "", "app"), None, "{odd}");
        }
    }
}
