//! What a diagnosis is made of: logs and rules.

use std::io::ErrorKind;

use super::{Green, Named, Plan};
use crate::model::diagnose::{Log, Reader, Rules};
use crate::world::World;
use crate::world::files::{self, Links};
use crate::world::job_log::{self, Source};

/// The built-in rules together have less.
const LARGEST: u64 = 1 << 20;
const ONE_LOG: &str = "give the log of a job, as GitHub shows it under `View raw logs`, or the archive of a run's logs";

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

/// The log, or each of an archive.
pub fn each(named: &Named) -> Result<Vec<Named>, (String, String)> {
    let inside = match &named.source {
        Source::File(path) => job_log::unpacked(path).map_err(|error| unreadable(named, &error))?,
        _ => None,
    };
    let Some(inside) = inside else {
        return Ok(vec![named.clone()]);
    };
    if inside.is_empty() {
        let why = format!("{} has no logs: no .txt or .log file is in it", named.name);
        return Err((why, ONE_LOG.to_owned()));
    }
    let all = inside.into_iter();
    let all = all.map(|(name, source)| Named::new(source, format!("{}!{name}", named.name)));
    Ok(all.collect())
}

fn unreadable(named: &Named, error: &std::io::Error) -> (String, String) {
    let name = &named.name;
    match error.kind() {
        ErrorKind::NotFound => (format!("{name} does not exist"), "check the path of --log".to_owned()),
        _ if files::is_not_regular(error) => {
            let help = "name a file, or hand the log in on standard input: --log -";
            (format!("{name} cannot be read: {error}"), help.to_owned())
        }
        ErrorKind::InvalidData => (
            format!("{name} cannot be read: {error}"),
            "download the log again".to_owned(),
        ),
        _ => (format!("{name} cannot be read: {error}"), ONE_LOG.to_owned()),
    }
}

pub fn log(named: &Named, world: &World) -> Result<Log, (String, String)> {
    fed(Reader::default(), named, world).map(Reader::end)
}

fn fed(mut reader: Reader, named: &Named, world: &World) -> Result<Reader, (String, String)> {
    let stop = || world.interrupt.received().is_some();
    let read = job_log::feed(&named.source, &mut |block| reader.feed(block), &stop);
    match (read, world.interrupt.received()) {
        (_, Some(signal)) => Err((
            format!("interrupted by {signal} while {} was read", named.name),
            "run it again".to_owned(),
        )),
        (Err(error), None) => Err(unreadable(named, &error)),
        (Ok(0), None) => Err((format!("{} is empty", named.name), ONE_LOG.to_owned())),
        (Ok(_), None) => Ok(reader),
    }
}

/// The lines of a green run.
pub fn green(named: &Named, world: &World) -> Result<Green, (String, String)> {
    let help = "give the log of a run of the same job that passed, or leave out --green";
    lines(named, world).map_err(|(why, _)| (why, help.to_owned()))
}

fn lines(named: &Named, world: &World) -> Result<Green, (String, String)> {
    let mut known = Green::default();
    for named in &each(named)? {
        known.extend(fed(Reader::of_green(), named, world)?.end_of_green());
    }
    if known.is_full() {
        let why = format!("{} has too many different lines to compare with", named.name);
        return Err((why, ONE_LOG.to_owned()));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::world::Env;

    #[test]
    fn a_log_with_too_many_different_lines_is_not_compared() {
        let log = |lines: u32| {
            // Numbers are not compared.
            let letter = |number: u32| char::from(b'a' + u8::try_from(number % 26).unwrap());
            let line = |n: u32| [1, 26, 676, 17_576].map(|of| letter(n / of)).iter().collect::<String>() + "\n";
            let text: String = (0..lines).map(line).collect();
            Named::new(Source::Memory(Arc::new(text.into_bytes())), "green.log")
        };
        let world = World::of(Env::default());
        assert!(green(&log(9_999), &world).is_ok());
        let (why, help) = green(&log(10_000), &world).err().unwrap();
        assert_eq!(why, "green.log has too many different lines to compare with");
        assert!(help.contains("leave out --green"), "{help}");
    }
}
