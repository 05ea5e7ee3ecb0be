//! Whether the images of a revision can still be pulled. Cloud Run keeps a copy of an image only while a revision with traffic
//! uses it (cloud.google.com/run/docs/deploying).

use tokio::time::Instant;

use super::previous::Previous;
use super::revision::Revision;
use crate::commands::rollback_dry_run::{LIMIT, Pulled, Seen, Wanted, all_present, not_checked, one_registry};
use crate::engine::NotChecked;
use crate::model::text::one_line;
use crate::world::Env;
use crate::world::registry::{Credentials, ImageName, Missing, Platform};
use crate::world::secrets::Secret;

/// Who asks the registries.
pub struct Asks<'a> {
    pub token: &'a Secret,
    pub token_env: &'a str,
    /// The variable that holds `user:password` of registries other than Google's.
    pub auth_env: Option<&'a str>,
    pub env: &'a Env,
}

/// Artifact Registry takes an access token as the password of this user (cloud.google.com/artifact-registry/docs/docker/authentication).
const USER: &str = "oauth2accesstoken";

/// Artifact Registry and Container Registry: no other registry is shown the token.
fn is_googles(image: &ImageName) -> bool {
    let host = image.host();
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with("-docker.pkg.dev")
}

pub async fn pullable(previous: &Previous, asks: Asks<'_>) -> Seen<Pulled> {
    let target = names(&previous.target)?;
    // What runs is only a control: without it the answer is still one.
    let current = names(&previous.current).unwrap_or_default();
    let elsewhere = target.iter().chain(&current).filter(|image| !is_googles(image));
    one_registry(asks.auth_env, elsewhere)?;
    let all = |images: &[ImageName]| {
        let wanted = |image: &ImageName| wanted(image, &asks);
        images
            .iter()
            .map(wanted)
            .collect::<Result<Vec<_>, Missing>>()
            .map_err(not_checked)
    };
    let until = Instant::now() + LIMIT;
    // What Cloud Run runs (cloud.google.com/run/docs/container-contract).
    let on = Platform::default();
    let (pulled, mut observed) = all_present(&all(&target)?, &all(&current)?, &on, asks.env, until).await?;
    for finding in observed
        .findings
        .iter_mut()
        .filter(|finding| finding.code == "other-platform")
    {
        let only = "Cloud Run runs images for linux/amd64 only: name another revision with --to-release";
        finding.help = Some(only.to_owned());
    }
    Ok((pulled, observed))
}

fn wanted(image: &ImageName, asks: &Asks<'_>) -> Result<Wanted, Missing> {
    let credentials = match is_googles(image) {
        true => {
            let pair = Secret::new(format!("{USER}:{}", asks.token.reveal()));
            Credentials::Basic(pair, asks.token_env.to_owned())
        }
        false => Credentials::of(image, asks.auth_env, asks.env)?,
    };
    Ok(Wanted {
        name: image.clone(),
        credentials,
    })
}

fn names(revision: &Revision) -> Result<Vec<ImageName>, NotChecked> {
    let unknown = |image: &str| {
        NotChecked::with_help(
            format!(
                "Cloud Run does not tell the digest of the image `{}` of {}",
                one_line(image),
                one_line(&revision.name)
            ),
            "name another revision with --to-release, or deploy an image by its digest once",
        )
    };
    let each = revision.containers.iter();
    let named = each.map(|container| container.resolved.clone().ok_or_else(|| unknown(&container.image)));
    let mut names: Vec<ImageName> = named.collect::<Result<_, _>>()?;
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_of_google_are_shown_the_token() {
        let env = Env::default();
        let asks = Asks {
            token: &Secret::new("ya29.token"),
            token_env: "CLOUDSDK_AUTH_ACCESS_TOKEN",
            auth_env: None,
            env: &env,
        };
        for (host, shown) in [
            ("gcr.io", true),
            ("eu.gcr.io", true),
            ("europe-west1-docker.pkg.dev", true),
            ("docker.pkg.dev", false),
            ("notgcr.io", false),
            ("gcr.io.evil.example", false),
            ("evil.example", false),
            ("europe-west1-docker.pkg.dev.evil.example", false),
            ("gcr.io:444", false),
        ] {
            let image: ImageName = format!("{host}/acme/shop:v7").parse().unwrap();
            let expected = match shown {
                true => Credentials::Basic(
                    Secret::new("oauth2accesstoken:ya29.token"),
                    "CLOUDSDK_AUTH_ACCESS_TOKEN".to_owned(),
                ),
                false => Credentials::None,
            };
            assert_eq!(wanted(&image, &asks).unwrap().credentials, expected, "{host}");
        }
    }
}
