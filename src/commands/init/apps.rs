//! Which folders hold an app that can be deployed, and which one is taken.

use std::collections::BTreeSet;

use super::names;
use super::survey::Survey;

/// Files that say how the folder they are in is deployed, or that there is something to deploy.
const MARKERS: [&str; 16] = [
    "Chart.yaml",
    "Dockerfile",
    "Makefile",
    "Procfile",
    "app.yaml",
    "compose.staging.yaml",
    "compose.staging.yml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.staging.yml",
    "docker-compose.yml",
    "fly.staging.toml",
    "fly.toml",
    "kustomization.yaml",
    "package.json",
    "vercel.json",
];
/// More apps than this are not looked at.
const MOST: usize = 200;
/// Folders that hold what belongs to the app above them.
const PARTS: [&str; 16] = [
    ".github",
    "bin",
    "chart",
    "charts",
    "ci",
    "deploy",
    "deployment",
    "helm",
    "infra",
    "k8s",
    "kubernetes",
    "kustomize",
    "manifests",
    "ops",
    "script",
    "scripts",
];

/// An app: a folder of the repository, and what is in it.
pub struct App<'a> {
    pub survey: &'a Survey,
    /// Empty for the root, else it ends in a slash.
    pub folder: String,
}

impl<'a> App<'a> {
    /// The path of one of its files, if that is there.
    pub fn file(&self, name: &str) -> Option<String> {
        let path = format!("{}{name}", self.folder);
        self.survey.has(&path).then_some(path)
    }

    /// The first of these files that is there, by its name in the folder.
    pub fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.file(name).is_some())
    }

    pub fn text(&self, name: &str) -> Option<std::rc::Rc<str>> {
        self.survey.text(&format!("{}{name}", self.folder))
    }

    /// Its own files, by their path in the folder, without those of apps below.
    pub fn files(&'a self) -> impl Iterator<Item = &'a str> {
        let own = self.survey.below(&self.folder);
        own.filter(|path| folder_of(path) == self.folder)
            .map(|path| &path[self.folder.len()..])
    }
}

/// Every folder with an app, in the order in which they are taken: that of the current folder or the nearest one above
/// it, the root, then by depth and name.
pub fn candidates(survey: &Survey, current: &str) -> Vec<String> {
    let is_marker = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        MARKERS.contains(&name) || is_deploy_script(path) || is_manifest(path)
    };
    let folders: BTreeSet<String> = survey.files().filter(is_marker).map(folder_of).collect();
    let fit = |folder: &String| folder.is_empty() || names::is_path(folder);
    let mut folders: Vec<String> = folders.into_iter().filter(fit).collect();
    let above = |folder: &str| !folder.is_empty() && format!("{current}/").starts_with(folder);
    folders.sort_by_key(|folder| {
        let nearest = if above(folder) {
            usize::MAX - folder.len()
        } else {
            usize::MAX
        };
        (nearest, folder.matches('/').count(), folder.clone())
    });
    folders.truncate(MOST);
    folders
}

pub fn is_deploy_script(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".sh").unwrap_or(name);
    matches!(stem, "deploy" | "deploy-staging" | "deploy_staging" | "staging-deploy") && !name.contains(['\\', ':'])
}

/// A file in a folder of Kubernetes manifests.
pub fn is_manifest(path: &str) -> bool {
    let mut folders = path.rsplit('/').skip(1);
    (path.ends_with(".yaml") || path.ends_with(".yml"))
        && folders.any(|folder| matches!(folder, "k8s" | "kubernetes" | "manifests" | "kustomize"))
}

/// The folder of the app that a file belongs to.
fn folder_of(path: &str) -> String {
    let mut folder = String::new();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() || PARTS.contains(&part) {
            break;
        }
        folder.push_str(part);
        folder.push('/');
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_app_above_its_folder() {
        for (path, expected) in [
            ("fly.toml", ""),
            ("apps/web/Dockerfile", "apps/web/"),
            ("apps/web/k8s/overlays/staging/kustomization.yaml", "apps/web/"),
            ("charts/shop/Chart.yaml", ""),
            (".github/scripts/deploy.sh", ""),
        ] {
            assert_eq!(folder_of(path), expected, "{path}");
        }
    }
}
