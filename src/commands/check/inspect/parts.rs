//! What of stageproof is named, and whether a job or a step may name it.

use super::{Document, Named};
use crate::commands::check::findings::Findings;
use crate::commands::check::interfaces::STAGING;
use crate::commands::check::scope::{PROVE_PATH, Part};
use crate::model::text::{nearest, one_line};
use crate::model::workflow::reference::{Reference, STAGEPROOF};

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    for named in document.named() {
        if let Some((message, help)) = wrong(&named).or_else(|| unversioned(&named)) {
            findings.add("unknown-part", named.uses.place.line, message, Some(help));
        }
    }
}

fn unversioned(named: &Named<'_>) -> Option<(String, String)> {
    matches!(named.reference, Reference::Repository { at: "", .. }).then(|| {
        let text = one_line(named.uses.text().unwrap_or_default().trim().trim_end_matches('@'));
        let message = format!("`{text}` names no version, and GitHub refuses the workflow");
        (message, format!("write `{text}@<40 hex> # X.Y.Z`"))
    })
}

fn wrong(named: &Named<'_>) -> Option<(String, String)> {
    let text = one_line(named.uses.text().unwrap_or_default());
    match (named.part, named.by_job) {
        (Part::Other, _) => {
            let path = match &named.reference {
                Reference::Repository { path, .. } => *path,
                Reference::Image { .. } | Reference::Local(_) => "",
            };
            let known = [PROVE_PATH, STAGING.file];
            let help = match nearest(path, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "use {STAGEPROOF}, {STAGEPROOF}/{PROVE_PATH} or {STAGEPROOF}/{}",
                    STAGING.file
                ),
            };
            let message = format!("{STAGEPROOF} has no action or workflow `{}`", one_line(path));
            Some((message, help))
        }
        (Part::Staging, false) => Some((
            format!("`{text}` is a workflow, and a step uses actions only"),
            "move `uses` to a job of its own, without `steps`".to_owned(),
        )),
        (Part::Action | Part::Prove, true) => Some((
            format!("`{text}` is an action, and a job calls workflows only"),
            "move `uses` to a step of the job".to_owned(),
        )),
        _ => None,
    }
}
