//! The environment variables, read once at the start.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// A snapshot of the environment.
#[derive(Clone, Debug, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The value, if the variable exists, is not empty and is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).and_then(OsStr::to_str).filter(|value| !value.is_empty())
    }

    /// The same without spaces around it. An expression that held nothing leaves a blank value, which is none.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The value as the system holds it, which need not be UTF-8 and may be empty.
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// All of them, as a command is given them.
    pub fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// With these variables in place of the one that held them.
    pub fn unpacked(&self, holder: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all = self.0.clone();
        all.remove(OsStr::new(holder));
        all.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        Self(all)
    }

    /// Those that `keep` does not refuse by their names. A name that is not UTF-8 is no name that it knows.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(name, _)| name.to_str().is_none_or(&keep));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Every variable whose name and value are UTF-8.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self::new(variables.into_iter().map(|(n, v)| (n.into(), v.into())))
    }
}
