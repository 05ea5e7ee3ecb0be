//! Whether an environment exists. A job that names one which does not makes GitHub create it, without its secrets and
//! without its protection (docs.github.com, "Managing environments for deployment"), so a typing error deploys.

use super::{nearest, quoted};
use crate::commands::skip_guard::answer::{Answer, met, should};
use crate::engine::NotChecked;
use crate::model::text::one_line;
use crate::world::github::Session;

pub async fn environment(name: &str, session: &Session<'_>) -> Result<Answer, NotChecked> {
    if let Some(found) = session.environment(name).await? {
        return Ok(met("environment", &one_line(&found.name)));
    }
    // Not to be there and not to be visible are one answer. A list that can be read tells the two apart.
    let listed = session.environments().await?;
    let names = || listed.items.iter().map(|environment| environment.name.as_str());
    let near = nearest(name, names());
    let next = if !near.is_empty() {
        format!("Did you mean {}?", quoted(near, " or "))
    } else if listed.items.is_empty() {
        "The repository has no environments: create it in the repository's settings.".to_owned()
    } else {
        format!("There is {}.", quoted(names().take(10), ", "))
    };
    Ok(should(
        format!("the environment {name} does not exist in {}", session.repository()),
        format!("{next} GitHub would create it for a job that names it, without secrets and protection."),
    ))
}
