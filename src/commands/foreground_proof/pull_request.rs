//! Whether the pull request's text names the log.
//!
//! The path says where to look, the hash which file it was; either will do. What stands in a comment (`<!-- … -->`) does not
//! count: nobody sees it, and templates are full of them.

use super::Rules;
use crate::model::text::one_line;
use crate::model::{Ended, Finding};
use crate::world::Runner;

/// Events whose payload holds a pull request's text (docs.github.com, "Webhook events and payloads").
const EVENTS: [&str; 2] = ["pull_request", "pull_request_target"];

pub fn look(runner: &Runner, rules: &Rules, sha256: &str) -> Ended {
    let errored = |cause: String| Ended::Errored {
        cause,
        help: Some(
            "ask for --in-pr-body only in a workflow that pull_request or pull_request_target starts".to_owned(),
        ),
    };
    let event = runner
        .event_name
        .as_deref()
        .unwrap_or("unknown, as GITHUB_EVENT_NAME is not set");
    if !EVENTS.contains(&event) {
        return errored(format!(
            "the event is {}, which has no pull request's text",
            one_line(event)
        ));
    }
    let payload = match runner.event() {
        Ok(payload) => payload,
        Err(error) => return errored(format!("the event cannot be read: {error}")),
    };
    let body = match payload.pointer("/pull_request/body") {
        // An empty text arrives as null.
        Some(serde_json::Value::Null) => "",
        Some(serde_json::Value::String(body)) => body,
        _ => return errored("the event's payload does not hold the pull request's text".to_owned()),
    };
    let seen = without_comments(body);
    if names(&seen, &rules.place) || seen.to_ascii_lowercase().contains(sha256) {
        return Ended::Looked(Vec::new());
    }
    let message = format!("the pull request's text holds neither `{}` nor {sha256}", rules.place);
    Ended::Looked(vec![
        Finding::error("not-in-pull-request", message)
            .help(
                "write one of them into it. A workflow sees an edited text only if `types` of its pull_request event has \
                 `edited`; running it again shows it the old one",
            )
            .at(rules.place.clone(), None),
    ])
}

fn without_comments(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some((before, comment)) = rest.split_once("<!--") {
        out.push_str(before);
        // Without an end it goes on to the end of the text.
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
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
            assert!(names(&without_comments(yes), path), "{yes}");
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
            assert!(!names(&without_comments(no), path), "{no}");
        }
    }
}
