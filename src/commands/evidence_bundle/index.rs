//! The two texts that are written about the files: the index and the manifest.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::{Serialize, Serializer};

use super::Plan;
use super::found::Found;
use super::gather::Gathered;
use super::select::Selection;
use crate::model::evidence::{Entry, INDEX, Index, LeftOut, MANIFEST, Redaction, SCHEMA};
use crate::model::manifest;
use crate::model::report::Tool;
use crate::world::archive;
use crate::world::files;
use crate::world::hash::{self, Hashed};

/// Writes `evidence.json` and `sha256_manifest.txt` into `folder`, and answers what they hash to. `sealed` are sorted by their
/// paths.
pub fn write<'f>(
    folder: &Path,
    plan: &Plan,
    started_at: String,
    sealed: &'f [(Gathered, Hashed)],
    total_bytes: u64,
    left_out: Vec<LeftOut>,
    redaction: Redaction,
) -> anyhow::Result<[Hashed; 2]> {
    let index = Index {
        schema: SCHEMA.to_owned(),
        tool: Tool::this(),
        subject: plan.subject.clone(),
        matrix: plan.matrix.clone(),
        started_at,
        hashed_at: plan.clock.rfc3339(),
        packing: archive::deflate::describe(),
        total_bytes,
        files: Entries(sealed),
        left_out,
        redaction: Some(redaction),
    };
    let index = file(&folder.join(INDEX), |out| {
        serde_json::to_writer_pretty(&mut *out, &index)?;
        out.write_all(b"\n")
    })?;
    let (before, after) = sealed.split_at(sealed.partition_point(|(file, _)| &*file.path < INDEX));
    let line = |(file, hashed): &'f (Gathered, Hashed)| (hashed.hex(), &*file.path);
    let lines = before.iter().map(line).chain([(index.hex(), INDEX)]);
    let manifest = file(&folder.join(MANIFEST), |out| {
        for (hex, path) in lines.chain(after.iter().map(line)) {
            out.write_all(manifest::print([(&*hex, path)]).as_bytes())?;
        }
        Ok(())
    })?;
    Ok([index, manifest])
}

/// In parts: of very many files, each of the two texts is long.
fn file(at: &Path, write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> anyhow::Result<Hashed> {
    files::replace_with(at, |file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    })?;
    hash::hash_file(at, &|| false).with_context(|| format!("cannot read back {}", at.display()))
}

/// What the patterns and the evidence directory left out.
pub fn left_out(selection: &Selection, found: &Found) -> Vec<LeftOut> {
    let patterns = selection.patterns.iter().flat_map(|pattern| &pattern.found.left_out);
    let mut left_out: Vec<_> = patterns.chain(&found.left_out).cloned().collect();
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    left_out.dedup();
    left_out
}

/// Made one by one, as they are written: there can be very many.
struct Entries<'f>(&'f [(Gathered, Hashed)]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(file, hashed)| Entry {
            path: file.path.clone(),
            size: hashed.size,
            sha256: hashed.hex(),
            original: file.original.clone(),
            copied: file.named,
            executable: file.executable,
        }))
    }
}
