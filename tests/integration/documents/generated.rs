//! What stands between `<!-- table: NAME -->` or `<!-- file: PATH -->` and `<!-- end -->` in the README and in `docs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{equal_or_updated, root, tables};

/// The README and every page of the site.
pub fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for entry in walkdir::WalkDir::new(root().join("docs")).sort_by_file_name() {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// A path as messages show it.
pub fn shown(page: &Path) -> String {
    page.strip_prefix(root()).unwrap_or(page).display().to_string()
}

#[test]
fn pages_repeat_the_code() {
    let mut used = BTreeSet::new();
    for page in pages() {
        let before = fs::read_to_string(&page).unwrap();
        let mut text = before.clone();
        for name in blocks_of(&before) {
            let content = match name.split_once(": ") {
                Some(("table", table)) => {
                    used.insert(table.to_owned());
                    tables::table(table, &page)
                }
                Some(("file", file)) => fenced(file),
                _ => continue,
            };
            text = with_block(&text, &name, &content, &page);
        }
        equal_or_updated(&page, &before, &text);
    }
    let known: BTreeSet<String> = tables::NAMES.map(str::to_owned).into();
    assert_eq!(used, known, "each table is on a page");
}

/// `table: NAME` and `file: PATH` of a text.
fn blocks_of(text: &str) -> Vec<String> {
    let comments = text
        .lines()
        .filter_map(|line| line.strip_prefix("<!-- ")?.strip_suffix(" -->"));
    comments
        .filter(|name| name.starts_with("table: ") || name.starts_with("file: "))
        .map(str::to_owned)
        .collect()
}

/// A file of the repository as a block, with the treatment that the test of the blocks gives it.
fn fenced(file: &str) -> String {
    let content = fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("<!-- file: {file} -->: {e}"));
    let is_config = file.ends_with("stageproof.yml") || file.starts_with("examples/platforms/");
    let info = match (is_config, file.ends_with(".yml")) {
        (true, _) => "yaml,config",
        (_, true) => "yaml,workflow",
        _ => "text",
    };
    format!("```{info}\n{content}```\n")
}

/// Puts `content` between `<!-- name -->` and the next `<!-- end -->`.
fn with_block(text: &str, name: &str, content: &str, page: &Path) -> String {
    let start = format!("<!-- {name} -->\n");
    let (head, rest) = text.split_once(&start).unwrap();
    let (_, tail) = rest
        .split_once("<!-- end -->")
        .unwrap_or_else(|| panic!("{}: {start} does not end", shown(page)));
    format!("{head}{start}{content}<!-- end -->{tail}")
}
