//! By what stageproof is named: a commit that stays, or something that moves.

use super::{Document, Named};
use crate::commands::check::findings::Findings;
use crate::model::text::one_line;
use crate::model::workflow::reference::Reference;

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    let mut first: Option<(&str, u32)> = None;
    for Named { uses, reference, .. } in document.named() {
        // Without a version it is no use at all, which is told elsewhere.
        if matches!(reference, Reference::Repository { at: "", .. }) {
            continue;
        }
        let line = uses.place.line;
        let text = uses.text().unwrap_or_default();
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
