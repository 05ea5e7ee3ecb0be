//! What is wrong with what runs on Fly.io, or with its releases.

use std::collections::BTreeMap;

use super::api::Machine;
use crate::commands::rollback_dry_run::{Seen, Words};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::registry::ImageName;

/// The image that all machines run. Stopped ones count: they are started again with it.
pub fn one_image(app: &str, machines: &[Machine]) -> Seen<ImageName> {
    let mut images: BTreeMap<String, (ImageName, Vec<&str>)> = BTreeMap::new();
    let mut observed = Observation::nothing_wrong();
    for machine in machines
        .iter()
        .filter(|machine| !matches!(machine.state.as_str(), "destroyed" | "destroying"))
    {
        let Some(image) = machine.image() else {
            return Err(NotChecked::with_help(
                format!("the image of the machine {} cannot be read", one_line(&machine.id)),
                "`fly machine status` shows it; destroy a machine that has none",
            ));
        };
        let key = image.digest().map_or_else(|| image.to_string(), str::to_owned);
        let (_, ids) = images.entry(key).or_insert_with(|| (image, Vec::new()));
        ids.push(&machine.id);
    }
    let machines: usize = images.values().map(|(_, ids)| ids.len()).sum();
    observed = observed.fact("machines", machines.to_string());
    let mut each = images.into_values();
    match (each.next(), each.len()) {
        (Some((image, _)), 0) => {
            let observed = observed.fact("image", image.to_string());
            Ok((Some(image), observed))
        }
        (Some((image, ids)), _) => {
            let all: Vec<String> = std::iter::once((image, ids))
                .chain(each)
                .map(|(image, ids)| format!("{} run {image}", one_line(&ids.join(", "))))
                .collect();
            Ok((None, observed.with(Finding::error("several-images", format!("the machines of {app} run several images: {}", all.join("; ")))
                    .help("a deploy is half done, or a blue-green deploy left machines behind: `fly machine list`, then deploy or destroy them"))))
        }
        (None, _) => Ok((
            None,
            observed.with(
                Finding::error("no-machines", format!("the app {app} has no machine"))
                    .help("deploy it first: what does not run cannot be rolled back"),
            ),
        )),
    }
}

/// How Fly.io calls things.
pub fn words(app: &str) -> Words {
    Words {
        platform: "Fly.io",
        of: app.to_owned(),
        release: "release",
        artifact: "image",
        kept: "image of",
        list: "`fly releases`",
        like: "v12",
        all_the_same: "changes of secrets and scale are releases, too; go back to an image that you name with --platform image",
    }
}
