//! Links between documents lead to a file and a heading that exist. Other hosts are not asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

use super::generated::{pages, shown};
use super::root;

/// This repository on GitHub, for links from the site to files that are no part of it.
const REPOSITORY: &str = "https://github.com/stageproof/stageproof/blob/main/";

struct Document {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

fn read(path: &Path) -> Document {
    let text = fs::read_to_string(path).unwrap();
    let in_html = Regex::new(r#"(?:href|src|srcset)="([^"]*)""#).unwrap();
    let (mut anchors, mut links) = (BTreeSet::new(), Vec::new());
    let mut heading: Option<String> = None;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap());
                let time = times.entry(slug.clone()).or_default();
                anchors.insert(if *time == 0 { slug } else { format!("{slug}-{time}") });
                *time += 1;
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Html(html) | Event::InlineHtml(html) => {
                links.extend(in_html.captures_iter(&html).map(|found| found[1].to_owned()));
            }
            _ => {}
        }
    }
    Document { anchors, links }
}

/// A heading's anchor, as GitHub and mdBook make it.
fn slug(heading: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
        _ => None,
    };
    heading.to_lowercase().chars().filter_map(kept).collect()
}

/// What a reader of the repository may click on.
fn documents() -> Vec<PathBuf> {
    let more = ["CONTRIBUTING.md", "CHANGELOG.md", ".github/SECURITY.md"].map(|name| root().join(name));
    pages().into_iter().chain(more).filter(|path| path.exists()).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = String::new();
    let mut followed = 0;
    for page in documents() {
        for link in read(&page).links {
            followed += 1;
            if let Err(why) = follow(&page, &link) {
                let _ = writeln!(wrong, "{}: {link}: {why}", shown(&page));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(followed > 60, "{followed}");
}

fn follow(page: &Path, link: &str) -> Result<(), String> {
    let in_docs = page.starts_with(root().join("docs"));
    let (target, anchor) = link
        .split_once('#')
        .map_or((link, None), |(target, anchor)| (target, Some(anchor)));
    let path = match target.strip_prefix(REPOSITORY) {
        Some(file) => root().join(file),
        None if target.contains("://") => {
            return if target.starts_with("https://") {
                Ok(())
            } else {
                Err("not https".to_owned())
            };
        }
        None if target.is_empty() => page.to_owned(),
        None => page.parent().unwrap().join(target),
    };
    let real = fs::canonicalize(&path).map_err(|_| "there is no such file".to_owned())?;
    if in_docs && !target.starts_with(REPOSITORY) && !real.starts_with(root().join("docs").canonicalize().unwrap()) {
        return Err(format!("the site ends at docs/: write {REPOSITORY}…"));
    }
    match anchor {
        Some(anchor) if !read(&real).anchors.contains(anchor) => Err("there is no such heading".to_owned()),
        _ => Ok(()),
    }
}

#[test]
fn every_page_is_in_the_summary_of_the_site() {
    let docs = root().join("docs");
    let listed = read(&docs.join("SUMMARY.md"))
        .links
        .into_iter()
        .collect::<BTreeSet<_>>();
    let there = pages()
        .into_iter()
        .filter_map(|page| Some(page.strip_prefix(&docs).ok()?.display().to_string()));
    let there: BTreeSet<String> = there.filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(listed, there, "docs/SUMMARY.md");
}
