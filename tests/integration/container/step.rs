//! A step of a workflow that uses the action, run with docker exactly as GitHub's runner does it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::skipped::not_checked;

pub const REQUIRED: &str = "STAGEPROOF_REQUIRE_DOCKER";
const BINARY: &str = "STAGEPROOF_STATIC_BINARY";
const RELEASED: &str = "STAGEPROOF_RELEASED";
const RELEASED_ARM64: &str = "STAGEPROOF_RELEASED_ARM64";
const BUILT: &str = "stageproof-test";
const QEMU: &str = "/usr/bin/qemu-aarch64-static";

/// The docker to use. Debian's own comes first: a client beside it may lack the builder.
pub fn docker() -> Command {
    let named = std::env::var_os("STAGEPROOF_DOCKER").map(PathBuf::from);
    let debian = Path::new("/usr/bin/docker");
    let usual = if debian.exists() { debian } else { Path::new("docker") };
    Command::new(named.as_deref().unwrap_or(usual))
}

/// The image, prepared once: that of a release, pulled by its digest, or one built from this repository's Dockerfile around
/// the static binary. `None` if that cannot be done here, which is said.
pub fn image() -> Option<&'static str> {
    static IMAGE: OnceLock<Result<String, String>> = OnceLock::new();
    or_say(IMAGE.get_or_init(|| {
        answers()?;
        match std::env::var(RELEASED) {
            Ok(released) => pull(released),
            Err(_) => build().map(|()| BUILT.to_owned()),
        }
    }))
}

/// The release's image for arm64, which this machine runs with an emulator (see [`Step::emulated`]).
pub fn image_for_arm64() -> Option<&'static str> {
    static IMAGE: OnceLock<Result<String, String>> = OnceLock::new();
    or_say(IMAGE.get_or_init(|| {
        answers()?;
        if !Path::new(QEMU).exists() {
            return Err(format!("there is no {QEMU}"));
        }
        let released = std::env::var(RELEASED_ARM64);
        pull(released.map_err(|_| format!("{RELEASED_ARM64} does not name an image"))?)
    }))
}

fn or_say(image: &'static Result<String, String>) -> Option<&'static str> {
    match image {
        Ok(image) => Some(image),
        Err(why) => {
            let test = std::thread::current().name().unwrap_or("container").to_owned();
            not_checked(&test, why, REQUIRED);
            None
        }
    }
}

fn pull(image: String) -> Result<String, String> {
    succeed(docker().args(["pull", "--quiet", &image]))?;
    Ok(image)
}

fn answers() -> Result<(), String> {
    let answer = docker().args(["version", "--format", "{{.Server.Version}}"]).output();
    match answer {
        Err(error) => Err(format!("docker cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or_default();
            Err(format!("no docker daemon answers: {said}"))
        }
        Ok(_) => Ok(()),
    }
}

fn build() -> Result<(), String> {
    let binary = std::env::var_os(BINARY).ok_or_else(|| format!("{BINARY} does not name the static binary"))?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    fs::copy(&binary, folder.path().join("stageproof")).map_err(|error| format!("{BINARY}: {error}"))?;
    let mut tar = Command::new("tar")
        .args(["-c", "-C"])
        .arg(folder.path())
        .arg("stageproof")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("tar: {error}"))?;
    let packed = tar.stdout.take().map_or_else(Stdio::null, Stdio::from);
    succeed(docker().args(["import", "-", "stageproof-binary"]).stdin(packed))?;
    let _ = tar.wait();
    succeed(
        docker()
            .env("DOCKER_BUILDKIT", "1")
            .args(["build", "--build-arg", "SOURCE=stageproof-binary", "--tag", BUILT])
            .arg(env!("CARGO_MANIFEST_DIR")),
    )
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The runner's folders on the host, what is mounted where, and the environment.
pub struct Step {
    image: &'static str,
    folder: tempfile::TempDir,
    pub name: String,
    env: BTreeMap<String, String>,
    options: Vec<String>,
    network: &'static str,
    /// What comes before the action's own arguments.
    words: Vec<&'static str>,
    /// How the runner's temporary folder is mounted.
    temp: Temp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Temp {
    Mounted,
    ReadOnly,
    /// As runners before 2.329 do: RUNNER_TEMP is the host's name, and nothing is there.
    Absent,
}

impl Step {
    pub fn new(image: &'static str, command: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir().unwrap();
        for name in ["workspace", "temp", "file_commands", "workflow", "home"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["output", "summary", "path"] {
            fs::write(folder.path().join("file_commands").join(name), "").unwrap();
        }
        let event = r#"{"repository":{"fork":false,"full_name":"acme/shop"}}"#;
        fs::write(folder.path().join("workflow/event.json"), event).unwrap();
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        // The runner passes every declared input; one without a value has its default, or is empty.
        for (input, default) in declared_inputs() {
            env.insert(variable(&input), default);
        }
        for (name, value) in [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("NO_COLOR", "1"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_EVENT_PATH", "/github/workflow/event.json"),
            ("GITHUB_JOB", "prove"),
            ("GITHUB_OUTPUT", "/github/file_commands/output"),
            ("GITHUB_PATH", "/github/file_commands/path"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
            ("GITHUB_STEP_SUMMARY", "/github/file_commands/summary"),
            ("GITHUB_WORKSPACE", "/github/workspace"),
            ("HOME", "/github/home"),
            // Two inputs with defaults, the host's names, translated as the runner translates every variable.
            ("INPUT_HOST-TEMP", "/github/runner_temp"),
            ("INPUT_HOST-WORKSPACE", "/github/workspace"),
            ("RUNNER_OS", "Linux"),
            ("RUNNER_TEMP", "/github/runner_temp"),
        ] {
            env.insert(name.to_owned(), value.to_owned());
        }
        let step = Self {
            image,
            folder,
            name: format!("stageproof-test-{}-{number}", std::process::id()),
            env,
            options: Vec::new(),
            network: "host",
            words: Vec::new(),
            temp: Temp::Mounted,
        };
        step.input("command", command)
    }

    pub fn input(self, name: &str, value: &str) -> Self {
        self.env(&variable(name), value)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// Runs the binary of another machine's image.
    pub fn emulated(mut self) -> Self {
        self.words = vec!["/stageproof"];
        self.option(&format!("--volume={QEMU}:/qemu:ro"))
            .option("--entrypoint=/qemu")
    }

    pub fn network(mut self, network: &'static str) -> Self {
        self.network = network;
        self
    }

    pub fn temp(mut self, temp: Temp) -> Self {
        self.temp = temp;
        if temp != Temp::Absent {
            return self;
        }
        let host = self.path("temp").display().to_string();
        self.env("RUNNER_TEMP", &host).env("INPUT_HOST-TEMP", &host)
    }

    /// The arguments of action.yml. The runner fills in what the host calls the folders, and translates nothing in them.
    fn args(&self) -> Vec<String> {
        let host = |folder: &str| self.folder.path().join(folder).display().to_string();
        let args = action()["runs"]["args"].as_array().cloned().unwrap_or_default();
        let fill = |arg: Value| {
            let arg = arg.as_str().unwrap().to_owned();
            arg.replace("${{ inputs.host-temp }}", &host("temp"))
                .replace("${{ inputs.host-workspace }}", &host("workspace"))
        };
        args.into_iter().map(fill).collect()
    }

    /// The next step of the same job: the same folders, other inputs.
    pub fn then(self, command: &str) -> Self {
        let Self { folder, image, .. } = self;
        let next = Self::new(image, command);
        Self { folder, ..next }
    }

    /// A path on the host; folders above it are made.
    pub fn path(&self, relative: &str) -> PathBuf {
        let path = self.folder.path().join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn write(self, relative: &str, text: &str) -> Self {
        fs::write(self.path(relative), text).unwrap();
        self
    }

    fn command(&self, keep: bool) -> Command {
        let mut command = docker();
        command.args(["run", "--name", &self.name, "--workdir", "/github/workspace"]);
        if !keep {
            command.arg("--rm");
        }
        for (name, value) in &self.env {
            command.args(["-e", &format!("{name}={value}")]);
        }
        for (folder, inside) in [
            ("workspace", "workspace"),
            ("temp", "runner_temp"),
            ("file_commands", "file_commands"),
            ("workflow", "workflow"),
            ("home", "home"),
        ] {
            let access = match self.temp {
                Temp::Absent if folder == "temp" => continue,
                Temp::ReadOnly if folder == "temp" => ":ro",
                _ => "",
            };
            let mount = format!("{}:/github/{inside}{access}", self.folder.path().join(folder).display());
            command.args(["-v", &mount]);
        }
        command.args(["--network", self.network]).args(&self.options);
        command.arg(self.image).args(&self.words).args(self.args());
        command.stdin(Stdio::null());
        command
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The variables with the host's names of what is mounted.
    fn environment_on_host(&self) -> impl Iterator<Item = (&String, String)> {
        let host = |value: &String| {
            let mounts = [
                ("runner_temp", "temp"),
                ("workspace", ""),
                ("file_commands", ""),
                ("workflow", ""),
                ("home", ""),
            ];
            mounts.into_iter().fold(value.clone(), |value, (inside, outside)| {
                let name = if outside.is_empty() { inside } else { outside };
                match value.strip_prefix(&format!("/github/{inside}")) {
                    Some(rest) => format!("{}{rest}", self.folder(name).display()),
                    None => value,
                }
            })
        };
        self.env.iter().map(move |(name, value)| (name, host(value)))
    }

    /// What a `run:` step is told, which has no inputs.
    pub fn environment_of_host(&self) -> impl Iterator<Item = (&String, String)> {
        let of_step = self.environment_on_host();
        of_step.filter(|(name, _)| {
            ["CI", "NO_COLOR", "HOME"].contains(&&***name) || name.starts_with("GITHUB_") || name.starts_with("RUNNER_")
        })
    }

    /// The binary of this build in the place of the container.
    pub fn run_bare(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stageproof"));
        command
            .env_clear()
            .envs(self.environment_on_host())
            .current_dir(self.folder("workspace"));
        command.stdin(Stdio::null()).output().unwrap()
    }

    pub fn run(&self) -> Ran<'_> {
        self.ran(self.command(false).output().unwrap())
    }

    /// Gives all folders and what is in them to a user, as the runner's are its user's. False if that is not for us to do.
    pub fn give_to(&self, user: u32) -> bool {
        let mut all = walkdir::WalkDir::new(self.folder.path())
            .into_iter()
            .map(Result::unwrap);
        all.all(|entry| std::os::unix::fs::lchown(entry.path(), Some(user), Some(user)).is_ok())
    }

    /// Like [`Step::run`], and the ended container stays, to be looked at.
    pub fn run_and_keep(&self) -> Ran<'_> {
        self.ran(self.command(true).output().unwrap())
    }

    pub fn start(&self) -> Child {
        let mut command = self.command(false);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn ran(&self, output: Output) -> Ran<'_> {
        Ran { step: self, output }
    }

    /// The step outputs, which the runner reads on the host.
    pub fn outputs(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.path("file_commands/output")).unwrap();
        let mut lines = text.lines();
        let mut outputs = BTreeMap::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line.split_once("<<").unwrap();
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        }
        outputs
    }

    /// The report that the output `report` names, which must be a path the next step on the host can use.
    pub fn report(&self) -> Value {
        let path = self.outputs()["report"].clone();
        assert!(
            !Path::new(&path).is_absolute(),
            "{path} is a path in the container, where no later step is"
        );
        let text = fs::read_to_string(self.path("workspace").join(path)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The reasons of all findings of the report.
    pub fn reasons(&self) -> Vec<String> {
        let report = self.report();
        let checks = report["checks"].as_array().unwrap();
        let findings = checks.iter().filter_map(|c| c["findings"].as_array()).flatten();
        findings
            .filter_map(|finding| finding["reason"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

/// What came of it.
pub struct Ran<'a> {
    step: &'a Step,
    output: Output,
}

impl Ran<'_> {
    pub fn output(self) -> Output {
        self.output
    }

    pub fn text(&self) -> String {
        let (out, err) = (&self.output.stdout, &self.output.stderr);
        format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
    }

    #[track_caller]
    pub fn code(&self, expected: i32) -> &Self {
        let code = self.output.status.code();
        assert_eq!(code, Some(expected), "exit code of {}\n{}", self.step.name, self.text());
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(
            self.text().contains(text),
            "expected it to say: {text}\n{}",
            self.text()
        );
        self
    }
}

fn action() -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// Each with its default, if that is no expression.
fn declared_inputs() -> Vec<(String, String)> {
    let action = action();
    let inputs = action["inputs"].as_object().unwrap().iter();
    inputs
        .map(|(name, input)| {
            let default = input["default"].as_str().filter(|text| !text.contains("${{"));
            (name.clone(), default.unwrap_or_default().to_owned())
        })
        .collect()
}

/// As the runner names the variable of an input: hyphens stay.
fn variable(input: &str) -> String {
    format!("INPUT_{}", input.to_uppercase())
}
