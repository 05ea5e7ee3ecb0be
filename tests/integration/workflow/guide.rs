//! The guide to the workflows lists what can be given to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::definition::{Callee, Input, Workflow, read};

/// The first two cells of the first table after a heading whose first column is `Input`.
fn rows<'a>(guide: &'a str, heading: &str, column: &str) -> BTreeMap<&'a str, &'a str> {
    let section = guide
        .split_once(heading)
        .unwrap_or_else(|| panic!("there is no {heading}"))
        .1;
    let table = section
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {column} ")));
    let table = table.skip(2).take_while(|line| line.starts_with('|'));
    let cells = table.map(|line| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        (cells[1], cells[2])
    });
    cells.collect()
}

fn is_described(inputs: &BTreeMap<String, Input>, rows: &BTreeMap<&str, &str>) {
    let names: Vec<&str> = inputs.keys().map(String::as_str).collect();
    assert_eq!(names, rows.keys().copied().collect::<Vec<_>>());
    for (name, input) in inputs {
        assert_eq!(input.required, rows[&**name] == "required", "{name}");
        if let Some(default) = &input.default {
            assert_eq!(default, rows[&**name], "the default of {name}");
        }
    }
}

#[test]
fn the_guide_lists_every_input_its_default_and_every_output() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/staging-workflow.md");
    let guide = fs::read_to_string(guide).unwrap();
    let workflow: Workflow = read(".github/workflows/staging.yml");
    let called: Callee = serde_json::from_value(workflow.on["workflow_call"].clone()).unwrap();
    is_described(&called.inputs, &rows(&guide, "### Inputs", "Input"));
    let outputs: Vec<&str> = called.outputs.keys().map(String::as_str).collect();
    assert_eq!(
        outputs,
        rows(&guide, "### Outputs", "Output")
            .keys()
            .copied()
            .collect::<Vec<_>>()
    );
    let prove: Callee = read("prove/action.yml");
    is_described(&prove.inputs, &rows(&guide, "## `prove`", "Input"));
    for output in prove.outputs.keys() {
        let section = guide.split_once("## `prove`").unwrap().1;
        assert!(section.contains(&format!("`{output}`")), "{output}");
    }
}

/// What the README promises: so many lines, the whole file.
#[test]
fn the_short_examples_are_short() {
    for (file, most) in [("smoke.yml", 12), ("rehearse.yml", 15), ("staging.yml", 12)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/workflows")
            .join(file);
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= most, "{file} has {lines} lines");
    }
}
