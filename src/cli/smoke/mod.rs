//! Options of `smoke`, and what they amount to.

mod options;
mod previous;
mod probe;
mod request;
mod servers;
mod url;

pub use options::{ProbeOptions, SmokeOptions};

use std::collections::BTreeSet;

use super::common::Setting;
use super::error::UsageError;
use super::values::positive;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::smoke::{Plan, Start};
use crate::model::waiver::Waiver;
use crate::world::World;
use crate::world::http::is_loopback;

const PARALLEL: u32 = 16;
const MOST_PARALLEL: u32 = 256;

impl Options for SmokeOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        given.number_label();
        let typed = self.start.is_some();
        let options = self.or(given.config.smoke.take().unwrap_or_default());
        given.secret_names.extend(secret_names(&options));
        let waivers = given.waivers(options.strict());
        let mut plan = options.plan(&given.setting, given.world, waivers)?;
        // A command that was typed runs where it was typed, one of the configuration in the workspace.
        for server in plan.servers.iter_mut().filter(|_| typed) {
            server.folder.clone_from(&given.world.folder);
        }
        Ok(Box::new(plan))
    }
}

impl SmokeOptions {
    pub fn strict(&self) -> bool {
        self.strict.unwrap_or(false)
    }

    pub fn starts_servers(&self) -> bool {
        self.start.is_some() || !self.servers.is_empty()
    }

    pub fn plan(self, setting: &Setting, world: &World, waivers: Vec<Waiver>) -> Result<Plan, UsageError> {
        let servers = servers::plan(&self, setting, world)?;
        let shared = self.shared();
        let mut probes = Vec::new();
        if self.probes.is_empty() {
            probes = probe::plan(&shared, world)?;
        }
        for one in self.probes {
            // A flag speaks of every probe, except that each may have a place of its own.
            let over = ProbeOptions {
                url: None,
                path: Vec::new(),
                ..(*self.over).clone()
            };
            let name = one.name.clone();
            probes.extend(
                probe::plan(&over.or(one).or(shared.clone()), world).map_err(|error| match name {
                    Some(name) => UsageError {
                        message: format!("the probe {name}: {}", error.message),
                        ..error
                    },
                    None => error,
                })?,
            );
        }
        let of_servers: Vec<String> = servers.iter().flat_map(Start::ids).collect();
        let mut ids = BTreeSet::new();
        for probe in &probes {
            let id = probe.id();
            let whose = if of_servers.contains(&id) {
                "a probe and a server are"
            } else if ids.contains(&id) {
                "two probes are"
            } else {
                ids.insert(id);
                continue;
            };
            return Err(UsageError::new(format!("{whose} called `{id}`"))
                .help("drop one of them, or give each a `name` of its own in the configuration"));
        }
        if !servers.is_empty()
            && let Some(elsewhere) = probes.iter().find(|probe| !is_loopback(&probe.url))
        {
            return Err(UsageError::new(format!(
                "--start starts a server on this machine, but {} is another machine",
                elsewhere.url.host_str().unwrap_or_default()
            ))
            .help("probe http://127.0.0.1:PORT, or drop --start"));
        }
        if self.over.version_from.is_some() && probes.iter().all(|probe| probe.expected.version.is_none()) {
            return Err(UsageError::new("--version-from needs --expect-version")
                .help("give --expect-version; an empty input counts as not given"));
        }
        let at_once = self.parallel.unwrap_or(PARALLEL);
        if !(1..=MOST_PARALLEL).contains(&at_once) {
            return Err(UsageError::new(format!(
                "--parallel {at_once} is not a number from 1 to {MOST_PARALLEL}"
            )));
        }
        Ok(Plan {
            probes,
            servers,
            all_within: self
                .all_within
                .map(|limit| positive("--all-within", Some(limit), limit))
                .transpose()?,
            at_once: usize::try_from(at_once).unwrap_or(1),
            waivers,
        })
    }
}

/// The variables whose values are sent and must not be shown.
pub fn secret_names(options: &SmokeOptions) -> Vec<String> {
    let one = |options: &ProbeOptions| {
        let headers = options.header_env.iter();
        let headers = headers.filter_map(|line| Some(request::header_env(line).ok()?.1.to_owned()));
        let authorization = options.bearer_env.iter().chain(&options.basic_env).cloned();
        headers.chain(authorization).collect::<Vec<_>>()
    };
    let whole = one(&options.shared());
    whole.into_iter().chain(options.probes.iter().flat_map(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is merged, which reads it, so the compiler cannot tell that nothing else does.
    #[test]
    fn every_option_means_something() {
        let read = concat!(
            include_str!("mod.rs"),
            include_str!("probe.rs"),
            include_str!("request.rs")
        );
        for field in ProbeOptions::FIELDS {
            let is_read = regex::Regex::new(&format!(r"options\s*\.{field}\b")).unwrap();
            assert!(is_read.is_match(read), "no plan reads `{field}`");
        }
    }
}
