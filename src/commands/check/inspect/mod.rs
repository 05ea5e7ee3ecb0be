//! What is wrong with how the parts of a file fit together, a file for each subject.

mod environments;
mod needs;
mod order;
mod outputs;
mod pins;

use super::findings::Findings;
use super::scope::Scope;
use crate::model::yaml::Node;

/// A whole workflow or action: its scopes are its jobs, or itself.
pub struct Document<'a> {
    pub root: &'a Node,
    pub scopes: Vec<Scope<'a>>,
    /// This is stageproof's own repository.
    pub is_own: bool,
}

pub fn all(document: &Document<'_>, findings: &mut Findings<'_>) {
    needs::look(document, findings);
    outputs::look(document, findings);
    order::look(document, findings);
    environments::look(document, findings);
    pins::look(document, findings);
}
