//! Finding the reports that other steps and jobs left.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use walkdir::WalkDir;

/// Every report below a folder: `…/reports/NAME.json`, in a fixed order. Links are not followed.
pub fn below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot look into {}", folder.display()))?;
        let in_reports = entry
            .path()
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name == "reports");
        let is_json = entry.path().extension().is_some_and(|extension| extension == "json");
        if entry.file_type().is_file() && in_reports && is_json {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}
