//! The text of a pull request that changes a workflow.

use super::{At, Change, Condition};
use crate::model::markdown::{code, fenced, inline};
use crate::model::text::one_line;

/// Why the change is made. Texts of others must have been redacted.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The address of the run, if it is known.
    pub run: Option<&'a str>,
    pub job: &'a str,
    pub step: Option<&'a str>,
    /// One sentence.
    pub cause: &'a str,
    /// Lines of the log, and their numbers.
    pub lines: &'a [(u64, &'a str)],
}

/// One change of a pull request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// One line of plain text, as of a commit.
    title: String,
    /// In Markdown.
    body: String,
}

/// The whole text: its first line is the title, also of a commit.
pub fn text(entries: &[Entry]) -> String {
    const UNDO: &str = "**How to undo it.** Revert the commit of this pull request.\n";
    match entries {
        [Entry { title, body }] => format!("{title}\n\n{body}\n{UNDO}"),
        several => {
            let each = several
                .iter()
                .map(|Entry { title, body }| format!("## {}\n\n{body}\n", inline(title)));
            let each: String = each.collect();
            format!("Fix {} workflow failures\n\n{each}{UNDO}", several.len())
        }
    }
}

impl Entry {
    /// `path` is the file that is changed, and `diff` the change as it is made there.
    pub fn new(change: &Change, path: &str, diff: &str, evidence: &Evidence<'_>) -> Self {
        let Evidence {
            run,
            job,
            step,
            cause,
            lines,
        } = evidence;
        let mut failed = format!("The job {}", code(job));
        if let Some(step) = step {
            failed.push_str(&format!(" failed in the step {}", code(step)));
        } else {
            failed.push_str(" failed");
        }
        if let Some(run) = run {
            failed.push_str(&format!(" in the run {}", link(run)));
        }
        let numbers = lines.iter().map(|(number, _)| number.to_string().len());
        let width = numbers.max().unwrap_or(0);
        let log: Vec<String> = lines
            .iter()
            .map(|(number, line)| format!("{number:>width$}: {}", one_line(line)))
            .collect();
        let log = match log.as_slice() {
            [] => String::new(),
            log => format!("\n\n{}", fenced(&log.join("\n"), "text")),
        };
        let (what, safe) = told(change, action(diff));
        let body = format!(
            "**Evidence.** {failed}.{log}\n\n**Cause.** {}\n\n**Change.** {what} {}\n\n**Why this is safe.** {safe} Nothing else in {} \
             changes: the old and the new file were parsed and compared.\n",
            inline(cause),
            added(action(diff)),
            code(path),
        );
        let file = path.rsplit('/').next().unwrap_or(path);
        Self {
            title: one_line(&format!("{file}: {}", subject(change))),
            body,
        }
    }
}

/// What a diff adds of an action: its name, and behind `@` what it is pinned to.
fn action(diff: &str) -> Option<&str> {
    let mut lines = diff.lines().filter_map(|line| line.strip_prefix('+'));
    lines.find_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("uses: "))
}

fn added(action: Option<&str>) -> String {
    let Some(action) = action else {
        return "No action is added.".to_owned();
    };
    let (named, note) = action.split_once(" #").unwrap_or((action, ""));
    let at = named.rsplit('@').next().unwrap_or_default();
    let is_commit = at.len() == 40 && at.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pin = match (is_commit, note.trim()) {
        (true, "") => "pinned to a commit".to_owned(),
        (true, note) => format!("pinned to the commit of {}", code(note)),
        (false, _) => "by its tag. To pin it, replace the tag with the commit of that release".to_owned(),
    };
    format!("This adds the third-party action {} {pin}.", code(named))
}

/// What the change does, in a few words.
fn subject(change: &Change) -> String {
    match change {
        Change::Only { at, condition } => match condition {
            Condition::Events(events) => format!("run {} only on {}", plain(at), events.join(" and ")),
            Condition::NotFork => format!("skip {} for pull requests from forks", plain(at)),
            Condition::NotDependabot => format!("skip {} for Dependabot", plain(at)),
        },
        Change::SkipGuard { at, names, .. } => format!("skip {} if {} is not set", plain(at), names.join(" or ")),
        Change::Trigger { from, to } => format!("start on {to} instead of {from}"),
        Change::Permission { job, scope, access, .. } => format!("grant {scope}: {} to {job}", access.as_str()),
        Change::FetchDepth(at) => format!("fetch the whole history in {}", plain(at)),
        Change::TimeLimit { at, minutes } => format!("raise the time limit of {} to {minutes} minutes", plain(at)),
        Change::Retry { at, .. } => format!("retry the script of {}", plain(at)),
        Change::SecretName { from, to, .. } => format!("read the secret {to} instead of {from}"),
    }
}

/// The job of a step, or the file itself.
fn plain(at: &At) -> &str {
    at.job.as_deref().unwrap_or("the action")
}

fn told(change: &Change, action: Option<&str>) -> (String, String) {
    match change {
        Change::Only { at, condition } => (
            format!("{} only runs if {} holds.", capital(&object(at)), code(&condition.expression())),
            "Runs in which the condition holds work as before. In other runs, this part is skipped instead of failing.".to_owned(),
        ),
        Change::SkipGuard { at, names, .. } => {
            let names: Vec<String> = names.iter().map(|name| code(name)).collect();
            let names = names.join(", ");
            (
                format!("A new {} runs `stageproof skip-guard`, which checks {names}{}. If a value is missing, the rest of the job is \
                         skipped, with the reason. Steps that clean up after earlier steps still run.", object(at), moved(at)),
                "If all values are set, the job works as before. If a person starts the run, a missing value still fails it. The guard \
                 reads no value into the log, and needs no permission.".to_owned(),
            )
        }
        Change::Trigger { from, to } => (
            format!("The event {} starts the workflow, instead of {}.", code(to), code(from)),
            "No job or step changes, only when they run. If this workflow is a required check, make sure that it still runs for \
             pull requests.".to_owned(),
        ),
        Change::Permission { job, scope, access, .. } => (
            format!("The token of the job {} gets the permission {}.", code(job), code(&format!("{scope}: {}", access.as_str()))),
            "Only this job gets the permission, and it keeps those it has. Runs from forks still get a token that only reads.".to_owned(),
        ),
        Change::FetchDepth(_) => (
            "The checkout fetches the whole history and all tags.".to_owned(),
            "The checked-out files are the same. In a large repository, the checkout takes longer.".to_owned(),
        ),
        Change::TimeLimit { at, minutes } => (
            format!("The time limit of {} is {minutes} minutes.", object(at)),
            "What ends within the old limit works as before. A step that hangs is ended later.".to_owned(),
        ),
        Change::Retry { at, retries, .. } => (
            {
                let what = format!("If the script of {} fails, `stageproof heartbeat` runs it again, at most {retries} times.", object(at));
                match action {
                    Some(_) => format!("{what} A new {} installs it{}.", object(at), moved(at)),
                    None => what,
                }
            },
            "A script that succeeds runs once, as before. A retry starts the script again at its first line, so merge this only if \
             running it twice does no harm. Its log is kept in the folder `artifacts`.".to_owned(),
        ),
        Change::SecretName { job, from, to } => (
            format!("The job {} reads the secret {} instead of {}.", code(job), code(to), code(from)),
            "Other jobs do not change. The secret's value is not part of the workflow.".to_owned(),
        ),
    }
}

/// As an address, if it can be nothing else.
fn link(address: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":/.-_#".contains(c);
    match address.starts_with("https://") && address.chars().all(is_plain) {
        true => address.to_owned(),
        false => code(address),
    }
}

/// As the beginning of a sentence.
fn capital(text: &str) -> String {
    let first = text.chars().next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(text.chars().skip(1)).collect()
}

/// What becomes of a step with a new one in its place.
fn moved(at: &At) -> String {
    let number = at.step.map_or(1, |index| index + 1);
    format!("; the old step {number} becomes step {}", number + 1)
}

fn object(at: &At) -> String {
    let step = at.step.map(|index| format!("step {}", index + 1));
    match (step, &at.job) {
        (Some(step), Some(job)) => format!("{step} of the job {}", code(job)),
        (Some(step), None) => format!("{step} of the action"),
        (None, job) => format!("the job {}", code(job.as_deref().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workflow::Access;

    /// `INSTA_UPDATE=always cargo test --lib -- patch` writes them again.
    fn snapshot(name: &str, text: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }

    #[test]
    fn a_pull_request_says_why_what_and_how_to_undo_it() {
        let change = Change::FetchDepth(At::step("a", 1));
        let diff = "+        with:\n+          fetch-depth: 0\n";
        let evidence = Evidence {
            run: Some("https://github.com/o/r/actions/runs/1"),
            job: "a",
            step: Some("Run `git describe`"),
            cause: "No tag was fetched, says @ada in <b>[x](y)</b>.",
            lines: &[(9, "fatal: No names found"), (10, "```\u{1b}[31m")],
        };
        let one = Entry::new(&change, ".github/workflows/x.yml", diff, &evidence);
        let guard = Change::SkipGuard {
            at: At::step("deploy", 1),
            names: vec!["TOKEN".to_owned()],
            pin: None,
        };
        let diff = "+      - id: guard\n+        uses: stageproof/stageproof@v0.1.0\n";
        let other = Entry::new(&guard, ".github/workflows/y.yml", diff, &evidence);
        snapshot("pull-request", &text(std::slice::from_ref(&one)));
        snapshot("pull-request-of-several", &text(&[one, other]));
    }

    #[test]
    fn each_change_has_a_sentence_of_its_own() {
        let (at, step) = (At::job("a"), At::step("a", 1));
        let own = |text: &str| text.to_owned();
        let changes = [
            Change::Only {
                at: at.clone(),
                condition: Condition::NotDependabot,
            },
            Change::Only {
                at: At {
                    job: None,
                    ..step.clone()
                },
                condition: Condition::NotFork,
            },
            Change::SkipGuard {
                at: step.clone(),
                names: vec![own("A"), own("B")],
                pin: None,
            },
            Change::Trigger {
                from: own("push"),
                to: own("pull_request"),
            },
            Change::Permission {
                job: own("a"),
                scope: own("packages"),
                access: Access::Write,
                granted: None,
            },
            Change::TimeLimit { at, minutes: 30 },
            Change::Retry {
                at: step.clone(),
                retries: 2,
                pin: None,
            },
            Change::SecretName {
                job: own("a"),
                from: own("A"),
                to: own("B"),
            },
        ];
        let evidence = Evidence {
            run: None,
            job: "a",
            step: None,
            cause: "",
            lines: &[],
        };
        let sections = changes.iter().map(|change| {
            let diff = match change {
                Change::Retry { .. } => {
                    "+      - uses: stageproof/stageproof@0123456789012345678901234567890123456789 # v1\n"
                }
                Change::SkipGuard { .. } => "+        uses: stageproof/stageproof@v1\n",
                _ => "",
            };
            let Entry { title, body } = Entry::new(change, "x.yml", diff, &evidence);
            let (_, rest) = body.split_once("**Change.** ").unwrap();
            let (rest, _) = rest.split_once(" Nothing else in").unwrap();
            format!("{title}\n  {}", rest.replace("\n\n**Why this is safe.** ", "\n  "))
        });
        snapshot("pull-request-sentences", &sections.collect::<Vec<_>>().join("\n"));
    }
}
