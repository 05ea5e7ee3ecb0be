//! The same probes, of the previous version: started here in place of the current one.

use super::url::target;
use super::{ProbeOptions, SmokeOptions};
use crate::cli::common::Setting;
use crate::cli::error::UsageError;
use crate::commands::smoke::Plan;
use crate::model::waiver::Waiver;
use crate::world::World;
use crate::world::http::is_loopback;

/// Keeps its logs apart from those of the current version.
const LABEL: &str = "previous";

impl SmokeOptions {
    pub fn expects_version(&self) -> bool {
        self.expect_version.is_some() || self.probes.iter().any(|probe| probe.expect_version.is_some())
    }

    /// `start` takes the place of the command that starts the application, which is the last of several servers; `at` that
    /// of the deployment's address.
    pub fn of_previous(
        mut self,
        start: &str,
        at: Option<&str>,
        setting: &Setting,
        world: &World,
        waivers: Vec<Waiver>,
    ) -> Result<Plan, UsageError> {
        match self.servers.last_mut() {
            Some(application) if self.start.is_none() => start.clone_into(&mut application.start),
            _ => self.start = Some(start.to_owned()),
        }
        // The version that is expected is the current one.
        self.expect_version = None;
        self.version_from = None;
        for probe in &mut self.probes {
            probe.expect_version = None;
            probe.version_from = None;
        }
        match at {
            Some(at) => self.move_to(at)?,
            None => self.refuse_elsewhere()?,
        }
        let label = match &setting.label {
            Some(label) => format!("{label}-{LABEL}"),
            None => LABEL.to_owned(),
        };
        let setting = Setting {
            label: Some(label),
            ..setting.clone()
        };
        self.plan(&setting, world, waivers)
    }

    fn move_to(&mut self, at: &str) -> Result<(), UsageError> {
        let base = target(at)?;
        if !is_loopback(&base) {
            return Err(UsageError::new(format!("--rehearse-url {at} is not on this machine"))
                .help("write http://127.0.0.1:PORT: the previous version is started here"));
        }
        let moved = |url: &mut Option<String>| {
            // What is wrong with it is told where it is read.
            if let Some(Ok(old)) = url.as_deref().map(target) {
                let mut new = base.clone();
                new.set_path(old.path());
                new.set_query(old.query());
                *url = Some(new.into());
            }
        };
        moved(&mut self.url);
        // What is said of the way to the deployment, and of its certificate, says nothing of this machine.
        self.resolve.clear();
        self.control = None;
        self.min_certificate_days = None;
        for probe in &mut self.probes {
            moved(&mut probe.url);
            probe.resolve.clear();
            probe.control = None;
            probe.min_certificate_days = None;
        }
        Ok(())
    }

    fn refuse_elsewhere(&self) -> Result<(), UsageError> {
        let of_probes = self.probes.iter().map(|probe: &ProbeOptions| &probe.url);
        let urls = of_probes
            .chain([&self.url])
            .flatten()
            .filter_map(|url| target(url).ok());
        match urls.into_iter().find(|url| !is_loopback(url)) {
            Some(url) => Err(UsageError::new(format!(
                "--rehearse starts the previous version on this machine, but smoke asks {}",
                url.host_str().unwrap_or_default()
            ))
            .help("say where it answers with --rehearse-url http://127.0.0.1:PORT")),
            None => Ok(()),
        }
    }
}
