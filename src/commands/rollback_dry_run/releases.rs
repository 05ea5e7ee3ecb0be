//! The releases of a platform that keeps a list of them, and which of them is the way back.

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// As the platform shows it: `v12`.
    pub name: String,
    /// The image or other artifact; one that never got so far has none.
    pub artifact: Option<String>,
    /// What the platform says became of it.
    pub state: String,
    pub good: bool,
    /// RFC 3339.
    pub at: String,
}

/// Why there is no way back in a list.
#[derive(Debug, PartialEq, Eq)]
pub enum NoPrevious {
    /// No release has the artifact that runs now.
    CurrentUnknown,
    /// Nothing came before the current one.
    First,
    /// There are earlier ones, and none was good: the newest of them.
    NoneGood(Release),
    /// Every earlier good one has the artifact that runs now.
    AllTheSame(usize),
    /// The one that was named is not in the list, which has these.
    NotThere(Vec<String>),
    /// The one that was named was not good.
    NamedNotGood(Release),
    /// The one that was named has the artifact that runs now.
    NamedIsCurrent,
}

/// The newest good release before the current one whose artifact differs from what runs now; or the one that is named.
/// `all` is sorted, newest first. What came after the current one was never a success, or was gone back from; so was what
/// came after an earlier release with the artifact that runs now.
pub fn previous<'a>(
    all: &'a [Release],
    is_current: impl Fn(&Release) -> bool,
    named: Option<&str>,
) -> Result<&'a Release, NoPrevious> {
    if let Some(named) = named {
        let found = all.iter().find(|release| release.name == named);
        return match found {
            Some(release) if !release.good => Err(NoPrevious::NamedNotGood(release.clone())),
            Some(release) if is_current(release) => Err(NoPrevious::NamedIsCurrent),
            Some(release) => Ok(release),
            None => Err(NoPrevious::NotThere(
                all.iter().map(|release| release.name.clone()).collect(),
            )),
        };
    }
    let current = all.iter().position(&is_current).ok_or(NoPrevious::CurrentUnknown)?;
    let oldest = all.iter().rposition(&is_current).unwrap_or(current);
    let earlier = &all[oldest + 1..];
    if let Some(release) = earlier.iter().find(|release| release.good) {
        return Ok(release);
    }
    let undone = undone(all, &is_current).first().map(|release| Release {
        state: format!("{}, and was gone back from", release.state),
        ..(*release).clone()
    });
    match (earlier.first().cloned().or(undone), all.len() - current - 1) {
        (Some(release), _) => Err(NoPrevious::NoneGood(release)),
        (None, 0) => Err(NoPrevious::First),
        (None, same) => Err(NoPrevious::AllTheSame(same)),
    }
}

/// What was gone back from: it lies between releases with the artifact that runs now.
pub fn undone(all: &[Release], is_current: impl Fn(&Release) -> bool) -> Vec<&Release> {
    let (first, last) = (all.iter().position(&is_current), all.iter().rposition(&is_current));
    let between = first.zip(last).map_or(&[][..], |(first, last)| &all[first..last]);
    between.iter().filter(|release| !is_current(release)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(&str, &str, bool)]) -> Vec<Release> {
        let release = |(name, artifact, good): &(&str, &str, bool)| Release {
            name: (*name).to_owned(),
            artifact: Some((*artifact).to_owned()),
            state: if *good { "complete" } else { "failed" }.to_owned(),
            good: *good,
            at: "2026-11-01T00:00:00Z".to_owned(),
        };
        entries.iter().map(release).collect()
    }

    fn found(entries: &[(&str, &str, bool)], named: Option<&str>) -> Result<String, NoPrevious> {
        let all = list(entries);
        previous(&all, |release| release.artifact.as_deref() == Some("now"), named).map(|release| release.name.clone())
    }

    #[test]
    fn the_way_back_was_good_and_is_different() {
        let all = [
            ("v5", "now", true),
            ("v4", "now", true),
            ("v3", "bad", false),
            ("v2", "old", true),
            ("v1", "older", true),
        ];
        assert_eq!(found(&all, None), Ok("v2".to_owned()));
        assert_eq!(found(&all, Some("v1")), Ok("v1".to_owned()));
        assert!(matches!(found(&all, Some("v3")), Err(NoPrevious::NamedNotGood(_))));
        assert!(matches!(found(&all, Some("v9")), Err(NoPrevious::NotThere(names)) if names.len() == 5));
        assert_eq!(found(&all, Some("v4")), Err(NoPrevious::NamedIsCurrent));
    }

    /// A failed deploy leaves the release before it running.
    #[test]
    fn what_failed_last_is_no_way_back() {
        assert_eq!(
            found(&[("v3", "bad", false), ("v2", "now", true), ("v1", "old", true)], None),
            Ok("v1".to_owned())
        );
    }

    /// It was gone back from, or somebody deploys by another way.
    #[test]
    fn what_came_after_what_runs_is_no_way_back() {
        let all = [("v3", "newer", true), ("v2", "now", true), ("v1", "old", true)];
        assert_eq!(found(&all, None), Ok("v1".to_owned()));
        assert_eq!(
            found(&[("v3", "newer", true), ("v2", "old", true)], None),
            Err(NoPrevious::CurrentUnknown)
        );
    }

    /// v2 was tried and gone back from: it is no way back, though it deployed well.
    #[test]
    fn what_was_gone_back_from_is_no_way_back() {
        let all = [
            ("v4", "now", true),
            ("v3", "now", true),
            ("v2", "tried", true),
            ("v1", "now", true),
        ];
        let with_older = [&all[..], &[("v0", "old", true)]].concat();
        assert_eq!(found(&with_older, None), Ok("v0".to_owned()));
        assert_eq!(found(&with_older, Some("v2")), Ok("v2".to_owned()));
        assert!(matches!(
            found(&all, None),
            Err(NoPrevious::NoneGood(release)) if release.name == "v2" && release.state.ends_with("gone back from")
        ));
    }

    #[test]
    fn each_way_of_having_none_is_told_apart() {
        assert_eq!(found(&[], None), Err(NoPrevious::CurrentUnknown));
        assert_eq!(found(&[("v1", "now", true)], None), Err(NoPrevious::First));
        assert_eq!(
            found(&[("v2", "now", true), ("v1", "now", true)], None),
            Err(NoPrevious::AllTheSame(1))
        );
        assert!(matches!(
            found(&[("v2", "now", true), ("v1", "bad", false)], None),
            Err(NoPrevious::NoneGood(release)) if release.name == "v1"
        ));
    }
}
