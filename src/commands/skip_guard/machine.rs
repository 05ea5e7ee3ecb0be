//! Prerequisites on this machine: variables, files, commands, a freeze.

use std::path::{Path, PathBuf};

use super::answer::{Answer, Missing, cannot, met, should};
use super::freeze::{self, Freeze};
use super::requirement::FreezeIn;
use super::run_context;
use super::situation::{Origin, Situation};
use super::value::Held;
use crate::engine::{NotChecked, Observation};
use crate::world::files::{self, Links};
use crate::world::{World, paths, workspace};

/// A freeze is a few lines that a person wrote.
const LARGEST_FREEZE: u64 = 64 << 10;

fn held(name: &str, world: &World) -> Held {
    Held::in_variable(world.env.raw(name))
}

pub fn secret(name: &str, world: &World) -> Result<Answer, NotChecked> {
    match held(name, world) {
        Held::Value => Ok(Answer::Met(Observation::nothing_wrong())),
        Held::Instead(what) => Ok(not_a_value(name, what)),
        Held::Nothing => missing_secret(name, name, world),
    }
}

fn not_a_value(name: &str, what: &str) -> Answer {
    should(
        format!("{name} holds {what}"),
        format!("Correct what the step's `env:` maps to {name}."),
    )
}

/// What it means that a secret is not there depends on where the run comes from.
fn missing_secret(names: &str, example: &str, world: &World) -> Result<Answer, NotChecked> {
    let verb = if names.contains(", ") { "are" } else { "is" };
    match Origin::of(&world.runner) {
        Origin::Own => Ok(should(
            format!("{names} {verb} not set or empty"),
            match world.env.raw(example) {
                // It is mapped, and what it is mapped from is nothing.
                Some(_) => {
                    "Create the secret. If it belongs to an environment, the job must name that environment.".to_owned()
                }
                None if !world.runner.active => here(example),
                None => format!(
                    "Create it and map it into the step: `env: {example}: ${{{{ secrets.{example} }}}}`. A secret of an \
                     environment needs a job that names the environment."
                ),
            },
        )),
        Origin::WithoutSecrets(who) => Ok(cannot(format!("{names} {verb} not available to {who}"))),
        Origin::Unknown(why) => Err(NotChecked::with_help(
            format!("{names} {verb} not set, and it is unknown whether this run should have it: {why}"),
            run_context::event_help(world),
        )),
    }
}

pub fn variable(name: &str, world: &World) -> Answer {
    match held(name, world) {
        Held::Value => Answer::Met(Observation::nothing_wrong()),
        Held::Instead(what) => not_a_value(name, what),
        Held::Nothing => should(
            format!("{name} is not set or empty"),
            match world.runner.active {
                true => format!("Create the variable and map it into the step: `env: {name}: ${{{{ vars.{name} }}}}`."),
                false => here(name),
            },
        ),
    }
}

/// Outside of a workflow, a shell sets it.
fn here(name: &str) -> String {
    format!("Set it: `export {name}=VALUE`.")
}

/// All or none. Some of them is what a half-done setup looks like, and never a reason to skip.
pub fn group(names: &[String], world: &World) -> Result<Answer, NotChecked> {
    let is_set = |name: &&str| held(name, world).is_value();
    let (set, unset): (Vec<&str>, Vec<&str>) = names.iter().map(String::as_str).partition(is_set);
    let instead = unset.iter().find_map(|name| match held(name, world) {
        Held::Instead(what) => Some((*name, what)),
        _ => None,
    });
    match (set.is_empty(), unset.as_slice()) {
        (_, []) => Ok(Answer::Met(Observation::nothing_wrong())),
        (true, [example, ..]) if instead.is_none() => missing_secret(&unset.join(", "), example, world),
        _ => Ok(Answer::Missing(Missing {
            situation: Situation::Partly,
            message: match (instead, set.as_slice()) {
                (Some((name, what)), []) => format!("{name} holds {what}"),
                (Some((name, what)), _) => format!("{} set, but {name} holds {what}", is_or_are(&set)),
                (None, _) => format!("{} set, but {} not", is_or_are(&set), is_or_are(&unset)),
            },
            help: "Set the missing ones, or unset the others: they are used together.".to_owned(),
        })),
    }
}

fn is_or_are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// In the action's container, unmounted files of the host are out of sight.
fn visible(path: &Path, world: &World) -> Result<(), NotChecked> {
    match world.host.hides(path) {
        Ok(false) => Ok(()),
        Ok(true) => Err(NotChecked::with_help(
            format!(
                "{} is not in a folder of the runner that is mounted into this container",
                path.display()
            ),
            "name a path in the workspace, or in RUNNER_TEMP with runner 2.331 or newer; no other host folder is \
             mounted",
        )),
        Err(error) => Err(NotChecked::errored(format!("the mounts cannot be read: {error}"))),
    }
}

pub fn file(path: &Path, world: &World) -> Result<Answer, NotChecked> {
    visible(&world.workspace.join(path), world)?;
    match files::is_file(&world.workspace.join(path)) {
        Ok(Some(true)) => Ok(Answer::Met(Observation::nothing_wrong())),
        Ok(Some(false)) => Ok(should(
            format!("{} is not a file", path.display()),
            "If it is a folder, name a file in it.",
        )),
        Ok(None) => Ok(should(
            format!("the file {} does not exist", path.display()),
            "Check the path, and that the checkout or build before this step creates it.",
        )),
        Err(error) => Err(NotChecked::with_help(
            format!("{} cannot be checked: {error}", path.display()),
            "check the permissions of the file and of the folders above it",
        )),
    }
}

pub fn command(name: &str, world: &World) -> Result<Answer, NotChecked> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![world.workspace.join(name)]
    } else {
        let Some(path) = world.env.raw("PATH") else {
            return Err(NotChecked::with_help(
                "PATH is not set, so no command can be found",
                "give the path of the command, or run stageproof on the host instead of in the container",
            ));
        };
        std::env::split_paths(path).map(|folder| folder.join(name)).collect()
    };
    let found = candidates.iter().find(|path| files::is_executable(path));
    Ok(match found {
        Some(path) => met("path", &path.display().to_string()),
        None => should(
            format!("the command {name} is not installed"),
            "Install it in a step before this one; the container action sees only what is in its own image.",
        ),
    })
}

pub fn not_frozen(place: &FreezeIn, world: &World) -> Result<Answer, NotChecked> {
    let freezes: Vec<Freeze> = match place {
        FreezeIn::Env(name) => in_variable(name, world).into_iter().collect(),
        FreezeIn::File(path) => {
            let mut places: Vec<PathBuf> = workspace::folders(&world.env, &world.folder);
            places.push(world.workspace.clone());
            // As the system follows it, and as it reads: `missing/../freeze.yml` and `freeze.yml/` lead nowhere.
            let mut places: Vec<PathBuf> = places
                .iter()
                .map(|folder| folder.join(path))
                .flat_map(|place| [paths::shortest(&place), place])
                .collect();
            places.dedup();
            places.iter().try_for_each(|place| visible(place, world))?;
            places.iter().filter_map(|place| in_file(place, world)).collect()
        }
    };
    let mut over = None;
    for freeze in freezes {
        match freeze {
            Freeze::Holds(says) => {
                return Ok(should(says, "Wait until it ends, or ask its author to remove it."));
            }
            Freeze::Unreadable(why) => {
                return Ok(should(
                    format!("there is an unreadable freeze ({why})"),
                    "Write it as {reason: TEXT, by: NAME, until: 2026-12-31}, or remove it.",
                ));
            }
            Freeze::Over(until) => over = Some(until),
        }
    }
    Ok(match over {
        Some(until) => met("the last freeze ended", &until),
        None => Answer::Met(Observation::nothing_wrong()),
    })
}

/// An unset variable arrives as an empty text.
fn in_variable(name: &str, world: &World) -> Option<Freeze> {
    let text = world.env.raw(name)?.to_string_lossy();
    (!text.trim().is_empty()).then(|| freeze::read(&text, world.clock.now(), &world.secrets))
}

/// A freeze that cannot be read was meant to stop something, and so was a dangling link; an empty file is an unfinished
/// freeze.
fn in_file(path: &Path, world: &World) -> Option<Freeze> {
    if matches!(paths::is_absent(path), Ok(true)) {
        return None;
    }
    Some(match files::read_text(path, LARGEST_FREEZE, Links::Follow) {
        Ok(text) => freeze::read(&text, world.clock.now(), &world.secrets),
        Err(_) if matches!(files::is_there(path), Ok(false)) => {
            Freeze::Unreadable(format!("{} is or is behind a dangling symbolic link", path.display()))
        }
        Err(error) => Freeze::Unreadable(format!("{error:#}")),
    })
}
