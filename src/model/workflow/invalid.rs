//! Why GitHub does not start a workflow: what is plainly wrong in it. That nothing is found does not make it valid.
//! Source: docs.github.com, "Workflow syntax for GitHub Actions".

use super::Workflow;
use super::event::correction;
use super::patch::events;
use crate::model::text::{nearest, one_line};
use crate::model::yaml::{Content, Node};

const OF_WORKFLOW: [&str; 8] = [
    "concurrency",
    "defaults",
    "env",
    "jobs",
    "name",
    "on",
    "permissions",
    "run-name",
];
const OF_JOB: [&str; 19] = [
    "concurrency",
    "container",
    "continue-on-error",
    "defaults",
    "env",
    "environment",
    "if",
    "name",
    "needs",
    "outputs",
    "permissions",
    "runs-on",
    "secrets",
    "services",
    "steps",
    "strategy",
    "timeout-minutes",
    "uses",
    "with",
];
const OF_STEP: [&str; 11] = [
    "continue-on-error",
    "env",
    "id",
    "if",
    "name",
    "run",
    "shell",
    "timeout-minutes",
    "uses",
    "with",
    "working-directory",
];

/// The place of the first mistake, and what it is.
pub fn mistake(root: &Node) -> Option<(&Node, String)> {
    let Content::Map(entries) = &root.content else {
        return Some((root, "the file is no mapping".to_owned()));
    };
    let workflow = Workflow { node: root };
    for key in ["on", "jobs"] {
        if root.get(key).is_none_or(Node::is_null) {
            let misspelt = entries.iter().find_map(|(key, _)| misspelt(key, &OF_WORKFLOW));
            return misspelt.or_else(|| Some((root, format!("`{key}` is missing"))));
        }
    }
    wrong_key(root, &OF_WORKFLOW)
        .or_else(|| of_events(root.get("on")?))
        .or_else(|| workflow.jobs().find_map(|job| of_job(workflow, job)))
}

fn of_events(on: &Node) -> Option<(&Node, String)> {
    let events = events(on).into_iter().filter(|event| event != "workflow_call");
    let mut wrong = events.filter_map(|event| {
        let help = correction(&event)?;
        // An event that is new is no mistake.
        let is_near = help.starts_with("did you mean");
        is_near.then(|| (on, format!("`{}` is no event; {help}", one_line(&event))))
    });
    wrong.next()
}

fn of_job<'a>(workflow: Workflow<'a>, job: super::Job<'a>) -> Option<(&'a Node, String)> {
    let wrong = |what: &str| Some((job.key, format!("the job `{}` {what}", one_line(job.id))));
    if !matches!(job.node.content, Content::Map(_)) {
        return wrong("is no mapping");
    }
    if let Some(wrong) = wrong_key(job.node, &OF_JOB) {
        return Some(wrong);
    }
    if job.node.get("uses").is_none() {
        if job.node.get("runs-on").is_none() {
            return wrong("has no `runs-on`");
        }
        if job.steps().is_empty() {
            return wrong("has no `steps`");
        }
    }
    for need in job.needs() {
        if workflow.job(need).is_none() {
            let help = nearest(need, workflow.jobs().map(|job| job.id));
            let help = help.map_or(String::new(), |near| format!("; did you mean `{}`?", one_line(near)));
            let message = format!(
                "the job `{}` needs `{}`, which does not exist{help}",
                one_line(job.id),
                one_line(need)
            );
            return Some((job.node.get("needs")?, message));
        }
    }
    job.steps().into_iter().find_map(|step| {
        if let Some(wrong) = wrong_key(step.node, &OF_STEP) {
            return Some(wrong);
        }
        match (step.node.get("run"), step.node.get("uses")) {
            (None, None) => Some((step.node, "the step has neither `run` nor `uses`".to_owned())),
            (Some(_), Some(_)) => Some((step.node, "the step has both `run` and `uses`".to_owned())),
            _ => None,
        }
    })
}

fn wrong_key<'a>(node: &'a Node, known: &[&str]) -> Option<(&'a Node, String)> {
    node.entries().find_map(|(key, _)| misspelt(key, known))
}

/// Only if it is nearly a known one: keys are added over time.
fn misspelt<'a>(key: &'a Node, known: &[&str]) -> Option<(&'a Node, String)> {
    let name = key.text().filter(|name| !known.contains(name))?;
    let near = nearest(name, known.iter().copied())?;
    Some((key, format!("unknown key `{}`; did you mean `{near}`?", one_line(name))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml::parse;
    use proptest::prelude::*;

    const GOOD: &str = "on: [push, workflow_call]\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: ls\n  b:\n    needs: a\n    \
                        uses: ./.github/workflows/c.yml\n";

    #[test]
    fn a_mistake_is_found_at_its_place_and_a_workflow_without_one_has_none() {
        assert_eq!(mistake(&parse(GOOD).unwrap()), None);
        for (from, to, line, says) in [
            ("on: [push, workflow_call]", "name: x", 1, "`on` is missing"),
            ("jobs:", "job:", 2, "did you mean `jobs`"),
            ("push", "pussh", 1, "`pussh` is no event; did you mean `push`?"),
            ("    runs-on: x\n", "", 3, "the job `a` has no `runs-on`"),
            ("runs-on", "run-on", 4, "unknown key `run-on`; did you mean `runs-on`?"),
            (
                "needs: a",
                "needs: [c]",
                8,
                "the job `b` needs `c`, which does not exist",
            ),
            ("- run: ls", "- name: ls", 6, "neither `run` nor `uses`"),
            ("- run: ls", "- {run: ls, uses: a/b@v1}", 6, "both `run` and `uses`"),
            ("    steps:\n      - run: ls\n", "", 3, "the job `a` has no `steps`"),
        ] {
            let root = parse(&GOOD.replacen(from, to, 1)).unwrap();
            let (node, said) = mistake(&root).unwrap();
            assert!(
                said.contains(says) && node.place.line == line,
                "{to}: {} {said}",
                node.place.line
            );
        }
        let root = parse("just words").unwrap();
        assert_eq!(mistake(&root).unwrap().1, "the file is no mapping");
        // A key that is new is no mistake.
        let new = GOOD.replacen("- run: ls", "- {run: ls, an-entirely-new-key: 1}", 1);
        assert_eq!(mistake(&parse(&new).unwrap()), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(on|jobs|a|- |: |\\n|  |\\[|\\]|needs|steps|run){0,30}") {
            if let Ok(root) = parse(&text) {
                let _ = mistake(&root);
            }
        }
    }
}
