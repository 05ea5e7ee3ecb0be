//! Any bytes as docker's configuration file, and any text as variables: reading ends, in values or in a short error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::variables;
use stageproof::world::registry::{Credentials, ImageName};

fuzz_target!(|bytes: &[u8]| {
    let image: ImageName = "ghcr.io/acme/shop:v1".parse().expect("a name");
    if let Err(missing) = Credentials::in_docker_config(bytes, &image, "config.json") {
        let told = format!("{missing:?}");
        assert!(told.len() < 2000, "{told}");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(read) = variables::parse(text)
    {
        assert!(read.iter().all(|(name, _)| !name.is_empty() && !name.contains('=')));
    }
});
