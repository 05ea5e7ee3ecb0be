//! Workflows and actions as they are written. An unknown key is an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

pub type Texts = BTreeMap<String, Value>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(
    dead_code,
    reason = "what is not read here is GitHub's to read, and has a known name"
)]
pub struct Workflow {
    pub name: String,
    pub on: Value,
    pub permissions: Option<Value>,
    pub concurrency: Option<Value>,
    pub jobs: BTreeMap<String, Job>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "as above")]
pub struct Job {
    pub name: Option<String>,
    pub needs: Option<String>,
    #[serde(rename = "if")]
    pub condition: Option<String>,
    pub runs_on: Option<String>,
    pub timeout_minutes: Option<u32>,
    pub permissions: Option<Value>,
    pub concurrency: Option<Value>,
    pub environment: Option<Value>,
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// A workflow that is called instead of steps.
    pub uses: Option<String>,
    #[serde(default)]
    pub with: Texts,
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(rename = "if")]
    pub condition: Option<String>,
    pub uses: Option<String>,
    pub run: Option<String>,
    pub working_directory: Option<String>,
    /// A command with `{0}` for the script.
    pub shell: Option<String>,
    #[serde(default)]
    pub env: Texts,
    #[serde(default)]
    pub with: Texts,
}

impl Step {
    pub fn name(&self) -> &str {
        let words = [&self.name, &self.uses, &self.run];
        words.into_iter().flatten().next().expect("a step does something")
    }
}

/// What is called: `on.workflow_call`, or an action.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Callee {
    #[serde(default)]
    pub inputs: BTreeMap<String, Input>,
    #[serde(default)]
    pub secrets: BTreeMap<String, Value>,
    #[serde(default)]
    pub outputs: BTreeMap<String, Output>,
    pub runs: Option<Runs>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "as above")]
pub struct Input {
    pub description: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    pub required: bool,
    pub default: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
pub struct Output {
    description: String,
    pub value: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Runs {
    #[serde(default)]
    pub steps: Vec<Step>,
}

impl Callee {
    /// The inputs as the callee sees them: those that were given, and the defaults.
    pub fn take(&self, given: &BTreeMap<String, String>, who: &str) -> BTreeMap<String, String> {
        for name in given.keys() {
            assert!(self.inputs.contains_key(name), "{who} has no input `{name}`");
        }
        let one = |(name, input): (&String, &Input)| {
            let given = given.get(name).cloned();
            assert!(given.is_some() || !input.required, "{who} needs the input `{name}`");
            (name.clone(), given.or(input.default.clone()).unwrap_or_default())
        };
        self.inputs.iter().map(one).collect()
    }
}

/// A file of this repository.
pub fn read<T: for<'de> Deserialize<'de>>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}
