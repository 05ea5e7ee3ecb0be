//! Secrets that a workflow names, and names that are nearly the same.

use super::Job;
use super::expression::{condition, insides, named};
use crate::model::yaml::Node;

/// A word of a name with less letters may be another word, and not misspelt.
const SHORTEST_WORD: usize = 4;

/// The secret that a variable or input of a step holds, and nothing else: `TOKEN: ${{ secrets.TOKEN }}`. Names of inputs are
/// in any case.
pub fn held_by<'a>(name: &str, step: &'a Node, job: Job<'a>) -> Option<String> {
    let maps = [step.get("env"), step.get("with"), job.node.get("env")];
    let mut entries = maps.into_iter().flatten().flat_map(Node::entries);
    let (_, value) = entries.find(|(key, _)| key.text().is_some_and(|key| key.eq_ignore_ascii_case(name)))?;
    let text = value.text()?.trim();
    let inside = condition(text).trim();
    let secret = of_expression(inside).pop()?;
    let is_alone = inside.len() < text.len() && inside.len() == "secrets.".len() + secret.len();
    is_alone.then_some(secret)
}

/// Each secret that a job names in its expressions, in upper case.
pub fn of_job(job: Job<'_>) -> Vec<String> {
    let texts = job.node.scalars().into_iter().filter_map(Node::text);
    let mut all: Vec<String> = texts.flat_map(insides).flat_map(of_expression).collect();
    all.iter_mut().for_each(|name| name.make_ascii_uppercase());
    all.sort();
    all.dedup();
    all
}

/// The environment whose secrets a job has besides those of the repository.
pub fn environment(job: Job<'_>) -> Option<&str> {
    let environment = job.node.get("environment")?;
    let name = environment.get("name").unwrap_or(environment).text()?;
    (!name.is_empty()).then_some(name)
}

fn of_expression(expression: &str) -> Vec<String> {
    let all = named(expression, false).into_iter();
    let secrets = all.filter_map(|named| match named.parts.as_slice() {
        [context, name, ..] if context.eq_ignore_ascii_case("secrets") => Some(name.clone()),
        _ => None,
    });
    secrets.collect()
}

/// Whether one name can only be the other one misspelt: an underscore too many or too few, or one slip in a long word.
/// `KEY_1` and `KEY_2`, `SERVERA_KEY` and `SERVERB_KEY`, or `SERVER_KEY` and `SERVERA_KEY`, may well be two.
pub fn is_misspelt(name: &str, of: &str) -> bool {
    let (name, of) = (name.to_ascii_uppercase(), of.to_ascii_uppercase());
    let bare = |name: &str| name.replace('_', "");
    if name == of {
        return false;
    }
    if bare(&name) == bare(&of) {
        return true;
    }
    if name.matches('_').count() != of.matches('_').count() {
        return false;
    }
    let mut different = name.split('_').zip(of.split('_')).filter(|(one, other)| one != other);
    let (Some((one, other)), None) = (different.next(), different.next()) else {
        return false;
    };
    let is_word = |word: &str| word.len() >= SHORTEST_WORD && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word(one) && is_word(other) && is_slip(one.as_bytes(), other.as_bytes())
}

/// Whether a letter is missing inside the word, is doubled or not doubled, or is swapped with the next one.
fn is_slip(word: &[u8], of: &[u8]) -> bool {
    let start = word.iter().zip(of).take_while(|(one, other)| one == other).count();
    let Some(last) = start.checked_sub(1).map(|last| of[last]) else {
        return false;
    };
    match (&word[start..], &of[start..]) {
        (rest, [missing, of @ ..]) if rest == of => !rest.is_empty() || *missing == last,
        ([extra, rest @ ..], of) if rest == of => *extra == last,
        ([a, b, rest @ ..], [c, d, of @ ..]) => (a, b) == (d, c) && rest == of,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Workflow;
    use super::*;
    use crate::model::yaml;
    use proptest::prelude::*;

    #[test]
    fn only_what_can_be_nothing_else_is_misspelt() {
        for (name, of) in [
            ("DEPLOY_TOKN", "DEPLOY_TOKEN"),
            ("deploy_tokne", "DEPLOY_TOKEN"),
            ("DEPLOYTOKEN", "DEPLOY_TOKEN"),
            ("KUBERNTES_KEYS", "KUBERNETES_KEYS"),
            ("DEPLLOY_TOKENN", "DEPLOY_TOKENN"),
            ("ACCES_KEY", "ACCESS_KEY"),
            ("AWS_ACCESS_KEY_I_D", "AWS_ACCESS_KEY_ID"),
        ] {
            assert!(is_misspelt(name, of), "{name} {of}");
        }
        for (name, of) in [
            ("DEPLOY_TOKEN", "deploy_token"),
            ("KEY_1", "KEY_2"),
            ("TOKEN1", "TOKEN2"),
            ("DEV_URL", "DEP_URL"),
            ("TEST_URL", "BEST_URL"),
            ("STAGING_TOKEN", "PRODUCTION_TOKEN"),
            ("DEPLOY_TOKEN", "DEPLOY_KEY"),
            ("DEPLOY_TOKN", "DEPLY_TOKEN"),
            ("SERVERA_KEY", "SERVERB_KEY"),
            ("SERVER_KEY", "SERVERA_KEY"),
            ("SERVERA_KEY", "SERVER_KEY"),
            ("NODEA_TOKEN", "NODEB_TOKEN"),
            ("MAIN_TOKEN", "MAIL_TOKEN"),
            ("PLANT_KEY", "PLAT_KEY"),
            ("", "A"),
        ] {
            assert!(!is_misspelt(name, of), "{name} {of}");
        }
    }

    #[test]
    fn a_secret_is_found_where_it_is_the_whole_value() {
        let text = "jobs:\n  a:\n    environment: {name: qa}\n    env: {TOP: '${{ secrets.TOP }}'}\n    steps:\n      - uses: x/y@v1\n        \
                    with:\n          token: ${{ secrets.A_TOKN }}\n          both: x${{ secrets.B }}\n          either: ${{ secrets.C || '' \
                    }}\n          plain: v\n";
        let root = yaml::parse(text).unwrap();
        let workflow = Workflow::of(&root).unwrap();
        let job = workflow.jobs().next().unwrap();
        let step = job.steps()[0].node;
        let held = |name: &str| held_by(name, step, job);
        assert_eq!(held("TOKEN").as_deref(), Some("A_TOKN"));
        assert_eq!(held("TOP").as_deref(), Some("TOP"));
        for name in ["both", "either", "plain", "none"] {
            assert_eq!(held(name), None, "{name}");
        }
        assert_eq!(of_job(job), ["A_TOKN", "B", "C", "TOP"]);
        let named: Vec<_> = workflow.jobs().filter_map(environment).collect();
        assert_eq!(named, ["qa"]);
    }

    proptest! {
        #[test]
        fn a_slip_is_misspelt_and_another_letter_is_not(
            (word, at) in "[A-Z]{5,9}".prop_flat_map(|word| (Just(word.clone()), 1..word.len() - 1)), other in "[A-Z]",
        ) {
            let name = |word: String| format!("{word}_KEY");
            let of = name(word.clone());
            let (start, rest) = word.split_at(at);
            let (letter, end) = rest.split_at(1);
            let swapped = format!("{start}{}{letter}{}", &end[..1], &end[1..]);
            for slip in [format!("{start}{end}"), format!("{start}{letter}{rest}"), swapped] {
                prop_assert!(slip == word || is_misspelt(&name(slip.clone()), &of), "{} {}", slip, of);
            }
            let replaced = name(format!("{start}{other}{end}"));
            prop_assert!(!is_misspelt(&replaced, &of), "{} {}", replaced, of);
            prop_assert!(!is_misspelt(&of, &of));
        }
    }
}
