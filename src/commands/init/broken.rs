//! Files that were read and are not what their name says. What is in them was not found, or only a part of it.

use serde::de::IgnoredAny;

use super::survey::Survey;
use super::workflows::FOLDER;
use crate::model::Finding;
use crate::model::text::one_line;
use crate::model::yaml;

pub fn findings(survey: &Survey) -> Vec<Finding> {
    let read = survey.texts();
    let broken = read.iter().filter_map(|(path, text)| {
        let why = why(path, text)?;
        let message = format!("{path} cannot be parsed, so what it says may be missing below: {why}");
        Some(Finding::warning("not-parsed", one_line(&message)).help("correct the file, and run init again"))
    });
    broken.collect()
}

fn why(path: &str, text: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    // Manifests and templates may be filled in by a program, and hold several documents.
    let is_one_document = path.starts_with(FOLDER)
        || ["Chart.", "app.", "compose.", "docker-compose.", "kustomization."]
            .iter()
            .any(|start| name.starts_with(start));
    match name {
        "package.json" => Some(serde_json::from_str::<IgnoredAny>(text).err()?.to_string()),
        _ if is_yaml && is_one_document => {
            let error = yaml::parse(text).err()?;
            Some(format!("line {}: {error}", error.line))
        }
        _ => None,
    }
}
