//! A compose file: which images its services run, with the variables in their names filled in as docker compose does.
//!
//! Source: the Compose Specification, "Interpolation", "Merge and override" and "services" (github.com/compose-spec).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::world::registry::ImageName;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    services: BTreeMap<String, Option<Service>>,
    include: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Service {
    image: Option<String>,
    build: Option<IgnoredAny>,
    extends: Option<IgnoredAny>,
    profiles: Vec<String>,
}

impl Service {
    /// Whether `docker compose up` starts it: it has no profile, or one of those that are on.
    fn is_started(&self, on: &str) -> bool {
        let is_on = |profile: &String| on.split(',').any(|on| on.trim() == profile || on.trim() == "*");
        self.profiles.is_empty() || self.profiles.iter().any(is_on)
    }
}

/// Why the images of a compose file are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("it cannot be read as YAML: {0}")]
    NotYaml(String),
    #[error("it has no services")]
    NoServices,
    #[error("it includes other files, which are not read")]
    Includes,
    #[error("the service `{0}` extends another, which is not followed")]
    Extends(String),
    #[error("the service `{0}` has neither an image nor a build")]
    NoImage(String),
    #[error("the service `{0}` is built where it runs, and has no image that could be looked for")]
    Built(String),
    #[error("the image of `{service}`: {what}")]
    Image { service: String, what: String },
}

impl FileError {
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotYaml(_) | Self::NoServices => "check --compose-file, and the file with `docker compose config`",
            Self::Includes | Self::Extends(_) => {
                "write one file with `docker compose config --output FILE`, and name that with --compose-file"
            }
            Self::NoImage(_) => "give the service an `image`",
            Self::Built(_) => "push the image of each release, and name it with `image` beside `build`",
            Self::Image { .. } => "set the variable in the step's `env:`, or in .env beside the compose file",
        }
    }
}

/// The image of each service. `variable` is what a name stands for.
pub fn images(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<BTreeMap<String, ImageName>, FileError> {
    let file: File = serde_yaml::from_str(text).map_err(|error| {
        let told = error.to_string();
        FileError::NotYaml(told.lines().next().unwrap_or_default().to_owned())
    })?;
    if file.include.is_some() {
        return Err(FileError::Includes);
    }
    if file.services.is_empty() {
        return Err(FileError::NoServices);
    }
    let mut images = BTreeMap::new();
    for (name, service) in file.services {
        let service = service.unwrap_or_default();
        if !service.is_started(&variable("COMPOSE_PROFILES").unwrap_or_default()) {
            continue;
        }
        if service.extends.is_some() {
            return Err(FileError::Extends(name));
        }
        let Some(image) = service.image else {
            return Err(match service.build {
                Some(_) => FileError::Built(name),
                None => FileError::NoImage(name),
            });
        };
        let wrong = |what: String| FileError::Image {
            service: name.clone(),
            what,
        };
        let filled = filled(&image, variable).map_err(wrong)?;
        let image = filled.parse::<ImageName>().map_err(|error| wrong(error.to_string()))?;
        images.insert(name, image);
    }
    Ok(images)
}

/// What `.env` sets. Lines that set nothing are skipped, as compose does with comments.
pub fn dotenv(text: &str) -> BTreeMap<String, String> {
    let set = text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.split_once(*quote));
        let value = match quoted {
            Some((value, _)) => value,
            // Without quotes, a comment begins after a space.
            None => value.split_once(" #").map_or(value, |(value, _)| value.trim_end()),
        };
        (!name.is_empty() && name.chars().all(is_name_part)).then(|| (name.to_owned(), value.to_owned()))
    });
    set.collect()
}

/// The text with its variables filled in: `$NAME`, `${NAME}`, with `:-`, `-`, `:?`, `?`, `:+` and `+`; `$$` is a dollar.
fn filled(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(braced) = after.strip_prefix('{') {
            let end = closing(braced).ok_or_else(|| format!("`{text}` has an unclosed `${{`"))?;
            out.push_str(&braced_value(&braced[..end], variable)?);
            rest = &braced[end + 1..];
        } else {
            let end = after.find(|c: char| !is_name_part(c)).unwrap_or(after.len());
            let name = &after[..end];
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!("`{text}` has a `$` without a name; write $$ for a dollar"));
            }
            out.push_str(&variable(name).ok_or_else(|| unset(name))?);
            rest = &after[end..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// compose fills in nothing, and warns; an image without its tag would be another one.
fn unset(name: &str) -> String {
    format!("the variable {name} is not set")
}

/// Where the brace that is open closes; others may be inside.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn braced_value(inner: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let end = inner.find(|c: char| !is_name_part(c)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return Err(format!("`${{{inner}}}` names no variable"));
    }
    let value = variable(name);
    let (colon, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    // With a colon, an empty value is none.
    let usable = value.clone().filter(|value| !colon || !value.is_empty());
    let mut chars = rest.chars();
    match (chars.next(), usable) {
        (None, _) if !colon => value.ok_or_else(|| unset(name)),
        (Some('-' | '?'), Some(value)) => Ok(value),
        (Some('-'), None) => filled(chars.as_str(), variable),
        (Some('?'), None) => Err(unset(name)),
        (Some('+'), Some(_)) => filled(chars.as_str(), variable),
        (Some('+'), None) => Ok(String::new()),
        _ => Err(format!("`${{{inner}}}` cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "TAG" => Some("v1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        for (text, expected) in [
            ("shop:$TAG", Ok("shop:v1")),
            ("shop:${TAG}-x", Ok("shop:v1-x")),
            ("shop:${NONE:-v2}", Ok("shop:v2")),
            ("shop:${EMPTY:-v2}", Ok("shop:v2")),
            ("shop:${EMPTY-v2}", Ok("shop:")),
            ("shop:${NONE:-${TAG}}", Ok("shop:v1")),
            ("shop:${TAG:?say it}", Ok("shop:v1")),
            ("shop${TAG:+:}x${NONE:+y}", Ok("shop:x")),
            ("a$$b", Ok("a$b")),
            ("shop:$NONE", Err("the variable NONE is not set")),
            ("shop:${NONE}", Err("the variable NONE is not set")),
            ("shop:${EMPTY:?say it}", Err("the variable EMPTY is not set")),
            ("shop:${TAG", Err("unclosed")),
            ("shop:${}", Err("names no variable")),
            ("shop:${TAG:}", Err("cannot be read")),
            ("shop:$", Err("without a name")),
        ] {
            match (filled(text, &value), expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{text}"),
                (Err(got), Err(expected)) => assert!(got.contains(expected), "{text}: {got}"),
                (got, expected) => panic!("{text}: {got:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn dotenv_is_read_as_compose_does() {
        let set = dotenv("# TAG=no\nTAG=v1 # yes\nexport A='x # y' \nB=\"q\"\nnothing\n=x\n");
        let set: Vec<(&str, &str)> = set
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(set, [("A", "x # y"), ("B", "q"), ("TAG", "v1")]);
    }

    #[test]
    fn the_images_are_those_of_all_services() {
        let text = "x-base: &base\n  restart: always\nservices:\n  web:\n    <<: *base\n    image: ghcr.io/acme/shop:$TAG\n    build: .\n  db: {image: 'postgres:17'}\n";
        let images = images(text, &value).unwrap();
        let shown: Vec<String> = images.iter().map(|(name, image)| format!("{name} {image}")).collect();
        assert_eq!(shown, ["db docker.io/library/postgres:17", "web ghcr.io/acme/shop:v1"]);
    }

    #[test]
    fn a_service_of_a_profile_that_is_off_does_not_run() {
        let text = "services: {a: {image: 'x:1'}, b: {image: 'y:1', profiles: [debug]}}";
        let services = |on: &str| {
            let images = images(text, &|name| (name == "COMPOSE_PROFILES").then(|| on.to_owned())).unwrap();
            images.into_keys().collect::<String>()
        };
        assert_eq!(services(""), "a");
        assert_eq!(services("other"), "a");
        assert_eq!(services("other, debug"), "ab");
        assert_eq!(services("*"), "ab");
    }

    #[test]
    fn what_hides_an_image_is_an_error() {
        for (text, expected) in [
            ("services: [", "cannot be read as YAML"),
            ("services: {}", "no services"),
            ("include: [a.yml]\nservices: {a: {image: x}}", "includes other files"),
            ("services: {a: {extends: {service: b}, image: x}}", "`a` extends"),
            ("services: {a: {build: .}}", "`a` is built where it runs"),
            ("services: {a: }", "`a` has neither"),
            ("services: {a: {image: 'x:$NONE'}}", "NONE is not set"),
            ("services: {a: {image: 'X Y'}}", "the image of `a`"),
        ] {
            let error = images(text, &value).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
