//! Which environment a text is about: the wanted one, another one, or none that it says.
//!
//! What belongs to another environment must never reach a deploy to this one, so a doubt is no yes.

const STAGING: [&str; 3] = ["staging", "stage", "stg"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    Wanted,
    /// It says none, or several.
    Unsaid,
    Elsewhere,
}

/// What a text says of itself by its words. `Unsaid` without any, or with words of several environments.
pub fn of(text: &str, wanted: &str) -> Aim {
    let is_wanted = |word: &str| match is_staging(wanted) {
        true => STAGING.contains(&word),
        false => words(wanted).any(|own| own == word || is_production(&own) && is_production(word)),
    };
    let is_other = |word: &str| STAGING.contains(&word) || is_production(word);
    let (mut here, mut elsewhere) = (false, false);
    for word in words(text) {
        match is_wanted(&word) {
            true => here = true,
            false => elsewhere |= is_other(&word),
        }
    }
    match (here, elsewhere) {
        (true, false) => Aim::Wanted,
        (false, true) => Aim::Elsewhere,
        _ => Aim::Unsaid,
    }
}

/// Whether a name says that it is about staging.
pub fn is_staging(name: &str) -> bool {
    words(name).any(|word| STAGING.contains(&&*word))
}

/// Whether the name of a secret or a variable could be another environment's, whatever else it says.
pub fn may_be_elsewhere(name: &str, wanted: &str) -> bool {
    of(name, wanted) == Aim::Elsewhere
        || (of("production", wanted) == Aim::Elsewhere && words(name).any(|word| is_production(&word)))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase)
}

/// `prod`, `production`, `prodtoken`, and not `product`.
fn is_production(word: &str) -> bool {
    let begins = word.strip_prefix("prod");
    matches!(word, "prd" | "live") || begins.is_some_and(|rest| !rest.starts_with("uc") || rest.starts_with("uction"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_is_a_word_in_a_name() {
        for name in ["staging", "STAGING_URL", "eu-stg", "web/stage"] {
            assert!(is_staging(name), "{name}");
        }
        for name in ["production", "backstage", "stages", "upstaging"] {
            assert!(!is_staging(name), "{name}");
        }
    }

    #[test]
    fn a_text_is_about_the_environment_whose_words_it_has() {
        for (text, wanted, expected) in [
            ("./deploy.sh staging", "staging", Aim::Wanted),
            ("./deploy.sh staging", "stg-eu", Aim::Wanted),
            ("./deploy.sh staging", "preview", Aim::Elsewhere),
            ("./deploy.sh preview", "preview", Aim::Wanted),
            ("./deploy.sh production", "staging", Aim::Elsewhere),
            ("./deploy.sh production", "production", Aim::Wanted),
            ("./deploy.sh", "staging", Aim::Unsaid),
            ("NODE_ENV=production ./deploy.sh staging", "staging", Aim::Unsaid),
            ("PRODUCT_TOKEN", "staging", Aim::Unsaid),
            ("PRODTOKEN", "staging", Aim::Elsewhere),
        ] {
            assert_eq!(of(text, wanted), expected, "{text} for {wanted}");
        }
        assert!(may_be_elsewhere("STAGING_OR_PROD_TOKEN", "staging"));
        assert!(!may_be_elsewhere("PROD_TOKEN", "production"));
    }
}
