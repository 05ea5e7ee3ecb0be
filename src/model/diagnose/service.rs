//! Services of the job: what the runner started them with.

use super::log::Log;

/// A service, by the command of the runner that made its container.
struct Service<'a> {
    command: &'a str,
    name: &'a str,
}

/// What a refused connection says of a service, and the change of the workflow that helps.
pub fn wanted(log: &Log, text: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_refused = says(&[
        "refused",
        "can't connect to",
        "could not connect",
        "cannot connect",
        "failed to connect",
        "not listening",
        "server has gone away",
        "lost connection",
        "reset by peer",
        "during handshake",
    ]);
    if !is_refused {
        return None;
    }
    // The runner starts them before the first step.
    let setup: Vec<_> = log.steps.iter().take_while(|step| step.title.is_empty()).collect();
    let setup: Vec<_> = setup
        .iter()
        .map(|step| String::from_utf8_lossy(step.body.bytes()))
        .collect();
    let lines = || setup.iter().flat_map(|text| text.lines());
    let services: Vec<_> = lines().filter_map(service).collect();
    let service = services.iter().find(|service| is_about(&text, service.name))?;
    let (name, has) = (service.name, |option: &str| service.command.contains(option));
    let is_local = says(&["localhost", "127.0.0.1", "::1"]);
    let in_container = lines().any(|line| line.contains("Starting job container"));
    if in_container && is_local {
        return Some((
            format!("the job runs in a container, in which the service {name} is no local one"),
            format!("connect to {name}, the name of the service, not to localhost"),
        ));
    }
    if !in_container && !has(" -p ") {
        return Some((
            format!("the service {name} was started without ports"),
            format!("map the port of the service {name}: ports"),
        ));
    }
    (!has("--health-cmd")).then(|| {
        (
            format!("the service {name} was started without a health check, so no step waits for it"),
            format!("wait for the service {name}: --health-cmd in its options"),
        )
    })
}

fn service(line: &str) -> Option<Service<'_>> {
    let (_, command) = line.split_once("docker create ")?;
    let (_, name) = command.split_once("--network-alias ")?;
    let name = name.split_whitespace().next()?;
    Some(Service { command, name })
}

/// What each service listens at, and how messages call it.
const KNOWN: [(&str, &[&str]); 8] = [
    ("postgres", &["postgres", "5432", "psycopg", "pq:"]),
    ("mysql", &["mysql", "mariadb", "3306", "hy000"]),
    ("redis", &["redis", "valkey", "6379"]),
    ("mongo", &["mongo", "27017"]),
    ("rabbit", &["amqp", "rabbit", "5672"]),
    ("elastic", &["elastic", "opensearch", "9200"]),
    ("kafka", &["kafka", "9092"]),
    ("minio", &["minio", "9000"]),
];

/// A line names the service, its port, or what it is.
fn is_about(text: &str, name: &str) -> bool {
    let words = KNOWN
        .iter()
        .filter(|(kind, words)| name.contains(kind) || words.iter().any(|word| name.contains(word)));
    text.contains(name) || words.flat_map(|(_, words)| *words).any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FAILED, of, step};
    use super::super::{Cause, Fix};

    fn found(container: &str, options: &str, line: &str) -> (Cause, String) {
        let create = format!("##[command]/usr/bin/docker create --network-alias redis {options} -e CI=true redis:7\n");
        let test = step("./seed.sh", "", &format!("{line}\n{FAILED}"));
        let found = of(&format!("Prepare all required actions\n{container}{create}{test}"));
        let fix = match found.fix {
            Some(Fix::Edit { text }) => text,
            _ => String::new(),
        };
        (found.cause, fix)
    }

    #[test]
    fn the_command_that_started_a_service_tells_why_nobody_reaches_it() {
        let refused = "ConnectionError: Error 111 connecting to localhost:6379. Connection refused.";
        let inside = "##[group]Starting job container\n";
        let ports = "-p 6379:6379";
        let checked = "-p 6379:6379 --health-cmd \"redis-cli ping\"";
        for (container, options, line, fix) in [
            ("", "", refused, "map the port of the service redis"),
            ("", ports, refused, "wait for the service redis"),
            (inside, checked, refused, "connect to redis, the name of the service"),
        ] {
            let (cause, text) = found(container, options, line);
            assert!(
                cause == Cause::WorkflowConfig && text.starts_with(fix),
                "{line}: {cause} {text}"
            );
        }
        // It ran and was waited for, or it is not what refused.
        for (options, line) in [(checked, refused), ("", "connect ECONNREFUSED 127.0.0.1:3000")] {
            assert_ne!(found("", options, line).0, Cause::WorkflowConfig, "{line}");
        }
    }
}
