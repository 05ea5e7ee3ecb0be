//! Which jobs of a run a name stands for.

use crate::world::github::Job;

/// The jobs of a run, of each name those of the newest attempt: one that was not run again is as it was.
pub struct JobNames(Vec<Job>);

impl JobNames {
    pub fn new(jobs: Vec<Job>) -> Self {
        let newest = |job: &Job| {
            let same = jobs.iter().filter(|other| other.name == job.name);
            same.map(|other| other.run_attempt).max() == Some(job.run_attempt)
        };
        Self(jobs.iter().filter(|job| newest(job)).cloned().collect())
    }

    pub fn all(&self) -> &[Job] {
        &self.0
    }

    /// The job of this name, or those of a matrix: GitHub names them `build (linux)`, `build (linux, 3.12)`.
    pub fn named(&self, name: &str) -> Vec<&Job> {
        let of_matrix = |job: &Job| {
            let values = job.name.strip_prefix(name).and_then(|rest| rest.strip_prefix(" ("));
            values.is_some_and(|values| values.ends_with(')'))
        };
        let exact: Vec<&Job> = self.0.iter().filter(|job| job.name == name).collect();
        match exact.is_empty() {
            true => self.0.iter().filter(|job| of_matrix(job)).collect(),
            false => exact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, attempt: u64) -> Job {
        let job = serde_json::json!({"id": attempt, "name": name, "status": "completed", "run_attempt": attempt});
        serde_json::from_value(job).unwrap()
    }

    fn names(jobs: &[&Job]) -> Vec<(String, u64)> {
        jobs.iter().map(|job| (job.name.clone(), job.id)).collect()
    }

    #[test]
    fn a_name_stands_for_its_matrix_and_not_for_what_begins_so() {
        let jobs = ["build (linux)", "build (mac, 3)", "build-docs", "build", "builder (x)"];
        let whole = JobNames::new(jobs.iter().map(|name| job(name, 1)).collect());
        assert_eq!(names(&whole.named("build")), [("build".to_owned(), 1)]);
        let without = JobNames::new(
            jobs.iter()
                .filter(|n| **n != "build")
                .map(|name| job(name, 1))
                .collect(),
        );
        assert_eq!(without.named("build").len(), 2);
        assert!(without.named("deploy").is_empty());
    }

    #[test]
    fn a_job_that_was_not_run_again_is_as_it_was() {
        let jobs = JobNames::new(vec![job("build", 1), job("test", 1), job("test", 2)]);
        assert_eq!(names(&jobs.named("build")), [("build".to_owned(), 1)]);
        assert_eq!(names(&jobs.named("test")), [("test".to_owned(), 2)]);
    }
}
