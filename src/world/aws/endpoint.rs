//! Where a service of AWS answers.

use url::Url;

use crate::world::Env;
use crate::world::api::{ApiError, address};

/// The variables that name the region, the first one first.
pub const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const COMMERCIAL: &str = "amazonaws.com";
/// Of the hosts in other regions, by the prefix of the region (`partitions.json` of botocore 1.44).
const SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// The address of a service, or what the tools of AWS would take instead of it (AWS SDKs and Tools Reference Guide,
/// "Service-specific endpoints"). `suffix` is that of the variable for this one service.
pub fn endpoint((host, suffix): (&str, &str), region: &str, env: &Env) -> Result<Url, ApiError> {
    let own = format!("AWS_ENDPOINT_URL_{suffix}");
    let ignored = env
        .get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let told = [own.as_str(), "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| Some((name, env.get(name)?)))
        .filter(|_| !ignored);
    match told {
        Some((name, url)) => address(name, url),
        None => address("the region", &format!("https://{host}.{region}.{}", domain(region))),
    }
}

/// What the names of all hosts in the region end with.
pub fn domain(region: &str) -> &'static str {
    let own = SUFFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
    own.map_or(COMMERCIAL, |(_, suffix)| suffix)
}

/// Whether this can be the name of a region, so that it cannot lead elsewhere.
pub fn is_region(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.contains('-') && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(region: &str, variables: &[(&str, &str)]) -> String {
        let env: Env = variables.iter().copied().collect();
        match endpoint(("api.ecr", "ECR"), region, &env) {
            Ok(url) => url.to_string(),
            Err(error) => error.unknown.why,
        }
    }

    #[test]
    fn each_partition_has_its_own_hosts() {
        assert_eq!(at("eu-west-1", &[]), "https://api.ecr.eu-west-1.amazonaws.com/");
        assert_eq!(at("us-gov-west-1", &[]), "https://api.ecr.us-gov-west-1.amazonaws.com/");
        assert_eq!(at("cn-north-1", &[]), "https://api.ecr.cn-north-1.amazonaws.com.cn/");
        assert_eq!(
            at("eusc-de-east-1", &[]),
            "https://api.ecr.eusc-de-east-1.amazonaws.eu/"
        );
        assert_eq!(
            at("us-isob-east-1", &[]),
            "https://api.ecr.us-isob-east-1.sc2s.sgov.gov/"
        );
    }

    #[test]
    fn the_variables_of_the_tools_are_heeded() {
        let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        let one = ("AWS_ENDPOINT_URL_ECR", "https://ecr.example");
        assert_eq!(at("eu-west-1", &[all]), "http://127.0.0.1:4566/");
        assert_eq!(at("eu-west-1", &[all, one]), "https://ecr.example/");
        let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        assert!(at("eu-west-1", &[all, one, ignored]).ends_with("amazonaws.com/"));
        let plain = ("AWS_ENDPOINT_URL", "http://192.0.2.1");
        assert_eq!(
            at("eu-west-1", &[plain]),
            "the value of AWS_ENDPOINT_URL is not an https:// URL"
        );
    }

    #[test]
    fn a_region_cannot_lead_elsewhere() {
        assert!(is_region("eu-west-1"));
        for text in ["", "euwest1", "evil.example/x-1", "EU-west-1", "eu-west-1.evil", "-eu"] {
            assert!(!is_region(text), "{text}");
        }
    }
}
