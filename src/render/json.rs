//! The report as JSON: the contract between steps, jobs and tools.

use crate::model::Report;

pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}
