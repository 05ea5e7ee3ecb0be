//! Images in Amazon ECR, which is asked with the credentials that ECS is asked with.
//!
//! `DescribeImages` says whether an image is there. Only an index is fetched (`BatchGetImage`): that counts as a pull, and in a
//! repository that caches another registry it can bring in images that are not there yet.
//!
//! Source: the model of the API in botocore 1.44 (`data/ecr/2015-09-21/service-2.json`).

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::Env;
use crate::world::aws::{self, AwsError, Credentials, Names};
use crate::world::calls::{Call, Unknown};
use crate::world::registry::{INDEXES, ImageName, MANIFESTS, Manifest, Missing, Platform};

const IMAGES: Call = Call::action(
    "AmazonEC2ContainerRegistry_V20150921.DescribeImages",
    "whether an image is there, and its digest",
);
const MANIFEST: Call = Call::action(
    "AmazonEC2ContainerRegistry_V20150921.BatchGetImage",
    "which images an index of several platforms has",
);
pub const CALLS: [Call; 2] = [IMAGES, MANIFEST];

const NAMES: Names = Names {
    product: "Amazon ECR",
    host: "api.ecr",
    signing: "ecr",
    variable: "ECR",
};

/// The repository of one image.
pub struct Ecr {
    api: aws::Service,
    account: String,
    image: ImageName,
}

/// An image that is there.
pub struct Kept {
    pub digest: String,
    /// Of its manifest for the platform, if the image is an index.
    pub child: Option<String>,
}

/// The account and the region in the name of an image in a private registry of ECR.
pub fn place(image: &ImageName) -> Option<(&str, &str)> {
    let (account, rest) = image.host().split_once('.')?;
    let kinds = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let (region, domain) = rest.split_once('.')?;
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_aws = domain == "on.aws" || domain == aws::domain(region);
    (is_account && is_aws && aws::is_region(region)).then_some((account, region))
}

impl Ecr {
    /// `None` if the image is elsewhere.
    pub fn of(image: &ImageName, credentials: &Credentials, env: &Env) -> Option<Result<Self, Missing>> {
        let (account, region) = place(image)?;
        let api = aws::Service::connect(NAMES, region, credentials, env);
        Some(match api {
            Ok(api) => Ok(Self {
                api,
                account: account.to_owned(),
                image: image.clone(),
            }),
            Err(error) => Err(Missing::Unknown(error.unknown)),
        })
    }

    pub fn sent(&self) -> usize {
        self.api.sent()
    }

    /// Whether the image is there, and if it is an index, its image for the platform.
    pub async fn image(&self, on: &Platform, until: Instant) -> Result<Kept, Missing> {
        let id = match (self.image.digest(), self.image.tag()) {
            (Some(digest), _) => json!({ "imageDigest": digest }),
            (None, tag) => json!({ "imageTag": tag }),
        };
        let details = self.describe(&id, || self.absent(), until).await?;
        let digest = details.image_digest;
        let is_index = details.image_manifest_media_type.as_deref();
        if !is_index.is_some_and(|told| INDEXES.contains(&told)) {
            return Ok(Kept { digest, child: None });
        }
        let index = self.index(&digest, until).await?;
        let name = self.image.pinned(&digest);
        let Some(child) = index.child_for(on) else {
            let has = index.platforms().join(", ");
            return Err(Missing::OtherPlatform(format!("{name} is not for {on}; it has {has}")));
        };
        let child = child.digest.clone();
        // An index stays when a child is deleted.
        let gone = || format!("{name} is there, but its image for {on}, {child}, is not");
        self.describe(&json!({ "imageDigest": child }), gone, until).await?;
        Ok(Kept {
            digest,
            child: Some(child),
        })
    }

    fn absent(&self) -> String {
        format!("Amazon ECR does not have {}", self.image)
    }

    /// `gone` is the sentence if the image is not there.
    async fn describe(&self, id: &Value, gone: impl Fn() -> String, until: Instant) -> Result<Details, Missing> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            #[serde(default)]
            image_details: Vec<Details>,
        }
        let mut body = self.repository();
        body["imageIds"] = json!([id]);
        let told: Told = match self.api.ask(&IMAGES, &body, until).await {
            Ok(told) => told,
            Err(error) if error.is("ImageNotFoundException") => return Err(Missing::Absent(gone())),
            Err(error) if error.is("RepositoryNotFoundException") => {
                let (repository, account) = (self.image.repository(), &self.account);
                return Err(Missing::Absent(format!(
                    "Amazon ECR has no repository {repository} in the account {account}"
                )));
            }
            Err(error) => return Err(unknown(error)),
        };
        let Some(details) = told.image_details.into_iter().next() else {
            return Err(unclear(&self.image.to_string()));
        };
        match details.image_status.as_deref() {
            Some("ARCHIVED" | "ACTIVATING") => Err(Missing::Absent(format!(
                "Amazon ECR has archived {}: it cannot be pulled before it is restored",
                self.image
            ))),
            _ => Ok(details),
        }
    }

    async fn index(&self, digest: &str, until: Instant) -> Result<Manifest, Missing> {
        #[derive(Deserialize)]
        struct Told {
            #[serde(default)]
            images: Vec<Image>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Image {
            image_manifest: String,
        }
        let types: Vec<&str> = INDEXES.iter().chain(&MANIFESTS).copied().collect();
        let mut body = self.repository();
        body["imageIds"] = json!([{ "imageDigest": digest }]);
        body["acceptedMediaTypes"] = types.into();
        let told: Told = self.api.ask(&MANIFEST, &body, until).await.map_err(unknown)?;
        let Some(image) = told.images.into_iter().next() else {
            return Err(unclear(&format!("the index {digest}")));
        };
        serde_json::from_str(&image.image_manifest)
            .map_err(|error| Missing::Unknown(Unknown::unreadable("Amazon ECR", "manifest", &error)))
    }

    fn repository(&self) -> Value {
        json!({ "registryId": self.account, "repositoryName": self.image.repository() })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    image_digest: String,
    image_manifest_media_type: Option<String>,
    image_status: Option<String>,
}

fn unknown(error: AwsError) -> Missing {
    Missing::Unknown(error.unknown)
}

fn unclear(what: &str) -> Missing {
    Missing::Unknown(Unknown::new(
        format!("the answer of Amazon ECR tells nothing of {what}"),
        "try again later; if it stays, report it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_registries_of_ecr_are_asked_with_the_credentials() {
        for (image, told) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:v1",
                Some(("123456789012", "eu-west-1")),
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:v1",
                Some(("123456789012", "cn-north-1")),
            ),
            (
                "123456789012.dkr-ecr.eu-west-1.on.aws/shop:v1",
                Some(("123456789012", "eu-west-1")),
            ),
            ("public.ecr.aws/nginx/nginx:1.27", None),
            ("ghcr.io/acme/shop:v1", None),
            ("123456789012.dkr.ecr.eu-west-1.evil.example/shop:v1", None),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example/shop:v1",
                None,
            ),
            ("shop.dkr.ecr.eu-west-1.amazonaws.com/shop:v1", None),
        ] {
            assert_eq!(place(&image.parse().unwrap()), told, "{image}");
        }
    }
}
