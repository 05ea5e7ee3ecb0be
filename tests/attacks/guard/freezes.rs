//! Freezes, and configurations, that are there and are not seen.

use std::fs;
use std::os::unix::fs::symlink;

use super::{CONFIG, FROZEN, on_runner};
use crate::gate::Gate;

#[test]
fn a_freeze_is_found_from_every_folder_of_the_workspace() {
    for (place, folder) in [
        (".github/freeze.yml", "app"),
        (".github/freeze.yml", "app/deep"),
        (".github/freeze.yml", ""),
        ("app/.github/freeze.yml", "app"),
        ("app/.github/freeze.yml", "app/deep"),
    ] {
        for runner in [true, false] {
            let gate = if runner { on_runner() } else { Gate::new() };
            fs::create_dir_all(gate.root().join(".git")).unwrap();
            fs::create_dir_all(gate.root().join(folder)).unwrap();
            gate.write(place, FROZEN);
            gate.run_in(folder, ["skip-guard", "--require=not-frozen:.github/freeze.yml"])
                .says("deploys are frozen: release 4.2");
        }
    }
}

#[test]
fn of_two_freezes_the_one_that_holds_counts() {
    let gate = on_runner();
    gate.write("app/freeze.yml", "{reason: x, until: 2020-01-01}\n");
    gate.run_in("app", ["skip-guard", "--require=not-frozen:freeze.yml"])
        .code(0)
        .says("Verdict: pass");
    gate.write("freeze.yml", FROZEN);
    gate.run_in("app", ["skip-guard", "--require=not-frozen:freeze.yml"])
        .says("deploys are frozen");
}

#[test]
fn a_link_that_leads_nowhere_is_a_freeze() {
    let require = ["skip-guard", "--require=not-frozen:ops/freeze.yml"];
    type Make = fn(&Gate);
    let makes: [Make; 6] = [
        |gate| symlink("gone", gate.path("ops/freeze.yml")).unwrap(),
        |gate| symlink("freeze.yml", gate.path("ops/freeze.yml")).unwrap(),
        |gate| symlink("gone", gate.root().join("ops")).unwrap(),
        |gate| symlink("ops", gate.root().join("ops")).unwrap(),
        |gate| fs::create_dir_all(gate.root().join("ops/freeze.yml")).unwrap(),
        |gate| {
            symlink("step", gate.path("ops/freeze.yml")).unwrap();
            symlink("gone", gate.path("ops/step")).unwrap();
        },
    ];
    for (index, make) in makes.iter().enumerate() {
        let gate = Gate::new();
        make(&gate);
        let ran = gate.run(require);
        assert!(!ran.stdout().contains("Verdict: pass"), "{index}: {}", ran.explain());
        ran.says("freeze");
    }
    // And one that leads to a freeze is read.
    let gate = Gate::new();
    gate.write("elsewhere.yml", "{reason: x, until: 2020-01-01}\n");
    symlink("../elsewhere.yml", gate.path("ops/freeze.yml")).unwrap();
    gate.run(require).code(0).says("Verdict: pass");
    // A folder that is a file has nothing in it.
    let gate = Gate::new();
    gate.write("ops", "");
    gate.run(require).code(0).says("Verdict: pass");
}

#[test]
fn a_configuration_behind_a_link_that_leads_nowhere_is_an_error() {
    type Make = fn(&Gate);
    let makes: [Make; 3] = [
        |gate| symlink("gone", gate.path(CONFIG)).unwrap(),
        |gate| symlink("gone", gate.root().join(".github")).unwrap(),
        |gate| symlink(".github", gate.root().join(".github")).unwrap(),
    ];
    for make in makes {
        let gate = on_runner();
        make(&gate);
        fs::create_dir_all(gate.root().join("app")).unwrap();
        for folder in ["", "app"] {
            gate.run_in(folder, ["skip-guard", "--require=env:HOME"])
                .code(2)
                .says("the configuration cannot be read");
        }
    }
}

#[test]
fn a_freeze_is_found_by_a_path_that_the_system_would_not_follow() {
    for path in [
        "freeze.yml/",
        "./missing/../freeze.yml",
        "missing/../freeze.yml//",
        ".//freeze.yml/.",
    ] {
        let gate = on_runner();
        gate.write("freeze.yml", FROZEN);
        gate.run(["skip-guard", &format!("--require=not-frozen:{path}")])
            .says("deploys are frozen");
    }
}

#[test]
fn a_configuration_under_a_similar_name_is_an_error() {
    for name in [".github/stageproof.yaml", "stageproof.yml", "stageproof.yaml"] {
        let gate = on_runner();
        gate.write(name, "skip-guard: {require: [env:NOT_THERE]}\n");
        gate.run(["skip-guard", "--require=env:PATH"])
            .code(2)
            .says(&format!("{name} is ignored"));
        gate.run(["skip-guard", "--require=env:PATH", &format!("--config={name}")])
            .code(0);
        gate.write(CONFIG, "version: 1\n");
        gate.run(["skip-guard", "--require=env:PATH"]).code(0);
    }
}
