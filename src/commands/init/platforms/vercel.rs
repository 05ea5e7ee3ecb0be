//! Vercel: `vercel.json`.

use super::{App, Command, Deploy, Secret, Workflows};

pub fn find(app: &App<'_>, _: &Workflows) -> Option<Deploy> {
    let path = app.file("vercel.json")?;
    Some(Deploy {
        platform: "to Vercel",
        why: vec![format!("{path} is there")],
        // Its production belongs to another workflow: without --prod it is a preview, at a URL of its own.
        command: Command::change(
            "npx --yes vercel deploy --yes --target=staging --token \"$VERCEL_TOKEN\"",
            "the target, if the project has no environment `staging`",
        ),
        secrets: vec![
            Secret::new(
                "VERCEL_TOKEN",
                &["VERCEL_API_TOKEN", "VERCEL_ACCESS_TOKEN"],
                "a token of the account, from Vercel's settings",
            ),
            Secret::new("VERCEL_ORG_ID", &[], "the team's ID, from Vercel's settings").open(),
            Secret::new(
                "VERCEL_PROJECT_ID",
                &[],
                "the project's ID, from its settings on Vercel",
            )
            .open(),
        ],
        files: vec![path],
        ..Deploy::default()
    })
}
