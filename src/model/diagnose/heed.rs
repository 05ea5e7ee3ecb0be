//! What the run says about itself: its event, its secrets, its token.

use super::absent::{is_plain, is_secret_name, lacks_a_number};
use super::cause::{Cause, Confidence};
use super::context::Context;
use super::ending;
use super::fix::Fix;
use super::log::{Log, Step};
use super::pace::Pace;
use super::rules::trimmed;
use super::scope;
use super::select::Candidate;
use super::service;
use super::verdict::Verdict;
use crate::model::TimeSpan;
use crate::model::text::count;
use crate::model::workflow::Access;

/// Seconds without a line after which a download no longer goes on.
const STALLED: u32 = 600;

impl Verdict {
    pub fn heed(&mut self, log: &Log, context: &Context, step: &Step, best: Candidate<'_>, text: &[u8]) {
        if let Some(name) = best.rule.group(text, "name") {
            if self.cause == Cause::MissingConfig && is_secret_name(&name) {
                self.cause = Cause::MissingSecret;
                self.evidence.push(format!("{name} is the name of a secret"));
            }
            if let Some(Fix::SkipGuard { names }) = &mut self.fix {
                let values = &log.with_values(best.step).header.values;
                let is_given = |name: &&str| {
                    values
                        .iter()
                        .any(|value| value.name == *name && !value.value.is_empty())
                };
                let all = name
                    .split([',', ' '])
                    .filter(|name| is_plain(name) && !["", "and"].contains(name));
                // Of several, those that the step was not given.
                let (given, lacking): (Vec<&str>, Vec<&str>) = all.partition(is_given);
                let missing = if lacking.is_empty() { given } else { lacking };
                names.extend(missing.into_iter().map(str::to_owned));
            }
        }
        self.time_limit(log, context, step, best, text);
        self.empty_values(log, log.with_values(best.step), best, text);
        self.misspelt(step, best, text);
        self.service(log, text);
        let may_be_of_event = matches!(
            self.cause,
            Cause::Permissions | Cause::ScriptBug | Cause::HealthCheck | Cause::MissingConfig | Cause::Unknown
        );
        if may_be_of_event && lacks_a_number(step, text) {
            self.cause = Cause::WrongTrigger;
            self.evidence
                .push("the step needs a pull request or issue, and this run has none".to_owned());
            self.fix = Some(Fix::EventGuard);
        }
        let is_smoke = ["smoke", "health"]
            .iter()
            .any(|word| step.title.to_ascii_lowercase().contains(word));
        if ["curl-dns", "net-dns"].contains(&&*best.rule.id) {
            if is_smoke {
                self.cause = Cause::WrongTrigger;
                self.confidence = Confidence::Likely;
                self.sentence =
                    Some("There is no host of this name: nothing was deployed yet, or the name is wrong".to_owned());
                let text = "run the check after the deploy: needs the job that deploys, or on: workflow_run".to_owned();
                self.fix = Some(Fix::Edit { text });
            } else {
                self.tries(log, best, text);
            }
        }
        if self.cause == Cause::MissingSecret {
            match (context.lack_of_secrets(), &context.secret_source) {
                (Some(why), _) => self.evidence.push(why.to_owned()),
                (None, Some(source)) => self.against.push(format!(
                    "the run had the repository's secrets (Secret source: {source})"
                )),
                (None, None) => {}
            }
        }
        self.token(log, context, step, best, text);
        // GitHub's own token is there in every run; any other one is not.
        if self.cause == Cause::Permissions
            && self.fix.is_none()
            && !best.is_of_github()
            && let Some(why) = context.lack_of_secrets()
        {
            self.evidence.push(why.to_owned());
            self.cause = Cause::MissingSecret;
            self.fix = Some(Fix::SkipGuard { names: Vec::new() });
        }
        // What helps whatever the rule, unless it knows better.
        if self.fix.is_none() && !self.is_guess && best.rule.advice(text).is_none() {
            self.fix = match self.cause {
                Cause::FlakyInfra => Some(Fix::Retry),
                Cause::WrongTrigger => Some(Fix::EventGuard),
                _ => None,
            };
        }
    }

    /// Whether the step still went on when its time was up decides whether more of it helps.
    fn time_limit(&mut self, log: &Log, context: &Context, step: &Step, best: Candidate<'_>, text: &[u8]) {
        let is_limit = matches!(self.fix, Some(Fix::Timeout { .. })) || best.rule.id == "exit-124";
        if !is_limit && self.cause != Cause::Cancelled {
            return;
        }
        let ended = &log.steps[best.step];
        if best.rule.id == "runner-canceled"
            && context.secret_source.is_some()
            && let Some(minutes) = ending::limit(log, best)
        {
            self.cause = Cause::ResourceLimit;
            self.confidence = Confidence::Likely;
            self.sentence = Some(format!(
                "The job was cancelled after {minutes} minutes, probably by its time limit"
            ));
            self.fix = Some(Fix::Timeout {
                limit: None,
                pace: None,
            });
        }
        let pace = std::ptr::eq(ended, step)
            .then(|| ending::pace(ended, best.index))
            .flatten();
        if let Some(Pace::Silent(seconds)) = pace
            && self.cause == Cause::Cancelled
            && seconds >= STALLED
            && ending::downloads(ended, best.index)
        {
            self.cause = Cause::FlakyInfra;
            self.confidence = Confidence::Likely;
            self.sentence = Some("A download stalled until the job was cancelled".to_owned());
            self.fix = Some(Fix::Retry);
        }
        let tells = |pace: &Pace| is_limit || pace.hangs();
        self.evidence
            .extend(pace.filter(tells).map(|pace| format!("the step {pace}")));
        if let Some(Fix::Timeout { limit, pace: known }) = &mut self.fix {
            *limit = best.rule.group(text, "n").and_then(|limit| minutes(&limit));
            *known = pace;
        }
    }

    /// What no try of the step found is perhaps not there.
    fn tries(&mut self, log: &Log, best: Candidate<'_>, text: &[u8]) {
        let body = &log.steps[best.step].body;
        let same = (0..body.lines().len()).filter(|index| trimmed(body.at(*index)) == text);
        let tries = same.count();
        if tries > 1 {
            self.confidence = self.confidence.min(Confidence::Likely);
            self.against.push(format!(
                "{tries} tries failed alike: the name may be wrong, or known in another network only"
            ));
        }
    }

    /// A service of the job that refuses a connection: what the runner started it with tells why.
    fn service(&mut self, log: &Log, text: &[u8]) {
        let may_be_of_service = matches!(
            self.cause,
            Cause::HealthCheck
                | Cause::MissingConfig
                | Cause::TestFailure
                | Cause::FlakyInfra
                | Cause::ScriptBug
                | Cause::Unknown
        );
        if let Some((evidence, fix)) = may_be_of_service.then(|| service::wanted(log, text)).flatten() {
            self.cause = Cause::WorkflowConfig;
            self.confidence = Confidence::Likely;
            self.evidence.push(evidence);
            self.fix = Some(Fix::Edit { text: fix });
        }
    }

    /// What the job's token may do and what it needs.
    fn token(&mut self, log: &Log, context: &Context, step: &Step, best: Candidate<'_>, text: &[u8]) {
        match &*best.rule.id {
            // What another token may do, no permission of the job changes.
            "integration-forbidden"
                if self.cause == Cause::Permissions
                    && self.fix.is_none()
                    && best.rule.group(text, "who").as_deref() == Some("integration") =>
            {
                if let Some((fix, is_told)) = scope::needed(log, best) {
                    self.fix = Some(fix);
                    if !is_told {
                        self.confidence = self.confidence.min(Confidence::Likely);
                    }
                }
            }
            // Another name has its own token, and a permission of the job's token changes nothing for it.
            "git-denied" if best.rule.group(text, "who").as_deref() != Some("github-actions[bot]") => self.fix = None,
            // A private repository is not there for a token that may not read it.
            "git-repo-missing"
                if step.title.starts_with("actions/checkout")
                    && !context.permissions.is_empty()
                    && !context.permissions.contains_key("contents")
                    && !step
                        .header
                        .values
                        .iter()
                        .any(|value| ["repository", "token", "ssh-key"].contains(&&*value.name)) =>
            {
                self.fix = Some(Fix::Permission {
                    scope: "contents".to_owned(),
                    level: Access::Read,
                });
            }
            // With a role, the action asks GitHub for a token of the job.
            "aws-credentials"
                if step.header.values.iter().any(|value| value.name == "role-to-assume")
                    && !context.permissions.is_empty()
                    && !context.permissions.contains_key("id-token") =>
            {
                self.cause = Cause::Permissions;
                self.fix = Some(Fix::Permission {
                    scope: "id-token".to_owned(),
                    level: Access::Write,
                });
            }
            _ => {}
        }
        let Some(Fix::Permission { scope, level }) = &self.fix else {
            return;
        };
        let (given, wanted) = (context.permissions.get(scope).map(String::as_str), level.as_str());
        match given {
            Some(given) if given == "write" || given == wanted => {
                self.against.push(format!("the token has {scope}: {given}"));
                self.fix = None;
            }
            Some(given) => self
                .evidence
                .push(format!("the token has {scope}: {given}, not {wanted}")),
            None if context.permissions.is_empty() => {}
            None => self.evidence.push(format!(
                "the token has no {scope} in its {}",
                count(context.permissions.len(), "scope")
            )),
        }
    }
}

/// Of `20`, `360 minutes` or `1h30m`.
fn minutes(limit: &str) -> Option<u32> {
    let number = limit.split(' ').next()?;
    let span = || u32::try_from(number.parse::<TimeSpan>().ok()?.0.as_secs() / 60).ok();
    number.parse().ok().or_else(span)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FAILED, of, step};
    use super::*;

    #[test]
    fn a_smoke_test_of_a_host_that_does_not_exist_ran_before_anything_was_deployed() {
        let body = format!("curl: (6) Could not resolve host: pr-17.example.com\n{FAILED}");
        let found = of(&step("./smoke.sh", "", &body));
        assert_eq!(
            (found.cause, found.confidence),
            (Cause::WrongTrigger, Confidence::Likely)
        );
        assert!(
            found.sentence.contains("nothing was deployed yet"),
            "{}",
            found.sentence
        );
        assert_eq!(found.fix.unwrap().id(), "edit");
        // What deploys needs no deploy before it.
        let found = of(&step("./deploy.sh", "", &body));
        assert_eq!((found.cause, found.fix), (Cause::FlakyInfra, Some(Fix::Retry)));
    }

    #[test]
    fn a_name_that_no_try_finds_is_not_surely_an_outage() {
        let line = "curl: (6) Could not resolve host: api.example.com\n";
        let found = |times: usize| of(&step("./deploy.sh", "", &format!("{}{FAILED}", line.repeat(times))));
        assert_eq!(found(1).confidence, Confidence::Sure);
        let found = found(3);
        assert_eq!((found.cause, found.confidence), (Cause::FlakyInfra, Confidence::Likely));
        assert!(found.against[0].starts_with("3 tries"), "{:?}", found.against);
        // A runner of GitHub never knows this one.
        let line = format!("curl: (6) Could not resolve host: api.acme.internal\n{FAILED}");
        let found = of(&step("./deploy.sh", "", &line));
        assert_eq!((found.cause, found.fix.unwrap().id()), (Cause::WorkflowConfig, "edit"));
    }

    /// A job that began at ten o'clock, with a line a minute later, and was cancelled at this time.
    fn cancelled(line: &str, end: &str) -> super::super::Diagnosis {
        let lines = [
            ("10:00:00", "Current runner version: '2.330.0'"),
            ("10:00:00", "Secret source: Actions"),
            ("10:00:09", "##[group]Run ./a.sh"),
            ("10:00:09", "shell: bash"),
            ("10:00:09", "##[endgroup]"),
            ("10:01:00", line),
            (end, "##[error]The operation was canceled."),
        ];
        let mut reader = super::super::Reader::default();
        for (time, text) in lines {
            reader.feed(format!("2026-07-30T{time}.1234567Z {text}\n").as_bytes());
        }
        super::super::diagnose(&reader.end(), &super::super::Rules::new(None).unwrap(), None, 0).unwrap()
    }

    #[test]
    fn a_checkout_without_the_permission_to_read_does_not_find_its_repository() {
        let gone = "##[error]fatal: repository 'https://github.com/a/b/' not found\n";
        let fix = |scope: &str, input: &str| {
            let setup = format!("##[group]GITHUB_TOKEN Permissions\n{scope}: read\n##[endgroup]\n");
            of(&format!("{setup}{}", step("actions/checkout@v4", input, gone))).fix
        };
        assert_eq!(fix("Packages", "").unwrap().id(), "permission");
        assert_eq!(fix("Contents", ""), None);
        assert_eq!(fix("Packages", "with:\n  repository: a/c\n"), None);
    }

    #[test]
    fn a_job_that_was_cancelled_after_a_round_time_met_its_limit() {
        let found = cancelled("importing", "10:30:12");
        assert_eq!(
            (found.cause, found.confidence),
            (Cause::ResourceLimit, Confidence::Likely)
        );
        assert_eq!(found.fix.unwrap().id(), "timeout");
        for end in ["10:32:40", "10:05:04"] {
            let found = cancelled("importing", end);
            assert_eq!((found.cause, found.fix), (Cause::Cancelled, None), "{end}");
        }
    }

    #[test]
    fn a_download_that_stalled_is_tried_again() {
        let line = "Get:5 https://archive.ubuntu.com/ubuntu noble-security InRelease [126 kB]";
        for (end, cause, fix) in [
            ("10:32:40", Cause::FlakyInfra, Some(Fix::Retry)),
            ("10:04:40", Cause::Cancelled, None),
        ] {
            let found = cancelled(line, end);
            assert_eq!((found.cause, found.fix), (cause, fix), "{end}");
        }
    }

    #[test]
    fn of_several_values_the_ones_that_the_step_was_not_given_are_missing() {
        let body = format!("Error: Missing required environment variables: SITE_URL and API_HOST\n{FAILED}");
        let found = of(&step("./a.sh", "env:\n  SITE_URL: https://a.example\n", &body));
        let text = found.fix.unwrap().to_string();
        assert!(text.starts_with("set API_HOST in the env"), "{text}");
    }

    #[test]
    fn a_check_of_what_was_not_deployed_runs_too_early() {
        let body =
            format!("curl: (22) The requested URL returned error: 404\nnothing is deployed to staging yet\n{FAILED}");
        let found = of(&step("./check.sh", "", &body));
        assert_eq!((found.cause, found.fix.unwrap().id()), (Cause::WrongTrigger, "edit"));
    }

    #[test]
    fn a_role_without_the_permission_for_a_token_is_no_missing_secret() {
        let setup = "##[group]GITHUB_TOKEN Permissions\nContents: read\n##[endgroup]\nSecret source: Actions\n";
        let log = |given: &str| {
            format!(
                "{setup}##[group]Run aws-actions/configure-aws-credentials@v4\nwith:\n{given}##[endgroup]\n\
                 ##[error]Credentials could not be loaded, please check your action inputs\n"
            )
        };
        let found = of(&log("  role-to-assume: arn:aws:iam::1:role/ci\n"));
        assert_eq!(
            (found.cause, found.fix.unwrap().id()),
            (Cause::Permissions, "permission")
        );
        let found = of(&log("  aws-region: eu-west-1\n"));
        assert_eq!(
            (found.cause, found.fix.unwrap().id()),
            (Cause::MissingSecret, "skip-guard")
        );
    }
}
