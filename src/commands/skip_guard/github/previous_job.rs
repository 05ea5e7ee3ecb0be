//! Whether a job of this run succeeded.

use super::{JobNames, nearest, quoted};
use crate::commands::skip_guard::answer::{Answer, should};
use crate::engine::{NotChecked, Observation};
use crate::model::text::one_line;
use crate::world::World;
use crate::world::github::{Job, Session};

pub async fn previous_job(name: &str, session: &Session<'_>, run: u64, world: &World) -> Result<Answer, NotChecked> {
    let listed = session.jobs(run).await?;
    let whole = listed.whole;
    let jobs = JobNames::new(listed.items);
    let named = jobs.named(name);
    // What was not read may be another of its matrix, or its newest attempt.
    if !whole {
        return Err(NotChecked::with_help(
            format!("the run has too many jobs to find every {name}"),
            "name it in `needs:` and test its result there",
        ));
    }
    let Some(first) = named.first() else {
        return Ok(absent(name, &jobs));
    };
    let wrong: Vec<(String, &str)> = named.iter().filter_map(|job| wrong(job)).collect();
    let Some((_, next)) = wrong.first() else {
        let observed = Observation::nothing_wrong().fact("jobs", named.len().to_string());
        return Ok(Answer::Met(match (first.run_attempt, world.runner.run_attempt()) {
            // A repeated attempt leaves out what succeeded before.
            (Some(then), Some(now)) if then < now => observed.fact("attempt", then.to_string()),
            _ => observed,
        }));
    };
    let messages: Vec<&str> = wrong.iter().map(|(message, _)| message.as_str()).collect();
    Ok(should(messages.join(", "), *next))
}

fn absent(name: &str, jobs: &JobNames) -> Answer {
    let known = || jobs.all().iter().map(|job| job.name.as_str());
    let near = nearest(name, known());
    should(
        format!("there is no job {name} in this run"),
        match near.is_empty() {
            false => format!("Did you mean {}?", quoted(near, " or ")),
            true => format!(
                "Use the name that the run's page shows, and list the job in `needs:` of this one. There is {}.",
                quoted(known().take(10), ", ")
            ),
        },
    )
}

/// What kept a job from success, and what to do; nothing if it succeeded.
fn wrong(job: &Job) -> Option<(String, &'static str)> {
    const SEE: &str = "Check its log, and run the failed jobs again.";
    let (how, next) = match (job.status.as_str(), job.conclusion.as_deref()) {
        ("completed", Some("success")) => return None,
        ("completed", Some("skipped")) => (
            "was skipped".to_owned(),
            "Find out why: its `if:` was false, or a job in its `needs:` did not succeed.",
        ),
        ("completed", Some("failure")) => ("failed".to_owned(), SEE),
        ("completed", Some("timed_out")) => ("timed out".to_owned(), SEE),
        ("completed", Some("startup_failure")) => ("could not be started".to_owned(), SEE),
        ("completed", Some("cancelled")) => ("was cancelled".to_owned(), "Run it again."),
        ("completed", Some(other)) => (format!("ended as {}", one_line(other)), SEE),
        ("completed", None) => ("ended without a result".to_owned(), SEE),
        ("in_progress", _) => (
            "is still running".to_owned(),
            "List it in `needs:` of this job, so that this one waits for it.",
        ),
        (status, _) => (
            format!("has not started ({})", one_line(status)),
            "List it in `needs:` of this job, so that this one waits for it.",
        ),
    };
    let address = job.html_url.as_deref().map(|url| format!(" ({})", one_line(url)));
    let name = one_line(&job.name);
    Some((format!("the job {name} {how}{}", address.unwrap_or_default()), next))
}
