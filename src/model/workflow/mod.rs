//! A workflow or an action as GitHub reads it, on top of the tree that knows its places (`yaml`). Everything here is a
//! view: what a view lacks is one `node.get` away.

pub mod event;
pub mod expression;
pub mod invalid;
pub mod patch;
mod permissions;
pub mod reference;
pub mod script;
pub mod secrets;
pub mod written;

pub use permissions::{Access, Permissions};

use super::yaml::Node;

/// A file of `.github/workflows`.
#[derive(Clone, Copy, Debug)]
pub struct Workflow<'a> {
    pub node: &'a Node,
}

/// One job of a workflow.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    pub id: &'a str,
    /// Its key, which is its place.
    pub key: &'a Node,
    pub node: &'a Node,
}

/// One step of a job or of a composite action.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub node: &'a Node,
    /// Counted from 0.
    pub index: usize,
}

impl<'a> Workflow<'a> {
    /// `None` if it has no jobs, and so is something else.
    pub fn of(node: &'a Node) -> Option<Self> {
        node.get("jobs").map(|_| Self { node })
    }

    pub fn jobs(self) -> impl Iterator<Item = Job<'a>> {
        let jobs = self.node.get("jobs").into_iter().flat_map(Node::entries);
        jobs.filter_map(|(key, node)| {
            Some(Job {
                id: key.text()?,
                key,
                node,
            })
        })
    }

    pub fn job(self, id: &str) -> Option<Job<'a>> {
        self.jobs().find(|job| job.id.eq_ignore_ascii_case(id))
    }

    pub fn permissions(self) -> Permissions<'a> {
        Permissions::of(self.node.get("permissions"))
    }
}

impl<'a> Job<'a> {
    pub fn steps(self) -> Vec<Step<'a>> {
        steps(self.node.get("steps"))
    }

    /// The jobs it waits for.
    pub fn needs(self) -> Vec<&'a str> {
        match self.node.get("needs") {
            Some(needs) => needs
                .text()
                .into_iter()
                .chain(needs.items().iter().filter_map(Node::text))
                .collect(),
            None => Vec::new(),
        }
    }

    /// The environment it names, where it is not only named for its secrets.
    pub fn environment(self) -> Option<&'a Node> {
        let environment = self.node.get("environment")?;
        let deploys = environment.get("deployment").and_then(Node::text) != Some("false");
        let name = environment.get("name").or(Some(environment))?;
        (deploys && name.text().is_some_and(|text| !text.trim().is_empty())).then_some(name)
    }

    /// Its own permissions, or those of its workflow.
    pub fn permissions(self, workflow: Workflow<'a>) -> Permissions<'a> {
        match Permissions::of(self.node.get("permissions")) {
            Permissions::Unset => workflow.permissions(),
            own => own,
        }
    }

    /// Its time limit in minutes, if it is a plain number.
    pub fn minutes(self) -> Option<(&'a Node, f64)> {
        minutes(self.node)
    }
}

impl<'a> Step<'a> {
    pub fn id(self) -> Option<&'a str> {
        self.text("id")
    }

    /// As the log calls it, more or less.
    pub fn name(self) -> String {
        match self.text("name").or_else(|| self.id()) {
            Some(name) => format!("`{name}`"),
            None => format!("{}", self.index + 1),
        }
    }

    pub fn text(self, key: &str) -> Option<&'a str> {
        self.node.get(key).and_then(Node::text)
    }

    /// Names and values of its inputs.
    pub fn inputs(self) -> impl Iterator<Item = (&'a Node, &'a Node)> {
        self.node.get("with").into_iter().flat_map(Node::entries)
    }

    /// Whether its failure is allowed, or may be.
    pub fn may_fail(self) -> bool {
        self.text("continue-on-error").is_some_and(|text| text != "false")
    }

    /// Its time limit in minutes, if it is a plain number.
    pub fn minutes(self) -> Option<(&'a Node, f64)> {
        minutes(self.node)
    }
}

fn minutes(node: &Node) -> Option<(&Node, f64)> {
    let limit = node.get("timeout-minutes")?;
    let minutes = limit.text()?.parse().ok().filter(|minutes: &f64| minutes.is_finite())?;
    Some((limit, minutes))
}

fn steps(list: Option<&Node>) -> Vec<Step<'_>> {
    let items = list.map_or(&[][..], Node::items);
    let steps = items.iter().enumerate();
    steps.map(|(index, node)| Step { node, index }).collect()
}

/// The steps of a composite action; `None` if it is no composite action.
pub fn composite_steps(action: &Node) -> Option<Vec<Step<'_>>> {
    let runs = action.get("runs")?;
    let is_composite = runs.get("using").and_then(Node::text) == Some("composite");
    is_composite.then(|| steps(runs.get("steps")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;

    #[test]
    fn a_workflow_is_read_as_github_reads_it() {
        let text = "on: push\npermissions: {}\njobs:\n  one:\n    environment: {name: staging, deployment: false}\n    timeout-minutes: 5\n    \
                    steps:\n      - id: a\n        uses: x/y@v1\n        with: {k: v}\n      - run: ls\n        continue-on-error: true\n  \
                    two:\n    needs: [one]\n    environment: qa\n    permissions: {contents: read}\n  three: {needs: two}\n";
        let root = yaml::parse(text).unwrap();
        let workflow = Workflow::of(&root).unwrap();
        let [one, two, three] = [0, 1, 2].map(|n| workflow.jobs().nth(n).unwrap());
        assert_eq!(
            (one.needs(), two.needs(), three.needs()),
            (vec![], vec!["one"], vec!["two"])
        );
        assert!(one.environment().is_none());
        assert_eq!(two.environment().unwrap().text(), Some("qa"));
        assert_eq!(one.minutes().unwrap().1, 5.0);
        assert_eq!(one.permissions(workflow).has("contents", Access::Read), Some(false));
        assert_eq!(two.permissions(workflow).has("contents", Access::Read), Some(true));
        let steps = one.steps();
        assert_eq!((steps[0].name(), steps[1].name()), ("`a`".to_owned(), "2".to_owned()));
        assert!(!steps[0].may_fail() && steps[1].may_fail());
        assert_eq!(steps[0].inputs().count(), 1);
        assert!(Workflow::of(&yaml::parse("runs: {}").unwrap()).is_none());
    }
}
