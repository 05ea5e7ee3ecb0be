//! What is asked about the objects of a revision: rights, acceptance and images.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::api::{AT_ONCE, Change, Helm, Patch, Places};
use super::manifest::Object;
use super::{Running, Target, messages};
use crate::commands::rollback_dry_run::{LIMIT, Seen, pods};
use crate::engine::Observation;
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::kubernetes::Right;

/// What Helm does with its own records: it reads them, notes the rollback, and notes that another one is superseded.
const OF_RECORDS: [&str; 4] = ["list", "get", "create", "update"];
/// As many records as Helm keeps if it is not told otherwise; before it notes one more, it deletes the oldest.
const KEPT: usize = 10;

/// One right that a rollback needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Needed {
    namespace: String,
    verb: &'static str,
    group: String,
    resource: String,
    /// `None`: any.
    name: Option<String>,
}

impl Needed {
    fn new(namespace: &str, verb: &'static str, (group, resource): (&str, &str), name: Option<&str>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            verb,
            group: group.to_owned(),
            resource: resource.to_owned(),
            name: name.map(str::to_owned),
        }
    }

    fn told(&self) -> String {
        let Self {
            verb,
            resource,
            namespace,
            ..
        } = self;
        let dot = if self.group.is_empty() { "" } else { "." };
        let name = self
            .name
            .as_ref()
            .map(|name| format!(" {}", one_line(name)))
            .unwrap_or_default();
        let place = if namespace.is_empty() {
            String::new()
        } else {
            format!(" in {namespace}")
        };
        format!("{verb} {resource}{dot}{}{name}{place}", self.group)
    }
}

/// Answers with where the kinds of both manifests are kept.
pub async fn permission(running: Running, target: Target) -> Seen<Places> {
    let Running { helm, newest, .. } = &running;
    let (until, before) = (Instant::now() + LIMIT, helm.cluster.sent());
    let hooks = target.hooks()?;
    let all = [&target.objects[..], &newest.objects[..], &hooks[..]].concat();
    let places = helm.places(&all, until).await?;
    let needed: Vec<Needed> = needed(&running, &target, &hooks, &places).into_iter().collect();
    let mut missing = Vec::new();
    for some in needed.chunks(AT_ONCE) {
        let asks = some.iter().map(|of| {
            let right = Right {
                verb: of.verb,
                group: &of.group,
                resource: &of.resource,
                name: of.name.as_deref(),
            };
            helm.may(&of.namespace, right, until)
        });
        for (of, may) in some.iter().zip(join_all(asks).await) {
            if !may? {
                missing.push(of.told());
            }
        }
    }
    let everything = helm.may(&helm.cluster.namespace, Right::ALL, until).await;
    let everything = everything?;
    let mut observed = Observation::nothing_wrong()
        .fact("rights", count(needed.len(), "right"))
        .fact("requests", (helm.cluster.sent() - before).to_string());
    if !missing.is_empty() {
        return Ok((None, observed.with(messages::may_not(helm, &missing))));
    }
    if everything {
        let why = format!(
            "{} may do everything in this namespace; {} are enough",
            helm.cluster.credentials,
            count(needed.len(), "right")
        );
        observed = observed.with(Finding::note("more-rights", why));
    }
    Ok((Some(places), observed))
}

fn needed(running: &Running, target: &Target, hooks: &[Object], places: &Places) -> BTreeSet<Needed> {
    let Running { helm, newest, .. } = running;
    let own = &*helm.cluster.namespace;
    let mut all = BTreeSet::new();
    let mut of_records = OF_RECORDS.to_vec();
    if running.records.len() >= KEPT {
        of_records.push("delete");
    }
    all.extend(
        of_records
            .into_iter()
            .map(|verb| Needed::new(own, verb, ("", "secrets"), None)),
    );
    let mut add = |object: &Object, verbs: &[&'static str]| {
        let Some(place) = places.get(&key(object)) else { return };
        let namespace = helm.namespace(object, place);
        for verb in verbs {
            let name = (!matches!(*verb, "create" | "list" | "watch")).then_some(&*object.name);
            all.insert(Needed::new(namespace, verb, (&object.group, &place.resource), name));
        }
        // `--wait` looks for the replica set of each deployment; Helm 4 watches all that it waits for.
        let replica_sets: &[&str] = match &*object.kind {
            "Deployment" if verbs.contains(&"watch") => &["list", "watch"],
            "Deployment" => &["list"],
            _ => &[],
        };
        for verb in replica_sets {
            all.insert(Needed::new(namespace, verb, ("apps", "replicasets"), None));
        }
    };
    // What Helm 4 wrote names how it applies.
    let watches: &[&str] = match &*newest.release.apply_method {
        "" => &[],
        _ => &["list", "watch"],
    };
    for object in &*target.objects {
        let change = match of_the_same(helm, &newest.objects, object, places) {
            Some(_) => "patch",
            None => "create",
        };
        add(object, &[&["get", change], watches].concat());
    }
    for object in &*newest.objects {
        if of_the_same(helm, &target.objects, object, places).is_none() && !object.is_kept() {
            add(object, &["get", "delete"]);
        }
    }
    for hook in hooks {
        // Helm deletes what an earlier run left, and waits for these two kinds.
        let waits: &[&str] = match &*hook.kind {
            "Job" | "Pod" => &["list", "watch"],
            _ => &[],
        };
        add(hook, &[&["get", "create", "delete"], waits].concat());
    }
    all
}

fn key(object: &Object) -> (String, String, String) {
    (object.group.clone(), object.version.clone(), object.kind.clone())
}

/// The same object in another manifest, whatever it holds there.
fn of_the_same<'a>(helm: &Helm, all: &'a [Object], object: &Object, places: &Places) -> Option<&'a Object> {
    let namespace = |of: &Object| {
        places.get(&key(of)).map_or_else(
            || of.namespace.clone(),
            |place| Some(helm.namespace(of, place).to_owned()),
        )
    };
    let is_same = |other: &&Object| {
        (&other.group, &other.kind, &other.name) == (&object.group, &object.kind, &object.name)
            && namespace(other) == namespace(object)
    };
    all.iter().find(is_same)
}

pub async fn accepted(running: Running, target: Target, places: Places) -> Seen<()> {
    let Running { helm, newest, .. } = &running;
    let (until, before) = (Instant::now() + LIMIT, helm.cluster.sent());
    let (mut findings, mut unknown) = (Vec::new(), None);
    // Helm reads the newest manifest and the hooks before it changes anything.
    let hooks = target.hooks()?;
    let newest_has = newest.objects.iter().map(|object| (object, "the newest revision"));
    for (object, of) in newest_has.chain(hooks.iter().map(|hook| (hook, "a hook"))) {
        let is_served = places.contains_key(&key(object));
        if !is_served && target.objects.iter().all(|other| key(other) != key(object)) {
            findings.push(messages::not_served(object, of));
        }
    }
    for some in target.objects.chunks(AT_ONCE) {
        let asks = some.iter().map(|object| async {
            let makes = |objects: &[Object], is_it: &dyn Fn(&Object) -> bool| objects.iter().any(is_it);
            let Some(place) = places.get(&key(object)) else {
                return Some(match makes(&target.objects, &|other| other.defines(object)) {
                    true => Err(messages::made_first(object)),
                    false => Ok(messages::not_served(object, "the revision")),
                });
            };
            let space = helm.namespace(object, place);
            let is_space = |other: &Object| other.is_namespace(space);
            if makes(&target.objects, &is_space) && !makes(&newest.objects, &is_space) {
                return Some(Err(messages::made_first(object)));
            }
            let current = of_the_same(helm, &newest.objects, object, &places);
            // The cluster fills in what a running pod may not lose, and Helm sends nothing for one that does not differ.
            if object.is_pod() && current.is_some_and(|current| current.body == object.body) {
                return None;
            }
            let merge = object.patch(current);
            let patch = match target.release.is_applied() {
                true => Patch::Apply,
                false => Patch::Merge(&merge),
            };
            let is_new = current.is_none();
            let change = Change { place, is_new, patch };
            let error = helm.would_accept(object, change, until).await.err()?;
            Some(messages::not_accepted(object, space, &error))
        });
        for answer in join_all(asks).await.into_iter().flatten() {
            match answer {
                Ok(finding) => findings.push(finding),
                Err(error) => drop(unknown.get_or_insert(error)),
            }
        }
    }
    // What is known to be refused stays a failure, whatever else is unknown.
    if let (Some(unknown), true) = (unknown, findings.is_empty()) {
        return Err(unknown);
    }
    let mut observed = Observation::nothing_wrong()
        .fact("objects", count(target.objects.len(), "object"))
        .fact("requests", (helm.cluster.sent() - before).to_string());
    observed.findings = findings;
    Ok((Some(()), observed))
}

/// Every image of pods, as it is written.
pub fn images(objects: &[Object]) -> String {
    let mut all: Vec<String> = Vec::new();
    for image in objects.iter().filter_map(Object::template).flat_map(pods::written) {
        if !all.contains(&image) {
            all.push(image);
        }
    }
    one_line(&all.join(", "))
}
