//! What a step is for, by what it runs: it tells the cause of a failure whose lines do not.

use super::cause::Cause;
use super::log::Step;

const KINDS: [(&[&str], Cause); 7] = [
    (
        &[
            "lint",
            "eslint",
            "prettier",
            "ruff",
            "black",
            "flake8",
            "mypy",
            "clippy",
            "fmt",
            "format",
            "shellcheck",
            "pre-commit",
            "typecheck",
            "staticcheck",
            "rubocop",
            "golangci",
            "stylelint",
            "markdownlint",
            "yamllint",
            "hadolint",
            "codespell",
            "typos",
            "vale",
            "brew audit",
        ],
        Cause::Lint,
    ),
    (
        &[
            "pytest",
            "unittest",
            "jest",
            "vitest",
            "mocha",
            "playwright",
            "cypress",
            "rspec",
            "phpunit",
            "go test",
            "cargo test",
            "nextest",
            "npm test",
            "npm t",
            "run test",
            "yarn test",
            "pnpm test",
            "mvn test",
            "mvn verify",
            "gradlew test",
            "gradlew check",
            "dotnet test",
            "make test",
            "make check",
            "ctest",
            "run-tests",
            "run_tests",
            "tox",
            "e2e",
            "test.sh",
            "swift test",
        ],
        Cause::TestFailure,
    ),
    (
        &[
            "npm ci",
            "npm install",
            "yarn install",
            "pnpm install",
            "pip install",
            "poetry install",
            "uv sync",
            "bundle install",
            "apt-get",
            "brew install",
            "composer install",
            "go mod",
            "setup-node",
            "setup-python",
            "setup-java",
        ],
        Cause::Dependency,
    ),
    (
        &[
            "npm run build",
            "yarn build",
            "pnpm build",
            "cargo build",
            "go build",
            "mvn package",
            "mvn install",
            "gradlew build",
            "gradlew assemble",
            "dotnet build",
            "make build",
            "cmake --build",
            "tsc",
            "xcodebuild",
            "vite build",
            "next build",
            "ninja",
        ],
        Cause::CompileError,
    ),
    (&["git diff --exit-code", "git diff --quiet"], Cause::Lint),
    (
        &["health", "smoke", "wait-for", "wait-on", "wait_for", "curl "],
        Cause::HealthCheck,
    ),
    (
        &[
            ".sh", ".py", "python", "bash ", "node ", "make ", "script", "./", "docker",
        ],
        Cause::ScriptBug,
    ),
];

pub fn of(step: &Step) -> Option<Cause> {
    let script = step.header.script.iter().take(30).map(String::as_str);
    let all: String = std::iter::once(&*step.title)
        .chain(script)
        .collect::<Vec<_>>()
        .join("\n")
        .to_ascii_lowercase();
    let kind = KINDS
        .iter()
        .find(|(names, _)| names.iter().any(|name| runs(&all, name)));
    kind.map(|(_, cause)| *cause)
}

/// Whether a script has a name as a word of its own.
fn runs(script: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let ends_alone = !name.ends_with(is_part);
    script.match_indices(name).any(|(at, _)| {
        let begins = !name.starts_with(is_part) || !script[..at].ends_with(is_part);
        begins && (ends_alone || !script[at + name.len()..].starts_with(is_part))
    })
}
