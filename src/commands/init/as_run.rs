//! The repository's own command, as its workflows run it.

use super::aim::{self, Aim};
use super::platforms::{Command, Deploy};
use super::settings::{is_plain, may_be_set, that_run};
use super::workflows::Workflows;

/// Gives the command the variables and the arguments with which a workflow runs it: without them, many a script deploys to
/// production.
pub fn as_run(deploy: &mut Deploy, workflows: &Workflows) {
    let Some(own) = &deploy.own else { return };
    let Some((path, steps)) = that_run(own, workflows) else {
        return;
    };
    let mut runs = steps.iter().filter_map(|(step, aim)| Some((step.around(own)?, *aim)));
    let Some(((before, behind), step_aim)) = runs.next() else {
        return;
    };
    let command = &mut deploy.command;
    let Some(text) = with_words(&command.text, own, before, behind) else {
        command.change = Some(format!("add the variables and arguments with which {path} runs it"));
        return;
    };
    let says = aim::of(&text, &workflows.environment);
    if says == Aim::Wanted || (says == Aim::Unsaid && step_aim == Aim::Wanted) {
        *command = Command::known(text);
    } else if says == Aim::Unsaid && !behind.trim().is_empty() {
        command.text = text;
    }
}

/// `None` if there is more than plain words around it, which are not copied.
fn with_words(command: &str, own: &str, before: &str, behind: &str) -> Option<String> {
    let (prepare, last) = match command.rsplit_once("&& ") {
        Some((prepare, last)) => (format!("{prepare}&& "), last),
        None => (String::new(), command),
    };
    let call = &last[..last.find(own)? + own.len()];
    let mut words: Vec<&str> = Vec::new();
    for word in before.split_whitespace() {
        match word.split_once('=') {
            Some((name, value)) if may_be_set(name) && is_plain(value) => words.push(word),
            // How it is started is known.
            _ if matches!(word, "./" | "bash" | "sh" | "corepack") => {}
            _ => return None,
        }
    }
    words.push(call);
    for word in behind.split_whitespace().take_while(|word| !word.starts_with('#')) {
        let bare = ['"', '\'']
            .iter()
            .find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
        let bare = bare.unwrap_or(word);
        words.push(is_plain(bare).then_some(bare)?);
    }
    Some(prepare + &words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_words_that_a_workflow_gives_it() {
        for (command, own, before, behind, expected) in [
            (
                "./a/deploy.sh",
                "a/deploy.sh",
                "./",
                " staging",
                Some("./a/deploy.sh staging"),
            ),
            (
                "bash d.sh staging",
                "d.sh",
                "  TO=eu bash ",
                " 'stg' -v # x",
                Some("TO=eu bash d.sh stg -v"),
            ),
            (
                "npm ci && npm run deploy",
                "npm run deploy",
                "",
                " -- --to=stg",
                Some("npm ci && npm run deploy -- --to=stg"),
            ),
            ("./deploy.sh", "deploy.sh", "./", " $TARGET", None),
            ("./deploy.sh", "deploy.sh", "./", " \"a b\"", None),
            ("./deploy.sh", "deploy.sh", "LD_PRELOAD=x ./", "", None),
            ("./deploy.sh", "deploy.sh", "sudo ./", " staging", None),
        ] {
            assert_eq!(
                with_words(command, own, before, behind).as_deref(),
                expected,
                "{before}{behind}"
            );
        }
    }
}
