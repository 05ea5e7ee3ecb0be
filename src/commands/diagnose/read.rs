//! What a diagnosis is made of: logs and rules.

use super::{Green, Named, Plan};
use crate::model::diagnose::{Log, Reader, Rules};
use crate::world::World;
use crate::world::files::{self, Links};
use crate::world::job_log;

/// The built-in rules together have less.
const LARGEST: u64 = 1 << 20;

pub fn rules(plan: &Plan) -> Result<Rules, (String, String)> {
    let Some(path) = &plan.rules else {
        return Rules::new(None).map_err(|error| (error.to_string(), "report this as a bug".to_owned()));
    };
    let name = path.display();
    let text = files::read_text(path, LARGEST, Links::Follow)
        .map_err(|error| (format!("{error:#}"), "check the path of --rules".to_owned()))?;
    Rules::new(Some(&text)).map_err(|error| {
        let help = "correct the rule file; docs/guides/diagnose.md describes its format";
        (format!("{name}: {error}"), help.to_owned())
    })
}

pub fn log(named: &Named, world: &World) -> Result<Log, (String, String)> {
    let mut reader = Reader::default();
    let stop = || world.interrupt.received().is_some();
    let read = job_log::feed(&named.source, &mut |block| reader.feed(block), &stop);
    match (read, world.interrupt.received()) {
        (_, Some(signal)) => Err((
            format!("interrupted by {signal} while {} was read", named.name),
            "run it again".to_owned(),
        )),
        (Err(error), None) => Err((
            format!("{} cannot be read: {error}", named.name),
            "give the log of one job, as GitHub shows it under `View raw logs`".to_owned(),
        )),
        (Ok(0), None) => Err((
            format!("{} is empty", named.name),
            "give the log of one job, as GitHub shows it under `View raw logs`".to_owned(),
        )),
        (Ok(_), None) => Ok(reader.end()),
    }
}

/// The lines of a green run.
pub fn green(named: &Named, world: &World) -> Result<Green, (String, String)> {
    let log = log(named, world)?;
    let mut known = Green::default();
    for step in &log.steps {
        for line in step.body.lines() {
            known.add(step.body.text(line));
        }
    }
    Ok(known)
}
