//! Which files are migrations: what they did to a database stays when the code goes back.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

/// A glob over paths in the repository. It covers what is below a path that matches, too.
#[derive(Clone, Debug)]
pub struct Migrations {
    text: String,
    glob: GlobMatcher,
    /// The folder above the first character that is not meant literally.
    literal: PathBuf,
}

impl Migrations {
    pub fn covers(&self, path: &Path) -> bool {
        path.ancestors().any(|part| self.glob.is_match(part))
    }

    /// Whether files that it covers could be in a submodule at `path`.
    pub fn may_be_in(&self, path: &Path) -> bool {
        self.literal.starts_with(path) || path.starts_with(&self.literal) || self.covers(path)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Migrations {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let text = given.trim();
        let text = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if text.starts_with('/') || text.split('/').any(|part| part == "..") {
            return Err("it is not a path in the repository".to_owned());
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        let parts = text
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '[', '{', '\\']));
        let literal: PathBuf = parts.collect();
        Ok(Self {
            text: text.to_owned(),
            glob: glob.compile_matcher(),
            literal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_covers_what_is_in_it_and_a_star_stays_in_its_folder() {
        for (glob, path, covers) in [
            ("db/migrate", "db/migrate/2026/1.sql", true),
            ("./db/migrate/", "db/migrate/1.sql", true),
            ("db/*.sql", "db/1.sql", true),
            ("db/*.sql", "db/old/1.sql", false),
            ("**/migrations/*.py", "shop/orders/migrations/0001.py", true),
            ("**/migrations/*.py", "migrations/0001.py", true),
            ("db", "database/1.sql", false),
        ] {
            let migrations: Migrations = glob.parse().unwrap();
            assert_eq!(migrations.covers(Path::new(path)), covers, "{glob} {path}");
        }
        for text in ["", " ", "/db", "../db", "db/[", "a/../b"] {
            assert!(text.parse::<Migrations>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_submodule_may_hold_what_a_glob_could_cover() {
        for (glob, submodule, may) in [
            ("db/migrate/*.sql", "db", true),
            ("db/migrate/*.sql", "db/migrate", true),
            ("db/migrate/**", "db/migrate/extra", true),
            ("**/migrations/*", "vendor/lib", true),
            ("db/migrate/*.sql", "vendor", false),
            ("db/migrate/*.sql", "db2", false),
        ] {
            let migrations: Migrations = glob.parse().unwrap();
            assert_eq!(migrations.may_be_in(Path::new(submodule)), may, "{glob} {submodule}");
        }
    }
}
