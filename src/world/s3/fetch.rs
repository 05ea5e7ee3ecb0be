//! What was stored is downloaded, as a file of ours.

use std::path::Path;

use super::ask::Ask;
use super::request::CHECK;
use super::upload::RECORDED;
use super::{Failed, Place, Store, unknown};
use crate::model::attest::{ENVELOPE_FILE, beside};
use crate::world::artifacts::{Bundle, Fetched, LARGEST, PAUSES, STALL};
use crate::world::calls::{NoAnswer, Unknown};
use crate::world::download::{NotSaved, Tenths, save};
use crate::world::{World, scratch};

const ACTION: &str = "s3:GetObject";

/// A stored bundle.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How it is called here.
    pub name: String,
    pub zip: Place,
    /// Its signed statement, if that is wanted, too.
    pub envelope: Option<Place>,
    /// If it is not the address that the tools of AWS take.
    pub endpoint: Option<String>,
}

/// Gets the zip, and then the signed statement.
pub async fn fetch(wanted: &Wanted, world: &World) -> Result<Fetched, Failed> {
    let store = Store::connect(wanted.endpoint.as_deref(), world)?;
    let folder = scratch::folder(&world.env, &world.workspace).map_err(|error| unwritable(&error))?;
    let zip = folder.path().join(format!("{}.zip", wanted.name));
    let mut bundles = vec![store.get(&wanted.zip, &zip, world).await?];
    if let Some(envelope) = &wanted.envelope {
        bundles.push(store.get(envelope, &beside(&zip, ENVELOPE_FILE), world).await?);
    }
    Ok(Fetched { folder, bundles })
}

impl Store {
    async fn get(&self, place: &Place, to: &Path, world: &World) -> Result<Bundle, Failed> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let why = match self.once(place, to, world).await? {
                Ok(bundle) => return Ok(bundle),
                Err(why) => why,
            };
            let Some(pause) = pauses.next() else {
                return Err(Failed::Unknown(why));
            };
            self.progress.pause(&why.why, pause).await;
        }
    }

    /// The inner error is one that another try may not have.
    async fn once(&self, place: &Place, to: &Path, world: &World) -> Result<Result<Bundle, Unknown>, Failed> {
        let unanswered = |failure| Unknown::unanswered(self.host(), &NoAnswer::Failed(failure), CHECK);
        let ask = Ask::of(place, ACTION);
        let (url, headers) = self.signed(&ask)?;
        let asking = world
            .progress
            .waiting(&format!("asking {} for {place}", self.host()), None);
        let mut pieces = match self.http.get_in_pieces(&url, &headers, STALL).await {
            Ok(pieces) => pieces,
            Err(failure) if failure.may_pass() => return Ok(Err(unanswered(failure))),
            Err(failure) => return Err(Failed::Unknown(unanswered(failure))),
        };
        drop(asking);
        if pieces.status != 200 {
            // This waits for the end of what is temporary, and reads why.
            let answered = self.ask(&ask).await?;
            return match (answered.answer.status, answered.code.as_deref()) {
                (200, _) => Ok(Err(Unknown::new(
                    format!(
                        "{} answers for {place} with status {} at times",
                        self.host(),
                        pieces.status
                    ),
                    "run it again later",
                ))),
                (404, None | Some("NoSuchKey")) => Err(Failed::Refused(Unknown::new(
                    format!("there is no object {place}"),
                    "check the key; the output store-uri of evidence-bundle has it",
                ))),
                _ => Err(self.refused(&ask, &answered)),
            };
        }
        let bytes = pieces.headers.get("content-length").and_then(|text| text.parse().ok());
        if bytes.is_some_and(|bytes: u64| bytes > LARGEST) {
            return Err(too_large(place));
        }
        // As whoever stored it wrote it down.
        let recorded = pieces.headers.get(RECORDED);
        let mut tenths = Tenths::new(
            &format!("downloading {place}"),
            bytes.unwrap_or_default(),
            &world.progress,
        );
        let saved = match save(&mut pieces, to, LARGEST, &mut tenths).await {
            Ok(saved) => saved,
            Err(NotSaved::Broken(failure)) => return Ok(Err(unanswered(failure))),
            Err(NotSaved::TooLarge) => return Err(too_large(place)),
            Err(NotSaved::Unwritable(error)) => return Err(unwritable(&error)),
        };
        let found = hex::encode(saved.sha256);
        if let Some(recorded) = recorded.as_ref().filter(|recorded| **recorded != found) {
            return Err(Failed::Refused(Unknown::new(
                format!("{place} is damaged: its SHA-256 is {found}, and was {recorded} when it was stored"),
                "somebody replaced it, or the store is broken; a bucket with versions may still have the original",
            )));
        }
        let file = to.file_name().unwrap_or_default().to_string_lossy();
        Ok(Ok(Bundle {
            name: file.strip_suffix(".zip").unwrap_or(&file).to_owned(),
            zip: to.to_owned(),
            bytes: saved.size,
            sha256: found,
            compared: recorded.is_some(),
        }))
    }
}

fn too_large(place: &Place) -> Failed {
    Failed::Refused(Unknown::new(
        format!("{place} is larger than {} GiB", LARGEST >> 30),
        "download it another way, and give the path of the zip",
    ))
}

fn unwritable(error: &anyhow::Error) -> Failed {
    unknown(
        format!("what is downloaded cannot be kept: {error:#}"),
        "free some space in the temporary folder",
    )
}
