//! What became of a run of a workflow, and what tests ask of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::artifacts::Artifacts;
use crate::container::step::Step as Place;

pub type Names = BTreeMap<String, String>;

/// What became of a run.
#[derive(Default)]
pub struct Ended {
    /// `JOB/STEP`, or `JOB/STEP/STEP` in a composite action, and its outcome, in order.
    pub steps: Vec<(String, &'static str)>,
    /// Results of jobs, those of a called workflow as `CALLER/JOB`.
    pub jobs: BTreeMap<String, &'static str>,
    /// Outputs of jobs that called a workflow, as `JOB`.
    pub outputs: BTreeMap<String, Names>,
    /// Where the action uploads to.
    pub service: Option<Artifacts>,
    /// Environments that were deployed to, one for each job that named one.
    pub deployments: Vec<String>,
    pub said: String,
    /// The folders of the jobs, kept for as long as this is.
    pub places: Vec<Place>,
}

impl Ended {
    #[track_caller]
    pub fn is(&self, name: &str, outcome: &str) -> &Self {
        let found = self
            .steps
            .iter()
            .find(|(step, _)| step == name)
            .map(|(_, outcome)| *outcome);
        let found = found.or(self.jobs.get(name).copied());
        assert_eq!(
            found,
            Some(outcome),
            "{name}\n{:#?}\n{:#?}\n{}",
            self.steps,
            self.jobs,
            self.said
        );
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.said.contains(text), "expected it to say: {text}\n{}", self.said);
        self
    }

    /// The runner was told to mask it before it was shown.
    #[track_caller]
    pub fn hides(&self, secret: &str) -> &Self {
        let first = self.said.lines().find(|line| line.contains(secret));
        assert!(
            first.is_some_and(|line| line.starts_with("::add-mask::")),
            "{}",
            self.said
        );
        self
    }

    /// The workspace of the last job.
    pub fn workspace(&self) -> PathBuf {
        self.places.last().unwrap().folder("workspace")
    }

    /// Its only artifact is evidence that verifies, and this is its digest.
    #[track_caller]
    pub fn evidence(&self) -> String {
        let kept = self.uploaded();
        assert_eq!(kept.len(), 1, "{:?}", self.said);
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&kept[0].1))
    }

    /// What the action uploaded.
    pub fn uploaded(&self) -> Vec<(String, Vec<u8>)> {
        self.service.as_ref().map(Artifacts::visible).unwrap_or_default()
    }
}
