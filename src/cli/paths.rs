//! Which values are paths, and what the relative ones among them are relative to: the current folder, as everywhere.
//!
//! A plan knows the workspace only. So a path typed in another folder is converted while it is parsed; paths in the
//! configuration are relative to the workspace already.

use std::any::TypeId;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, StringValueParser, TypedValueParser as _, ValueHint};
use clap::{Arg, Command};

use crate::commands::evidence_bundle::has_magic;
use crate::commands::skip_guard::Prerequisite;

/// What an argument that holds a path is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PathIn {
    Path,
    /// A text that has `value_hint`: a template, a path that is checked later.
    Text,
    /// The same, of which the value's name says that it is a glob, or may be one.
    Glob,
    /// What follows the kind in `file:PATH`.
    Prerequisite,
}

impl PathIn {
    pub fn of(arg: &Arg) -> Option<Self> {
        let parser = arg.get_value_parser().type_id();
        if parser == TypeId::of::<Prerequisite>() {
            Some(Self::Prerequisite)
        } else if parser == TypeId::of::<PathBuf>() {
            Some(Self::Path)
        } else {
            let is_glob = arg
                .get_value_names()
                .is_some_and(|names| names.iter().any(|name| name.contains("GLOB")));
            let kind = if is_glob { Self::Glob } else { Self::Text };
            (arg.get_value_hint() == ValueHint::AnyPath).then_some(kind)
        }
    }
}

/// The command line with every path in it relative to `folder`, which itself is relative to the workspace, or absolute.
pub fn typed_in(tree: Command, folder: &Path) -> Command {
    let of_arg = |arg: Arg| {
        let folder = folder.to_owned();
        match PathIn::of(&arg) {
            Some(PathIn::Path) => arg.value_parser(PathBufValueParser::new().map(move |path| join(&folder, &path))),
            Some(PathIn::Text) => arg.value_parser(StringValueParser::new().map(move |text| {
                let whole = join(&folder, Path::new(&text));
                whole.to_str().map_or(text, str::to_owned)
            })),
            Some(PathIn::Glob) => {
                let always = arg.get_value_names().is_some_and(|names| names == ["GLOB"]);
                arg.value_parser(StringValueParser::new().map(move |text| {
                    // The folder's own name may hold what a glob takes for a wildcard.
                    let escaped = match (folder.to_str(), always || has_magic(&text)) {
                        (Some(folder), true) => PathBuf::from(globset::escape(folder)),
                        _ => folder.clone(),
                    };
                    let whole = join(&escaped, Path::new(&text));
                    whole.to_str().map_or(text, str::to_owned)
                }))
            }
            Some(PathIn::Prerequisite) => arg.value_parser(move |text: &str| {
                text.parse::<Prerequisite>()
                    .map(|prerequisite| prerequisite.typed_in(&folder))
            }),
            None => arg,
        }
    };
    tree.mut_args(of_arg)
        .mut_subcommands(|subcommand| subcommand.mut_args(of_arg))
}

/// Whether it is an object of a store, and no path. In capitals it is refused there.
pub fn is_stored(path: &Path) -> bool {
    let scheme = path.as_os_str().as_encoded_bytes().get(..5);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"s3://"))
}

/// An empty path is an error, and stays one.
fn join(folder: &Path, path: &Path) -> PathBuf {
    match path {
        path if path.as_os_str().is_empty() => PathBuf::new(),
        path if is_stored(path) => path.to_owned(),
        path => folder.join(path),
    }
}
