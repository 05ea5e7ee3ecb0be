//! What a step is for, by what it runs: it tells the cause of a failure whose lines do not.

use super::cause::Cause;
use super::log::Step;

/// Names of commands, parted by `|`. The first group of which a script runs one counts.
const KINDS: &[(Cause, &str)] = &[
    (
        Cause::PolicyGate,
        "npm audit|pip-audit|cargo audit|cargo deny|trivy|grype|snyk|semgrep|bandit|gitleaks|trufflehog|\
         detect-secrets|commitlint|danger ci|license-checker|dependency-review-action|sonarqube-scan-action|\
         conftest|opa|polaris|kyverno|checkov|tfsec|kics|terrascan|scorecard|reuse lint",
    ),
    (
        Cause::Lint,
        "lint|eslint|prettier|ruff|black|flake8|mypy|clippy|fmt|run format|format:check|format-check|\
         check-format|--check-formatted|shellcheck|pre-commit|typecheck|staticcheck|rubocop|golangci|\
         stylelint|markdownlint|yamllint|hadolint|codespell|typos|vale|brew audit|redocly|spectral|tflint|\
         pyright|pylint|biome|detekt|ktlint|checkstyle|spotlesscheck|phpstan|psalm|phpcs|credo|swiftlint|\
         clang-tidy|cppcheck|html-validate|doxygen|gofmt|goimports|rustfmt|luacheck|perlcritic|\
         xmllint|kubeconform|shfmt|buf breaking|cspell|lychee|mkdocs build --strict|lychee-action|linkcheck|\
         dart analyze|knip|go vet|lintdebug|lintrelease",
    ),
    (
        Cause::TestFailure,
        "pytest|unittest|jest|vitest|mocha|playwright|cypress|rspec|phpunit|go test|cargo test|nextest|\
         npm test|npm t|run test|yarn test|pnpm test|mvn test|mvn verify|gradlew test|gradlew check|\
         dotnet test|make test|make check|ctest|run-tests|run_tests|tox|e2e|test.sh|swift test|rake test|\
         mix test|sbt test|bazel test|deno test|bun test|flutter test|dart test|cabal test|stack test|\
         zig build test|node --test|gotestsum|bats|prove|robot|behave|cucumber|cucumber-js|newman|karma|\
         composer test|molecule test|busted|testcafe|wdio|ava|jasmine|tap |testthat|test:|nox",
    ),
    (
        Cause::Dependency,
        "npm ci|npm install|yarn install|pnpm install|pip install|poetry install|uv sync|bundle install|\
         apt-get|brew install|composer install|go mod|setup-node|setup-python|setup-java|pipenv install|\
         pdm install|conda|mamba|npm i|apk add|dnf install|choco install|dotnet restore|nuget restore|\
         mix deps.get|pub get|pod install",
    ),
    (
        Cause::CompileError,
        "npm run build|yarn build|pnpm build|cargo build|go build|mvn package|mvn install|gradlew build|\
         gradlew assemble|dotnet build|make build|cmake --build|tsc|xcodebuild|vite build|next build|\
         ng build|cargo check|swift build|bazel build|flutter build|sbt compile|mix compile|cabal build|\
         stack build|zig build|mvn compile|javac|gcc|gfortran|webpack|rollup|esbuild|protoc|hugo|\
         jekyll build|sphinx-build|meson compile|ant|ninja",
    ),
    (Cause::Lint, "git diff --exit-code|git diff --quiet"),
    (
        Cause::Permissions,
        "login|azure/login|google-github-actions/auth|configure-aws-credentials|create-github-app-token",
    ),
    (Cause::HealthCheck, "health|smoke|wait-for|wait-on|wait_for|curl "),
    (Cause::ScriptBug, ".sh|.py|python|bash |node |make |script|./|docker"),
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
        .find(|(_, names)| names.split('|').any(|name| runs(&all, name)));
    kind.map(|(cause, _)| *cause)
}

/// Whether a script has a name as a word of its own.
pub fn runs(script: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let ends_alone = !name.ends_with(is_part);
    script.match_indices(name).any(|(at, _)| {
        let begins = !name.starts_with(is_part) || !script[..at].ends_with(is_part);
        begins && (ends_alone || !script[at + name.len()..].starts_with(is_part))
    })
}
