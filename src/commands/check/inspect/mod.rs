//! What is wrong with how the parts of a file fit together, a file for each subject.

mod environments;
mod needs;
mod order;
mod outputs;
mod pins;

use super::findings::Findings;
use super::scope::{Scope, part};
use crate::model::workflow::reference::Reference;
use crate::model::yaml::Node;

/// A whole workflow or action: its scopes are its jobs, or itself.
pub struct Document<'a> {
    pub root: &'a Node,
    pub scopes: Vec<Scope<'a>>,
    /// This is stageproof's own repository.
    pub is_own: bool,
}

impl Document<'_> {
    /// How often it uses stageproof: in steps, and by calling its workflow.
    pub fn uses(&self) -> usize {
        let is_ours = |uses: &&Node| {
            let reference = uses.text().and_then(Reference::parse);
            reference.is_some_and(|reference| part(&reference, self.is_own).is_some())
        };
        let calls = self.scopes.iter().filter_map(|scope| scope.job?.node.get("uses"));
        self.scopes.iter().map(|scope| scope.uses.len()).sum::<usize>() + calls.filter(is_ours).count()
    }
}

pub fn all(document: &Document<'_>, findings: &mut Findings<'_>) {
    needs::look(document, findings);
    outputs::look(document, findings);
    order::look(document, findings);
    environments::look(document, findings);
    pins::look(document, findings);
}
