//! Whether the pull request's text names the log.
//!
//! The path says where to look, the hash which file it was; either will do. Only what is seen counts (`visible`).

use serde_json::Value;

use super::Rules;
use super::visible::visible;
use crate::model::text::one_line;
use crate::model::{Ended, Finding};
use crate::world::Runner;

/// Events whose payload holds a pull request's text (docs.github.com, "Webhook events and payloads").
const EVENTS: [&str; 2] = ["pull_request", "pull_request_target"];

/// What the event says about the pull request that started the run. `None` if none did, or if there is no event file, as
/// outside of GitHub's own runner.
pub fn of_event(runner: &Runner) -> Result<Option<&Value>, String> {
    let is_one = runner.event_name.as_deref().is_some_and(|name| EVENTS.contains(&name));
    if !is_one || runner.event_path.is_none() {
        return Ok(None);
    }
    let payload = runner
        .event()
        .map_err(|error| format!("the event cannot be read: {error}"))?;
    Ok(payload.get("pull_request"))
}

pub fn look(runner: &Runner, rules: &Rules, sha256: &str) -> Ended {
    let errored = |cause: String| {
        Ended::with_help(
            cause,
            "use --in-pr-body only in workflows started by pull_request or pull_request_target",
        )
    };
    let event = runner
        .event_name
        .as_deref()
        .unwrap_or("unknown, as GITHUB_EVENT_NAME is not set");
    if !EVENTS.contains(&event) {
        return errored(format!(
            "the event is {}, which has no pull request text",
            one_line(event)
        ));
    }
    if runner.event_path.is_none() {
        return errored("the event cannot be read: GITHUB_EVENT_PATH is not set".to_owned());
    }
    let request = match of_event(runner) {
        Ok(request) => request.unwrap_or(&Value::Null),
        Err(cause) => return errored(cause),
    };
    let body = match request.get("body") {
        // An empty text arrives as null.
        Some(Value::Null) => "",
        Some(Value::String(body)) => body,
        _ => return errored("the event's payload does not hold the pull request's text".to_owned()),
    };
    let seen = visible(body);
    if names(&seen, &rules.place) || names(&seen.to_ascii_lowercase(), sha256) {
        return Ended::Looked(Vec::new());
    }
    let message = format!("the pull request's text shows neither `{}` nor {sha256}", rules.place);
    Ended::Looked(vec![
        Finding::error("not-in-pull-request", message)
            .help(
                "add one of them as visible text, not in a comment. A workflow sees an edited text only if \
                 `types` of its pull_request event includes `edited`; a re-run sees the old text",
            )
            .at(rules.place.clone(), None),
    ])
}

/// Whether the path stands in it, whole: not as a part of a longer name. In front of it there may be more of a URL.
fn names(text: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    !path.is_empty()
        && text.match_indices(path).any(|(at, _)| {
            let mut after = text[at + path.len()..].chars();
            let goes_on = match after.next() {
                Some('.') => after.next().is_some_and(part),
                Some(c) => part(c) || c == '/',
                None => false,
            };
            let before = &text[..at];
            let word = before
                .rsplit(|c: char| c.is_whitespace() || "()[]<>`'\"".contains(c))
                .next()
                .unwrap_or_default();
            let begins = match before.chars().next_back() {
                // A folder above it makes it another file.
                Some('/') => word == "./" || word.contains("://"),
                Some(c) => !part(c) && c != '.',
                None => true,
            };
            begins && !goes_on
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_named_whole_and_where_it_is_seen() {
        let path = "artifacts/heartbeat.log";
        for yes in [
            "artifacts/heartbeat.log",
            "see `artifacts/heartbeat.log`.",
            "see artifacts/heartbeat.log.",
            "[log](https://github.com/a/b/blob/c/artifacts/heartbeat.log#L3)",
            "<!-- template --> ./artifacts/heartbeat.log\r\n",
        ] {
            assert!(names(&visible(yes), path), "{yes}");
        }
        for no in [
            "",
            "artifacts/heartbeat.log.old",
            "artifacts/heartbeat.log/x",
            "my-artifacts/heartbeat.log",
            "see old/artifacts/heartbeat.log",
            "/artifacts/heartbeat.log",
            "artifacts/heartbeat.logs",
            "<!-- artifacts/heartbeat.log -->",
            "<!-- artifacts/heartbeat.log",
        ] {
            assert!(!names(&visible(no), path), "{no}");
        }
    }
}
