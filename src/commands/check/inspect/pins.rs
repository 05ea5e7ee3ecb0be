//! By what stageproof is named: a commit that stays, or something that moves.

use super::Document;
use crate::commands::check::findings::Findings;
use crate::commands::check::scope::part;
use crate::model::text::one_line;
use crate::model::workflow::reference::Reference;
use crate::model::yaml::Node;

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    let jobs = document.scopes.iter().filter_map(|scope| scope.job?.node.get("uses"));
    let steps = document
        .scopes
        .iter()
        .flat_map(|scope| &scope.steps)
        .filter_map(|step| step.node.get("uses"));
    let mut uses: Vec<&Node> = jobs.chain(steps).collect();
    uses.sort_by_key(|uses| uses.place.line);
    let mut first: Option<(&str, u32)> = None;
    for uses in uses {
        let text = uses.text().unwrap_or_default();
        let Some(reference) = Reference::parse(text) else {
            continue;
        };
        if part(&reference, document.is_own).is_none() {
            continue;
        }
        let line = uses.place.line;
        if !reference.is_pinned() {
            let help = matches!(reference, Reference::Image { .. })
                .then(|| "pin the image: docker://ghcr.io/stageproof/stageproof@sha256:<64 hex>".to_owned());
            let message = format!("`{}` is not pinned: a tag or branch can move", one_line(text));
            findings.add("unpinned", line, message, help);
        }
        let Reference::Repository { at, .. } = reference else {
            continue;
        };
        match first {
            None => first = Some((at, line)),
            Some((known, _)) if known == at => {}
            Some((known, there)) => {
                let (at, known) = (one_line(at), one_line(known));
                let message = format!("stageproof is used at `{at}`, but at `{known}` in line {there}");
                findings.add("mixed-pins", line, message, None);
            }
        }
    }
}
