//! Environments that several jobs name.

use std::collections::BTreeMap;

use super::Document;
use crate::commands::check::findings::Findings;
use crate::model::text::one_line;
use crate::model::workflow::Job;
use crate::model::yaml::Node;

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    let mut named: BTreeMap<&str, Vec<(Job<'_>, &Node)>> = BTreeMap::new();
    for job in document.scopes.iter().filter_map(|scope| scope.job) {
        if let Some(environment) = job.environment() {
            named
                .entry(environment.text().unwrap_or_default())
                .or_default()
                .push((job, environment));
        }
    }
    for (name, jobs) in named {
        let [_, (_, second), ..] = jobs.as_slice() else {
            continue;
        };
        let all: Vec<String> = jobs.iter().map(|(job, _)| format!("`{}`", one_line(job.id))).collect();
        findings.add(
            "environment",
            second.place.line,
            format!(
                "the jobs {} name the environment `{}`: a run creates up to {} deployments, each with a review of its \
                 own if the environment asks for one",
                all.join(", "),
                one_line(name),
                jobs.len()
            ),
            None,
        );
    }
}
