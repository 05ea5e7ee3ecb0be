//! Where the service is, and who asks: from options, or from the variables of gcloud.
//!
//! Sources: `gcloud topic configurations` for the names of gcloud's variables; google-github-actions/auth 2.1 (`src/main.ts`)
//! for those that it sets, and for the token that it makes.

use crate::engine::NotChecked;
use crate::world::Env;
use crate::world::secrets::Secret;

const PROJECTS: [&str; 2] = ["CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT"];
const REGIONS: [&str; 1] = ["CLOUDSDK_RUN_REGION"];
/// Files that hold a key, or say how to get a token.
const FILES: [&str; 2] = [
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// The service, by its full name.
#[derive(Clone, Debug)]
pub struct Place {
    pub project: String,
    pub region: String,
    pub service: String,
}

impl Place {
    pub fn find(service: &str, (project, region): (Option<&str>, Option<&str>), env: &Env) -> Result<Self, NotChecked> {
        Ok(Self {
            project: one("project", project, &PROJECTS, env)?,
            region: one("region", region, &REGIONS, env)?,
            service: service.to_owned(),
        })
    }
}

/// The option, which was checked when it was read, or the first variable that is set.
fn one(what: &str, given: Option<&str>, variables: &[&str], env: &Env) -> Result<String, NotChecked> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let set = variables.iter().find_map(|name| Some((*name, env.get(name)?.trim())));
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    match set.filter(|(_, value)| !value.is_empty()) {
        Some((_, value)) if !value.starts_with('-') && value.bytes().all(is_plain) => Ok(value.to_owned()),
        Some((name, _)) => Err(NotChecked::with_help(
            format!("the value of {name} is not a {what} of Google Cloud"),
            format!("correct it, or give --{what}"),
        )),
        None => Err(NotChecked::with_help(
            format!(
                "Cloud Run cannot be asked: neither --{what} nor {} names the {what}",
                variables.first().unwrap_or(&"a variable")
            ),
            format!("give --{what}, or `rollback-dry-run.{what}` in the configuration"),
        )),
    }
}

/// The access token in `variable`. A file is no substitute: other programs make a token of it.
pub fn token(variable: &str, env: &Env) -> Result<Secret, NotChecked> {
    let token = env.filled(variable);
    let why = match token {
        Some(token) if !token.starts_with('{') => return Ok(Secret::new(token)),
        Some(_) => {
            format!("{variable} holds a JSON file, not an access token, and stageproof makes no token of a key")
        }
        None => {
            let file = FILES
                .iter()
                .find(|name| env.get(name).is_some_and(|path| !path.is_empty()));
            let file = file.map(|file| format!(", and stageproof makes no token of the file that {file} names"));
            let unset = format!("Cloud Run cannot be asked: {variable} is not set or empty");
            unset + &file.unwrap_or_default()
        }
    };
    let help = format!(
        "map a token into the step: `env: {variable}: ${{{{ steps.auth.outputs.access_token }}}}`, which \
         google-github-actions/auth sets with `id: auth` and `token_format: access_token`; on a laptop, \
         `gcloud auth print-access-token` makes one"
    );
    Err(NotChecked::with_help(why, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &NotChecked) -> String {
        format!("{error:?}")
    }

    #[test]
    fn variables_of_gcloud_name_what_no_option_names() {
        let env: Env = [
            ("GOOGLE_CLOUD_PROJECT", "acme"),
            ("CLOUDSDK_RUN_REGION", "europe-west1"),
        ]
        .into_iter()
        .collect();
        let place = Place::find("shop", (None, None), &env).unwrap();
        assert_eq!((&*place.project, &*place.region), ("acme", "europe-west1"));
        let place = Place::find("shop", (Some("other"), Some("us-east1")), &env).unwrap();
        assert_eq!((&*place.project, &*place.region), ("other", "us-east1"));
        for odd in ["a/../b", "a;b", "-a", "a b"] {
            let env: Env = [("CLOUDSDK_CORE_PROJECT", odd)].into_iter().collect();
            let error = Place::find("shop", (None, Some("us-east1")), &env).unwrap_err();
            assert!(told(&error).contains("CLOUDSDK_CORE_PROJECT is not a project"), "{odd}");
        }
    }

    #[test]
    fn a_key_is_no_token() {
        let env: Env = [("T", r#"{"type": "service_account", "private_key": "s3cret"}"#)]
            .into_iter()
            .collect();
        let error = told(&token("T", &env).unwrap_err());
        assert!(
            error.contains("T holds a JSON file") && !error.contains("s3cret"),
            "{error}"
        );
        let env: Env = [("GOOGLE_APPLICATION_CREDENTIALS", "/creds.json")]
            .into_iter()
            .collect();
        let error = told(&token("T", &env).unwrap_err());
        assert!(
            error.contains("the file that GOOGLE_APPLICATION_CREDENTIALS names"),
            "{error}"
        );
        let error = told(&token("T", &Env::default()).unwrap_err());
        assert!(error.contains("T is not set or empty"), "{error}");
    }
}
