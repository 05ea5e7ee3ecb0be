//! What is wrong with how the parts of a file fit together, a file for each subject.

mod callers;
mod environments;
mod needs;
mod order;
mod outputs;
mod parts;
mod pins;

use super::findings::Findings;
use super::scope::{How, Part, Scope, part};
use crate::model::workflow::reference::Reference;
use crate::model::yaml::Node;

/// A whole workflow or action: its scopes are its jobs, or itself.
pub struct Document<'a> {
    pub root: &'a Node,
    pub scopes: Vec<Scope<'a>>,
    /// This is stageproof's own repository.
    pub is_own: bool,
}

/// A `uses:` of a job or a step that names something of stageproof.
pub struct Named<'a> {
    pub uses: &'a Node,
    pub reference: Reference<'a>,
    pub part: Part,
    /// A job calls it.
    pub by_job: bool,
}

impl<'a> Document<'a> {
    /// In the order of their lines.
    pub fn named(&self) -> Vec<Named<'a>> {
        let jobs = self.scopes.iter().filter_map(|scope| scope.job?.node.get("uses"));
        let steps = self.scopes.iter().flat_map(|scope| &scope.steps);
        let steps = steps.filter_map(|step| step.node.get("uses"));
        let all = jobs.map(|uses| (uses, true)).chain(steps.map(|uses| (uses, false)));
        let named = all.filter_map(|(uses, by_job)| {
            let reference = Reference::parse(uses.text()?)?;
            let part = part(&reference, self.is_own)?;
            Some(Named {
                uses,
                reference,
                part,
                by_job,
            })
        });
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|named| named.uses.place.line);
        named
    }

    /// How often it uses stageproof: by `uses:`, and in scripts.
    pub fn uses(&self) -> usize {
        let used = self.scopes.iter().flat_map(|scope| &scope.uses);
        self.named().len() + used.filter(|used| used.how == How::Call).count()
    }
}

pub fn all(document: &Document<'_>, findings: &mut Findings<'_>) {
    needs::look(document, findings);
    outputs::look(document, findings);
    order::look(document, findings);
    environments::look(document, findings);
    callers::look(document, findings);
    parts::look(document, findings);
    pins::look(document, findings);
}
