//! Two texts as a unified diff that `git apply` takes.

use similar::{Algorithm, TextDiff};

use super::Refusal;

pub fn diff(old: &str, new: &str, path: &str) -> Result<String, Refusal> {
    if path.starts_with('/') {
        return Err(Refusal::new(
            "the workflow is outside of the repository; name one inside it",
        ));
    }
    if path.is_empty() || path.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) {
        return Err(Refusal::new("a patch cannot name this path; rename the file"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(Refusal::new(
            "a patch cannot name a path with `..`; name the workflow from the top of its repository",
        ));
    }
    // git ends a path with a space in it at a tab.
    let tab = if path.contains(' ') { "\t" } else { "" };
    // Unlike git, `from_lines` ends a line at a carriage return, too.
    let (before, after): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .newline_terminated(true)
        .diff_slices(&before, &after);
    Ok(diff
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}{tab}"), &format!("b/{path}{tab}"))
        .to_string())
}
