//! Secrets that a workflow names, and names that are nearly the same.

use super::Job;
use super::expression::{condition, insides, named};
use crate::model::yaml::Node;

/// A word of a name with less letters may be another word, and not misspelt.
const SHORTEST_WORD: usize = 4;
/// And with so many, two letters may be wrong.
const LONG_WORD: usize = 8;

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

/// The environment that a job names. It may be an expression.
pub fn environment(job: Job<'_>) -> Option<&str> {
    let environment = job.node.get("environment")?;
    environment
        .get("name")
        .unwrap_or(environment)
        .text()
        .filter(|name| !name.is_empty())
}

fn of_expression(expression: &str) -> Vec<String> {
    let all = named(expression, false).into_iter();
    let secrets = all.filter_map(|named| match named.parts.as_slice() {
        [context, name, ..] if context.eq_ignore_ascii_case("secrets") => Some(name.clone()),
        _ => None,
    });
    secrets.collect()
}

/// Whether one name can only be the other one misspelt: an underscore too many or too few, or one long word with a wrong
/// letter. `KEY_1` and `KEY_2`, or `DEV_URL` and `DEP_URL`, may well be two.
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
    let shortest = one.len().min(other.len());
    let most = if shortest >= LONG_WORD { 2 } else { 1 };
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
    shortest >= SHORTEST_WORD
        && is_word(one)
        && is_word(other)
        && one.as_bytes().first() == other.as_bytes().first()
        && strsim::damerau_levenshtein(one, other) <= most
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
        fn misspelt_goes_both_ways_and_never_for_the_same(one in "[A-C1_]{0,12}", other in "[A-C1_]{0,12}") {
            prop_assert_eq!(is_misspelt(&one, &other), is_misspelt(&other, &one));
            prop_assert!(!is_misspelt(&one, &one));
        }
    }
}
