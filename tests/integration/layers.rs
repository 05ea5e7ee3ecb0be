//! Which module may use which: the table in src/lib.rs, enforced.
//!
//! The sources are read as tokens, so that macros and grouped imports count and comments and texts do not. Modules of
//! unit tests are left out: a test may use what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Crates that only one module may name, because that module is the boundary to what they are about.
const BOUNDARIES: [(&[&str], &str); 7] = [
    (&["clap"], "cli"),
    (&["reqwest"], "world"),
    (&["octocrab"], "world/github"),
    (&["git2"], "world"),
    (&["rustix", "process"], "world"),
    (&["tokio", "process"], "world"),
    (&["std", "process", "Command"], "world"),
];
/// What must not change anything sends nothing but the requests of a closed list.
const READS_BY_LIST: (&[&str], &[&str]) = (&["commands", "rollback_dry_run"], &["crate", "world", "http"]);
/// The subcommands that are made of the others.
const COMPOSERS: [&str; 2] = ["merge", "rehearse"];

/// Ends a path whose names all come in (`use a::*`) or that gets another name (`use a as b`): what is used of it cannot be
/// read from the paths that follow.
const ALL_OF_IT: &str = "*";

/// One file, and every path that is written in it: `["crate", "model", "Check"]`, resolved, or `["clap", "Args"]`.
struct Source {
    file: PathBuf,
    /// Where it is in the tree of modules: `["commands", "smoke"]`.
    module: Vec<String>,
    paths: BTreeSet<Vec<String>>,
}

#[test]
fn every_module_uses_only_what_the_table_in_lib_rs_allows() {
    let table = table();
    let mut wrong = Vec::new();
    for (file, from, to) in edges(&sources()) {
        let allowed = table
            .get(&from)
            .unwrap_or_else(|| panic!("{}: `{from}` is not in the table in src/lib.rs", file.display()));
        if !allowed.contains("all") && !allowed.contains(&to) {
            wrong.push(format!("{}: `{from}` may not use `{to}`", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_module_uses_itself_through_others() {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, from, to) in edges(&sources()) {
        graph.entry(from).or_default().insert(to);
    }
    let circle = circle(graph);
    assert!(circle.is_empty(), "a circle of imports among {circle:?}");
}

/// The same inside of every folder: between the files there, and between the folders.
#[test]
fn no_part_of_a_module_uses_itself_through_others() {
    let sources = sources();
    let exports = exports(&sources);
    let mut graphs: BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for source in &sources {
        for path in source.paths.iter().filter(|path| path[0] == "crate") {
            let path = defined_in(&path[1..], &exports);
            let common = (source.module.iter().zip(&path))
                .take_while(|(ours, theirs)| ours == theirs)
                .count();
            // A folder's own mod.rs stands for the whole, and its parts may use what it defines.
            if let (Some(from), Some(to)) = (source.module.get(common), path.get(common)) {
                let graph = graphs.entry(source.module[..common].to_vec()).or_default();
                graph.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    assert!(graphs.len() > 20, "the parts were not found: {graphs:?}");
    let circles = graphs.into_iter().map(|(home, graph)| (home, circle(graph)));
    let circles: Vec<_> = circles.filter(|(_, circle)| !circle.is_empty()).collect();
    assert!(circles.is_empty(), "circles of imports: {circles:#?}");
}

/// What a module shows of a part of its own as if it was defined there: `crate::model::Check` is of `check`.
fn exports(sources: &[Source]) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut exports = BTreeMap::new();
    for source in sources {
        for path in &source.paths {
            let path = &path[1..];
            if path.len() > source.module.len() + 1 && path.starts_with(&source.module) {
                let name = path[path.len() - 1].clone();
                exports.insert([&source.module[..], &[name]].concat(), path.to_vec());
            }
        }
    }
    exports
}

fn defined_in(path: &[String], exports: &BTreeMap<Vec<String>, Vec<String>>) -> Vec<String> {
    for length in 1..=path.len() {
        if let Some(defined) = exports
            .get(&path[..length])
            .filter(|defined| **defined != path[..length])
        {
            return defined_in(&[defined, &path[length..]].concat(), exports);
        }
    }
    path.to_vec()
}

/// Modules that use nothing which is still there are taken away until none is left, or a circle.
fn circle(mut graph: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let before = graph.len();
        let there: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|_, uses| uses.iter().any(|used| there.contains(used)));
        if graph.len() == before {
            return graph;
        }
    }
}

#[test]
fn no_subcommand_uses_another() {
    let mut wrong = Vec::new();
    for source in sources() {
        let [root, folder, ..] = source.module.as_slice() else {
            continue;
        };
        if root != "commands" || COMPOSERS.contains(&&**folder) {
            continue;
        }
        for path in &source.paths {
            let is_wrong = match path.as_slice() {
                // The folder above as a whole: what is used of it would not be seen.
                [start, module] if start == "crate" => module == "commands",
                [start, module, other, ..] if start == "crate" && module == "commands" => {
                    let is_subcommand = root_of_sources().join("commands").join(other).is_dir();
                    other == ALL_OF_IT || (other != folder && is_subcommand)
                }
                _ => false,
            };
            if is_wrong {
                wrong.push(format!("{}: uses `{}`", source.file.display(), path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_a_boundary_is_crossed_in_one_module_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (prefix, home) in BOUNDARIES {
            let home_path: Vec<String> = home.split('/').map(str::to_owned).collect();
            let at_home = source.module.starts_with(&home_path);
            for path in source.paths.iter().filter(|path| crosses(path, prefix)) {
                if !at_home {
                    let (file, path) = (source.file.display(), path.join("::"));
                    wrong.push(format!("{file}: `{path}` belongs into `{home}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rollback_is_proved_with_requests_of_a_closed_list() {
    let (module, http) = READS_BY_LIST;
    let sources = sources();
    let of_it: Vec<_> = sources
        .iter()
        .filter(|source| {
            source
                .module
                .starts_with(&module.iter().map(|&m| m.to_owned()).collect::<Vec<_>>())
        })
        .collect();
    assert!(of_it.len() > 5, "the module has moved");
    for source in of_it {
        let path = source.paths.iter().find(|path| crosses(path, http));
        assert!(path.is_none(), "{}: {path:?}: use world::calls", source.file.display());
    }
}

/// The test of the tests: a module cannot be used under another name, or as one of all.
#[test]
fn names_that_hide_what_is_used_are_read() {
    let read_in = |module: &[&str], text: &str| {
        let module: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
        let mut paths = BTreeSet::new();
        read(&text.parse().unwrap(), &module, &mut paths);
        paths.iter().map(|path| path.join("::")).collect::<BTreeSet<String>>()
    };
    for (module, text, expected) in [
        (&["render"][..], "use crate::*;", "crate::*"),
        (&["render"], "use crate as x;", "crate::*"),
        (&["render"], "use crate::{self as x};", "crate::*"),
        (&["render"], "use crate::{model::Check, *};", "crate::*"),
        (&["render"], "use super::*;", "crate::*"),
        (&["render"], "use super as x;", "crate::*"),
        (&["render", "json"], "use super::super::{self as x};", "crate::*"),
        (&["render"], "extern crate self as x;", "crate::*"),
        (&["commands", "smoke"], "use super::*;", "crate::commands::*"),
        (
            &["commands", "smoke"],
            "use crate::commands as c;",
            "crate::commands::*",
        ),
        (
            &["commands", "smoke"],
            "use crate::commands::{self};",
            "crate::commands",
        ),
        (&["render"], "use tokio as t;", "tokio::*"),
    ] {
        let paths = read_in(module, text);
        assert!(paths.contains(expected), "{text}: {expected} in {paths:?}");
    }
    // A visibility and a product are no imports.
    let paths = read_in(&["render"], "pub(crate) fn f() { let a = x::y * 2; }");
    assert_eq!(paths, BTreeSet::from(["x::y".to_owned()]));
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    for crossing in [
        "std::process::Command::new",
        "std::process::*",
        "std::*",
        "std::process::Command::*",
    ] {
        assert!(crosses(&path(crossing), &["std", "process", "Command"]), "{crossing}");
    }
    for clean in ["std::process", "std::io::*", "std::process::ExitCode", "std"] {
        assert!(!crosses(&path(clean), &["std", "process", "Command"]), "{clean}");
    }
}

/// The test of the tests: what they are to find is found.
#[test]
fn paths_are_read_from_groups_macros_and_supers() {
    let module = ["commands".to_owned(), "smoke".to_owned()];
    let text = r#"
        use crate::{model::{Check, Ended}, world as w};
        use super::verify;
        // crate::comment
        fn f() { println!("{} crate::text", crate::render::json::x()); <reqwest::Client>::new(); a.clap(); }
        mod inner { use super::super::skip_guard; }
        #[cfg(test)] mod tests { use crate::app; }
    "#;
    let mut paths = BTreeSet::new();
    read(&text.parse().unwrap(), &module, &mut paths);
    let paths: Vec<String> = paths.iter().map(|path| path.join("::")).collect();
    for expected in [
        "crate::model::Check",
        "crate::model::Ended",
        "crate::world",
        "crate::commands::verify",
        "crate::commands::skip_guard",
        "crate::render::json::x",
        "reqwest::Client::new",
    ] {
        let expected = expected.trim_end_matches("::new");
        assert!(
            paths.iter().any(|p| p.starts_with(expected)),
            "{expected} in {paths:#?}"
        );
    }
    for absent in ["crate::app", "crate::comment", "crate::text"] {
        assert!(!paths.iter().any(|p| p.starts_with(absent)), "{absent} in {paths:#?}");
    }
}

fn root_of_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The table in the crate's documentation: module, and what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root_of_sources().join("lib.rs")).unwrap();
    let mut table: BTreeMap<String, BTreeSet<String>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"))
        .map(|row| {
            let mut cells = row.trim_end_matches(" |").split(" | ");
            let module = cells.next().unwrap().trim_end_matches("`]").to_owned();
            let uses = cells.last().unwrap();
            let uses = uses.split(", ").filter(|used| *used != "nothing");
            (module, uses.map(str::to_owned).collect())
        })
        .collect();
    assert!(
        table.len() >= 7,
        "the table in src/lib.rs was not understood: {table:?}"
    );
    table.insert("main".to_owned(), BTreeSet::from(["all".to_owned()]));
    table
}

/// Every use of a top-level module by another one.
fn edges(sources: &[Source]) -> Vec<(PathBuf, String, String)> {
    let mut edges = Vec::new();
    for source in sources {
        let Some(from) = source.module.first() else {
            continue;
        };
        for path in &source.paths {
            // The binary sees the library under its name.
            if let [root, to, ..] = path.as_slice()
                && (root == "crate" || root == "stageproof")
                && to != from
            {
                edges.push((source.file.clone(), from.clone(), to.clone()));
            }
        }
    }
    edges.sort();
    edges.dedup();
    edges
}

fn sources() -> Vec<Source> {
    let root = root_of_sources();
    let mut sources = Vec::new();
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let file = entry.unwrap().into_path();
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let relative = file.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        let text = fs::read_to_string(&file).unwrap();
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut paths = BTreeSet::new();
        read(&tokens, &module, &mut paths);
        sources.push(Source {
            file: file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned(),
            module,
            paths,
        });
    }
    assert!(sources.len() > 30, "the sources were not found");
    sources
}

/// Collects every path in `tokens`.
fn read(tokens: &TokenStream, module: &[String], paths: &mut BTreeSet<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "mod" && inner_module(&tokens, at).is_some() => {
                let (name, body) = inner_module(&tokens, at).unwrap();
                if !is_for_tests(&tokens[..at]) {
                    let mut inner = module.to_vec();
                    inner.push(name);
                    read(&body, &inner, paths);
                }
                at += 3;
            }
            // `extern crate self as x` is another name for all of it.
            TokenTree::Ident(word)
                if word == "extern"
                    && matches!(tokens.get(at + 1), Some(TokenTree::Ident(next)) if next == "crate") =>
            {
                paths.insert(vec!["crate".to_owned(), ALL_OF_IT.to_owned()]);
                at += 2;
            }
            TokenTree::Ident(_) if !follows_a_dot(&tokens, at) => at = path(&tokens, at, Vec::new(), module, paths),
            TokenTree::Group(group) => {
                read(&group.stream(), module, paths);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// `mod name { … }` at `at`.
fn inner_module(tokens: &[TokenTree], at: usize) -> Option<(String, TokenStream)> {
    match (tokens.get(at + 1), tokens.get(at + 2)) {
        (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) if body.delimiter() == Delimiter::Brace => {
            Some((name.to_string(), body.stream()))
        }
        _ => None,
    }
}

/// Whether what comes before a module ends in `#[cfg(test)]`.
fn is_for_tests(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Punct(hash), TokenTree::Group(attribute)] => {
            hash.as_char() == '#' && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
        }
        _ => false,
    }
}

/// `value.name` is a field or a method and no path.
fn follows_a_dot(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(dot) if dot.as_char() == '.')
}

/// Reads one path from `at` on and answers where it ends. A group at its end is several paths.
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    mut segments: Vec<String>,
    module: &[String],
    paths: &mut BTreeSet<Vec<String>>,
) -> usize {
    let mut all = false;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => segments.push(word.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
                for part in inner.split(is_comma).filter(|part| !part.is_empty()) {
                    path(part, 0, segments.clone(), module, paths);
                }
                return at + 1;
            }
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                all = true;
                break;
            }
            // The `<` of generic arguments: the path so far is what counts.
            _ => break,
        }
        at += 1;
        let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        if !(colon(at) && colon(at + 1)) {
            break;
        }
        at += 2;
    }
    if matches!(tokens.get(at), Some(TokenTree::Ident(word)) if word == "as") {
        all = true;
    }
    // `a::{self}` is `a`.
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    if all {
        let mut path = resolve(&segments, module);
        path.push(ALL_OF_IT.to_owned());
        paths.insert(path);
    }
    if segments.len() > 1 || BOUNDARIES.iter().any(|(prefix, _)| segments == *prefix) {
        paths.insert(resolve(&segments, module));
    }
    at
}

/// `self` and `super` replaced by what they mean in `module`.
fn resolve(segments: &[String], module: &[String]) -> Vec<String> {
    let mut here: Vec<String> = std::iter::once("crate".to_owned())
        .chain(module.iter().cloned())
        .collect();
    let mut rest = segments;
    match rest.first().map(String::as_str) {
        Some("self" | "super") => {}
        _ => return segments.to_vec(),
    }
    while let Some(first) = rest.first() {
        match first.as_str() {
            "self" => {}
            "super" => {
                here.pop();
            }
            _ => break,
        }
        rest = &rest[1..];
    }
    here.extend(rest.iter().cloned());
    here
}

/// Whether the path leads into what is behind the boundary, or takes in all of something that the boundary is in.
fn crosses(path: &[String], boundary: &[&str]) -> bool {
    let path = path.strip_suffix(&[ALL_OF_IT.to_owned()]).map_or_else(
        || path.get(..boundary.len()).unwrap_or_default(),
        |all| &all[..all.len().min(boundary.len())],
    );
    !path.is_empty() && path.iter().zip(boundary).all(|(a, b)| a == b)
}
