//! The whole of it, in order.

use url::Url;

use super::attempt::ProbeProgress;
use super::{Context, Probe};
use crate::commands::smoke::expect::URL_SHOWN;
use crate::commands::smoke::other_family::{self, Asked};
use crate::commands::smoke::window::Window;
use crate::engine::{CheckResult, Observation};
use crate::model::Finding;

impl Probe {
    pub async fn look(&self, context: &Context<'_>) -> CheckResult {
        let mut course = ProbeProgress::new(self.interval);
        let mut findings = Vec::new();
        match self.until_right(&mut course, context).await {
            Err(finding) => findings.push(finding),
            Ok(()) => {
                if let Some((goal, limits)) = self.window {
                    findings.extend(self.watch(Window::new(goal, limits), &mut course, context).await?);
                }
                findings.extend(self.slow(&course.timing));
                findings.extend(self.certificate(&course.samples, context.world));
            }
        }
        if let (Some(control), Some(why)) = (context.control, course.samples.control_is_wrong()) {
            findings.push(
                Finding::warning(
                    "control-useless",
                    format!("the control {} does not tell whose fault it is: {why}", control.url),
                )
                .help("name a URL that answers quickly when all is well: another application on the same platform"),
            );
        }
        let redirected = course.samples.last_good().and_then(|good| good.moved_to.as_ref());
        let mut asked = [Some(&self.url), redirected].into_iter().flatten();
        if let Some(url) = asked.find(|url| self.settings.insecure && url.scheme() == "https") {
            findings.push(
                Finding::warning("not-verified", format!("the certificate of {url} was not verified"))
                    .help("drop --insecure, and name a private authority with --ca-file"),
            );
        }
        if let Some(hop) = course.samples.downgrade() {
            let shown = |url: &Url| context.world.secrets.shorten(url.as_str(), URL_SHOWN);
            findings.push(
                Finding::warning(
                    "left-tls",
                    format!(
                        "{} redirects to {}: the rest is not encrypted",
                        shown(&hop.from),
                        shown(&hop.to)
                    ),
                )
                .help("redirect to https, or expect it with --expect-redirect"),
            );
        }
        let mut facts = self.facts(&course, context.world);
        if course.samples.last_good().is_some() {
            let asked = Asked {
                url: &self.url,
                method: &self.method,
                headers: &self.headers,
                settings: &self.settings,
            };
            facts.extend(other_family::look(&asked, context.http, context.world).await);
        }
        Ok(Observation {
            findings,
            facts,
            latency: course.timing.latency(),
        })
    }
}
