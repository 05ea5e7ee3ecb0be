//! The rules of a run: built in, or from a file, with those for personal data.

use std::path::{Path, PathBuf};

use crate::model::scan::{Personal, RuleFileError, RuleSet, Source};
use crate::world::files::{self, Links};

/// gitleaks' own file has 130 kB.
const LARGEST: u64 = 8 << 20;

/// Which rules are looked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A file in gitleaks' format, instead of the built-in rules.
    pub file: Option<PathBuf>,
    pub personal: Vec<Personal>,
}

struct RuleFile<'a>(&'a Path);

impl Source for RuleFile<'_> {
    /// Relative to the folder of the file of `--rules`.
    fn read(&self, path: &str) -> Result<String, String> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        text(&folder.join(path))
    }
}

fn text(path: &Path) -> Result<String, String> {
    files::read_text(path, LARGEST, Links::Follow).map_err(|error| format!("{error:#}"))
}

impl Wanted {
    /// # Errors
    /// Says why the file cannot be used.
    pub fn load(&self) -> Result<RuleSet, RuleFileError> {
        let rules = match &self.file {
            None => RuleSet::builtin()?,
            Some(file) => {
                let name = file.display();
                let text = text(file).map_err(|what| RuleFileError {
                    place: String::new(),
                    what,
                    help: "check the path of --rules",
                })?;
                let rules = RuleSet::parse(&text, &RuleFile(file)).map_err(|error| RuleFileError {
                    place: format!("{name}: {}", error.place),
                    ..error
                })?;
                if rules.rules().is_empty() {
                    return Err(RuleFileError {
                        place: format!("{name}: "),
                        what: "it has no rules".to_owned(),
                        help: "add rules, or extend the built-in ones: [extend] useDefault = true",
                    });
                }
                rules
            }
        };
        let mut personal = Vec::new();
        for kind in &self.personal {
            personal.extend(kind.rules()?);
        }
        if personal.is_empty() {
            Ok(rules)
        } else {
            rules.with(personal)
        }
    }
}
