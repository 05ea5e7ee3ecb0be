//! What was stored is downloaded, as a file of ours.

use std::path::Path;

use super::ask::Ask;
use super::upload::RECORDED;
use super::{NotStored, Place, Store, unknown};
use crate::world::artifacts::{Bundle, Fetched, LARGEST, PAUSES, STALL};
use crate::world::calls::{NoAnswer, Unknown};
use crate::world::download::{NotSaved, Tenths, save};
use crate::world::hash::Hashed;
use crate::world::http::Failure;
use crate::world::{World, scratch};

const ACTION: &str = "s3:GetObject";

/// Which objects are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub places: Vec<Place>,
    /// If it is not the address that the tools of AWS take.
    pub endpoint: Option<String>,
}

/// What is behind the head of an object.
struct Offer<'a> {
    place: &'a Place,
    bytes: u64,
    /// Its SHA-256, as whoever stored it wrote it down.
    recorded: Option<String>,
}

/// Gets all of them, or none.
pub async fn fetch(wanted: &Wanted, world: &World) -> Result<Fetched, NotStored> {
    let store = Store::connect(wanted.endpoint.as_deref(), &world.env)?;
    let folder = scratch::folder(&world.env, &world.workspace).map_err(|error| unwritable(&error))?;
    let mut bundles = Vec::with_capacity(wanted.places.len());
    for (number, place) in wanted.places.iter().enumerate() {
        let file = place.key.rsplit('/').next().unwrap_or_default();
        // Two places may end in the same name.
        let to = match bundles.iter().any(|bundle: &Bundle| bundle.zip.ends_with(file)) {
            true => folder.path().join(format!("{number}-{file}")),
            false => folder.path().join(file),
        };
        bundles.push(store.get(&store.offer(place).await?, &to, world).await?);
    }
    Ok(Fetched { folder, bundles })
}

impl Store {
    async fn offer<'a>(&self, place: &'a Place) -> Result<Offer<'a>, NotStored> {
        let there = self.ask(&self.head(place)).await?.answer;
        if there.status != 200 {
            // A head does not say why.
            let answered = self.ask(&Ask::of(place, ACTION)).await?;
            return Err(match (answered.answer.status, answered.code.as_deref()) {
                (404, None | Some("NoSuchKey")) => NotStored::Refused(Unknown::new(
                    format!("there is no object {place}"),
                    "check the key; the output store-uri of evidence-bundle has it",
                )),
                _ => self.refused(&Ask::of(place, ACTION), &answered),
            });
        }
        let bytes = there.headers.get("content-length").and_then(|text| text.parse().ok());
        if bytes.is_some_and(|bytes: u64| bytes > LARGEST) {
            return Err(too_large(place));
        }
        Ok(Offer {
            place,
            bytes: bytes.unwrap_or_default(),
            recorded: there.headers.get(RECORDED),
        })
    }

    async fn get(&self, offer: &Offer<'_>, to: &Path, world: &World) -> Result<Bundle, NotStored> {
        let place = offer.place;
        let mut pauses = PAUSES.into_iter();
        let saved = loop {
            let failure = match self.once(offer, to, world).await? {
                Ok(saved) => break saved,
                Err(failure) => failure,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let failed = NoAnswer::Failed(failure);
                    let check = "run it again";
                    return Err(NotStored::Unknown(Unknown::unanswered(self.host(), &failed, check)));
                }
            }
        };
        let found = hex::encode(saved.sha256);
        if let Some(recorded) = offer.recorded.as_ref().filter(|recorded| **recorded != found) {
            return Err(NotStored::Refused(Unknown::new(
                format!("{place} is damaged: its SHA-256 is {found}, and was {recorded} when it was stored"),
                "somebody replaced it, or the store is broken; a bucket with versions may still have the original",
            )));
        }
        let file = to.file_name().unwrap_or_default().to_string_lossy();
        Ok(Bundle {
            name: file.strip_suffix(".zip").unwrap_or(&file).to_owned(),
            zip: to.to_owned(),
            bytes: saved.size,
            sha256: found,
            compared: offer.recorded.is_some(),
        })
    }

    /// The inner error is one that another try may not have.
    async fn once(&self, offer: &Offer<'_>, to: &Path, world: &World) -> Result<Result<Hashed, Failure>, NotStored> {
        let ask = Ask::of(offer.place, ACTION);
        let (url, headers) = self.signed(&ask)?;
        let mut pieces = match self.http.get_in_pieces(&url, &headers, STALL).await {
            Ok(pieces) => pieces,
            Err(failure) => return Ok(Err(failure)),
        };
        if pieces.status != 200 {
            let why = format!(
                "{} answered for {} with status {}",
                self.host(),
                offer.place,
                pieces.status
            );
            return Err(unknown(why, "run it again"));
        }
        let mut tenths = Tenths::new(&format!("downloading {}", offer.place), offer.bytes, &world.progress);
        match save(&mut pieces, to, LARGEST, &mut tenths).await {
            Ok(saved) => Ok(Ok(saved)),
            Err(NotSaved::Broken(failure)) => Ok(Err(failure)),
            Err(NotSaved::TooLarge) => Err(too_large(offer.place)),
            Err(NotSaved::Unwritable(error)) => Err(unwritable(&error)),
        }
    }
}

fn too_large(place: &Place) -> NotStored {
    NotStored::Refused(Unknown::new(
        format!("{place} is larger than {} GiB", LARGEST >> 30),
        "download it another way, and give the path of the zip",
    ))
}

fn unwritable(error: &anyhow::Error) -> NotStored {
    unknown(
        format!("what is downloaded cannot be kept: {error:#}"),
        "free some space in the temporary folder",
    )
}
