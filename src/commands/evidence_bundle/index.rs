//! The two texts that are written about the files: the index and the manifest.

use anyhow::Context as _;

use super::Plan;
use super::found::Found;
use super::gather::Gathered;
use super::select::Selection;
use crate::model::evidence::{Entry, INDEX, Index, Redaction, SCHEMA};
use crate::model::manifest;
use crate::model::report::Tool;
use crate::world::archive;
use crate::world::hash::Hashed;

/// `evidence.json` and `sha256_manifest.txt`. `files` are sorted by their paths.
pub fn texts(
    plan: &Plan,
    started_at: String,
    files: &[(Gathered, Hashed)],
    total_bytes: u64,
    selection: &Selection,
    found: &Found,
    redaction: Redaction,
) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let entry = |(file, hashed): &(Gathered, Hashed)| Entry {
        path: file.path.clone(),
        size: hashed.size,
        sha256: hashed.hex(),
        original: file.original.clone(),
        copied: file.named,
        executable: file.executable,
    };
    let patterns = selection.patterns.iter().flat_map(|pattern| &pattern.found.left_out);
    let mut left_out: Vec<_> = patterns.chain(&found.left_out).cloned().collect();
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    left_out.dedup();
    let index = Index {
        schema: SCHEMA.to_owned(),
        tool: Tool::this(),
        subject: plan.subject.clone(),
        matrix: plan.matrix.clone(),
        started_at,
        hashed_at: plan.clock.rfc3339(),
        packing: archive::deflate::describe(),
        total_bytes,
        files: files.iter().map(entry).collect(),
        left_out,
        redaction: Some(redaction),
    };
    let mut bytes = serde_json::to_vec_pretty(&index).context("the index cannot be written as JSON")?;
    bytes.push(b'\n');
    let sha256 = Hashed::of(&bytes).hex();
    let mut lines: Vec<(&str, &str)> = index.files.iter().map(|file| (&*file.sha256, &*file.path)).collect();
    lines.push((&sha256, INDEX));
    lines.sort_by_key(|(_, path)| *path);
    Ok((bytes, manifest::print(lines).into_bytes()))
}
