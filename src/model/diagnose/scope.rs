//! Which permission of the token a refused request to GitHub needs.

use super::fix::Fix;
use super::log::{Log, Step};
use super::select::Candidate;
use crate::model::workflow::Access;
use crate::model::workflow::patch::may_name_permission;

/// Lines before and after the refusal that tell which request it was: an error of octokit is printed with its request.
const NEAR: usize = 40;

/// Parts of what the log says about the request or the step, and the scope. The first that is there counts.
const SIGNS: [(&str, &str); 63] = [
    // Mutations that gh names: `GraphQL: Resource not accessible by integration (addComment)`
    ("(addComment)", "issues"),
    ("(addLabelsToLabelable)", "issues"),
    ("(createIssue)", "issues"),
    ("(createPullRequest)", "pull-requests"),
    ("(addPullRequestReview)", "pull-requests"),
    ("(mergePullRequest)", "contents"),
    ("(createCommitOnBranch)", "contents"),
    ("rest/pages/", "pages"),
    ("rest/checks/", "checks"),
    ("rest/commits/statuses", "statuses"),
    ("rest/deployments/", "deployments"),
    ("rest/code-scanning/", "security-events"),
    ("rest/actions/", "actions"),
    ("rest/packages/", "packages"),
    ("rest/pulls/", "pull-requests"),
    ("rest/issues/", "issues"),
    ("rest/releases/", "contents"),
    ("rest/git/", "contents"),
    ("rest/repos/", "contents"),
    ("rest/branches/", "contents"),
    ("rest/reactions/", "issues"),
    ("rest/users/attestations", "attestations"),
    ("rest/dependency-graph/", "contents"),
    ("/attestations", "attestations"),
    ("/actions/workflows/", "actions"),
    ("/actions/runs/", "actions"),
    ("/pages/", "pages"),
    ("/check-runs", "checks"),
    ("/code-scanning/", "security-events"),
    ("/statuses/", "statuses"),
    ("/deployments", "deployments"),
    ("/git/refs", "contents"),
    ("/contents/", "contents"),
    ("/dispatches", "contents"),
    ("/releases", "contents"),
    ("/issues/", "issues"),
    ("/pulls/", "pull-requests"),
    ("gh pr ", "pull-requests"),
    ("gh issue ", "issues"),
    ("gh release ", "contents"),
    ("gh workflow run", "actions"),
    ("codeql-action/", "security-events"),
    ("paths-filter", "pull-requests"),
    ("actions/labeler", "pull-requests"),
    ("pull-request", "pull-requests"),
    ("actions/stale", "issues"),
    ("deploy-pages", "pages"),
    ("test-report", "checks"),
    ("unit-test-result", "checks"),
    ("gh-release", "contents"),
    ("release-action", "contents"),
    ("create-release", "contents"),
    ("release-please", "contents"),
    ("git-auto-commit", "contents"),
    ("changesets/action", "pull-requests"),
    ("auto-approve", "pull-requests"),
    ("junit-report", "checks"),
    ("cancel-workflow", "actions"),
    ("first-interaction", "issues"),
    ("attest", "attestations"),
    ("gh run ", "actions"),
    ("bobheadxi/deployments", "deployments"),
    ("comment", "issues"),
];

/// The permission, and whether GitHub itself names it. Nothing, if the log does not tell it.
pub fn needed(log: &Log, refusal: Candidate<'_>) -> Option<(Fix, bool)> {
    let step = &log.steps[refusal.step];
    let lines = step.body.lines().len();
    let near = refusal.index.saturating_sub(NEAR)..(refusal.index + NEAR).min(lines);
    let near: Vec<_> = near.map(|index| String::from_utf8_lossy(step.body.at(index))).collect();
    let all = near.join("\n");
    // The token of a job can create no site, whatever it may do.
    if all.contains("Create Pages site failed") {
        return None;
    }
    let told = accepted(&all, log).or_else(|| named(&all));
    let is_told = told.is_some();
    let (scope, level) = told.or_else(|| {
        let said = std::iter::once(&step.title).chain(&step.header.script);
        let said = said.map(String::as_str).collect::<Vec<_>>().join("\n");
        let (sign, scope) = SIGNS
            .iter()
            .find(|(sign, _)| all.contains(sign) || said.contains(sign))?;
        let asks = ["get-", "list-"].iter().any(|verb| {
            let mut rest = all.split(sign).skip(1);
            rest.any(|rest| rest.split_once('#').is_some_and(|(_, anchor)| anchor.starts_with(verb)))
        });
        let reads = asks || *sign == "paths-filter";
        let scope = if *scope == "issues" && is_pull_request(log, step) {
            "pull-requests"
        } else {
            *scope
        };
        Some((scope.to_owned(), if reads { Access::Read } else { Access::Write }))
    })?;
    may_name_permission(&scope, level).then_some((Fix::Permission { scope, level }, is_told))
}

/// GitHub's own answer: `'x-accepted-github-permissions': 'issues=write; pull_requests=write'`.
fn accepted(all: &str, log: &Log) -> Option<(String, Access)> {
    let (_, rest) = all.split_once("x-accepted-github-permissions")?;
    let value = rest.trim_start_matches(['\'', '"', ':', ' ']);
    let value = value.split(['\'', '"', '\n']).next()?;
    let each: Vec<_> = value
        .split([';', ','])
        .filter_map(|one| one.trim().split_once('='))
        .collect();
    let of_pull_request = each
        .iter()
        .find(|(scope, _)| *scope == "pull_requests" && log.steps.iter().any(|step| is_pull_request(log, step)));
    let (scope, level) = of_pull_request.or(each.first())?;
    Some((scope.replace('_', "-"), access(level)?))
}

/// `Ensure GITHUB_TOKEN has permission "pages: write"`
fn named(all: &str) -> Option<(String, Access)> {
    let mut pairs = all.split(['"', '\'', '`']).filter_map(|part| part.split_once(": "));
    pairs.find_map(|(scope, level)| {
        let level = access(level)?;
        may_name_permission(scope, level).then(|| (scope.to_owned(), level))
    })
}

fn access(level: &str) -> Option<Access> {
    match level {
        "read" => Some(Access::Read),
        "write" => Some(Access::Write),
        _ => None,
    }
}

/// The run is of a pull request: its checkout fetched `refs/pull/8/merge`, or the step speaks of one.
fn is_pull_request(log: &Log, step: &Step) -> bool {
    let of_step = std::iter::once(&step.title).chain(&step.header.script);
    of_step
        .clone()
        .any(|line| line.contains("pull") || line.contains("gh pr "))
        || log.steps.iter().any(|step| {
            let bytes = step.body.bytes();
            [&b"refs/remotes/pull/"[..], b"refs/pull/"]
                .iter()
                .any(|part| memchr::memmem::find(bytes, part).is_some())
        })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{of, step};
    use super::super::{Confidence, Diagnosis};

    fn refused(title: &str, body: &str) -> Diagnosis {
        of(&step(
            title,
            "",
            &format!("{body}\n##[error]HttpError: Resource not accessible by integration\n"),
        ))
    }

    fn needed(title: &str, body: &str) -> Option<String> {
        refused(title, body).fix.map(|fix| fix.to_string())
    }

    #[test]
    fn a_refusal_names_the_permission_that_it_needs() {
        for (title, body, expected) in [
            (
                "./a",
                "'x-accepted-github-permissions': 'issues=write; pull_requests=write',",
                "issues: write",
            ),
            (
                "./pull",
                "'x-accepted-github-permissions': 'issues=write; pull_requests=write',",
                "pull-requests: write",
            ),
            (
                "./a",
                "Ensure GITHUB_TOKEN has permission \"pages: write\".",
                "pages: write",
            ),
            (
                "./a",
                "https://docs.github.com/rest/checks/runs#create-a-check-run",
                "checks: write",
            ),
            (
                "./a",
                "https://docs.github.com/rest/actions/workflow-runs#get-a-workflow-run",
                "actions: read",
            ),
            ("gh pr comment 3", "", "pull-requests: write"),
            (
                "gh pr comment 3",
                "GraphQL: Resource not accessible by integration (addComment)",
                "pull-requests: write",
            ),
            (
                "gh issue comment 3",
                "GraphQL: Resource not accessible by integration (addComment)",
                "issues: write",
            ),
            ("gh api repos/a/b/issues/8/labels", "", "issues: write"),
            ("softprops/action-gh-release@v2", "", "contents: write"),
        ] {
            let found = needed(title, body).unwrap_or_default();
            assert!(
                found.starts_with(&format!("add {expected} to")),
                "{title} {body}: {found}"
            );
        }
        assert_eq!(needed("./a", ""), None);
        assert_eq!(
            needed("./a", "Create Pages site failed. rest/pages/pages#create-a-site"),
            None
        );
    }

    #[test]
    fn only_what_github_names_is_sure() {
        let told = refused("./a", "'x-accepted-github-permissions': 'checks=write',");
        assert_eq!(told.confidence, Confidence::Sure);
        assert_eq!(refused("gh pr comment 3", "").confidence, Confidence::Likely);
    }
}
