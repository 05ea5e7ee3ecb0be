//! The generated tables: from the command line's definition, `action.yml`, the exit codes and the JSON Schemas.

use std::fmt::Write as _;
use std::path::Path;

use stageproof::cli::{SchemaOf, input_name, is_input};
use stageproof::model::exit;

use super::{action, commands_of_the_action, commands_with, root, schema_tables, subcommands};

pub const NAMES: [&str; 7] = [
    "subcommands",
    "options",
    "inputs",
    "outputs",
    "exit-codes",
    "configuration",
    "report",
];

/// The table of this name, with links as they are from `page`.
pub fn table(name: &str, page: &Path) -> String {
    match name {
        "subcommands" => of_subcommands(page),
        "options" => of_options(),
        "inputs" => of_inputs(),
        "outputs" => {
            let action = action();
            let rows = action
                .outputs
                .0
                .iter()
                .map(|(name, output)| [code(name), output.description.clone()]);
            rows_below(["Output", "What it is"], rows)
        }
        "exit-codes" => rows_below(
            ["Exit code", "Meaning"],
            exit::TABLE.map(|(number, meaning)| [number.to_string(), meaning.to_owned()]),
        ),
        "configuration" => schema_tables::of(SchemaOf::Config, schema_tables::Mark::Required),
        "report" => schema_tables::of(SchemaOf::Report, schema_tables::Mark::Optional),
        other => panic!("there is no table `{other}`; there are {NAMES:?}"),
    }
}

/// Where a subcommand is explained: on a page of its own, or among all options.
fn guide(command: &str) -> String {
    let page = match command {
        "evidence-bundle" | "verify" => "evidence",
        "install" => "on-the-runner",
        other => other,
    };
    match root().join(format!("docs/guides/{page}.md")).exists() {
        true => format!("docs/guides/{page}.md"),
        false => format!("docs/reference/commands.md#{command}"),
    }
}

fn of_subcommands(page: &Path) -> String {
    let depth = page.strip_prefix(root()).unwrap().components().count() - 1;
    let rows = subcommands().into_iter().map(|command| {
        let name = command.get_name();
        let target = guide(name);
        let target = match depth {
            0 => target,
            // All pages but the README are in `docs`.
            _ => format!("{}{}", "../".repeat(depth - 1), target.trim_start_matches("docs/")),
        };
        let about = command.get_about().unwrap().to_string();
        [format!("[{}]({target})", code(name)), full_stop(&about)]
    });
    rows_below(["Command", "What it does"], rows)
}

/// The options of every subcommand under a heading, and those of all at the end.
fn of_options() -> String {
    let mut text = String::new();
    let commands = subcommands();
    for command in &commands {
        let about = full_stop(&command.get_about().unwrap().to_string());
        let _ = writeln!(text, "## {}\n\n{about}\n", command.get_name());
        let own = command.get_arguments().filter(|a| is_input(a) && heading(a) != COMMON);
        options_by_heading(&mut text, &own.collect::<Vec<_>>());
    }
    let _ = writeln!(text, "## Options of every command\n");
    let common = commands[0].get_arguments().filter(|a| heading(a) == COMMON);
    options_by_heading(&mut text, &common.collect::<Vec<_>>());
    text
}

const COMMON: &str = "Common options";

fn heading(argument: &clap::Arg) -> &str {
    argument.get_help_heading().unwrap_or_default()
}

fn options_by_heading(text: &mut String, options: &[&clap::Arg]) {
    let mut headings: Vec<&str> = Vec::new();
    for option in options {
        if !headings.contains(&heading(option)) {
            headings.push(heading(option));
        }
    }
    for of in headings {
        let rows = options.iter().filter(|option| heading(option) == of).map(|option| {
            let help = option.get_long_help().or(option.get_help()).unwrap().to_string();
            let values = option.get_possible_values();
            let is_switch = values.iter().all(|value| matches!(value.get_name(), "true" | "false"));
            let values = match is_switch {
                true => String::new(),
                false => {
                    let names: Vec<String> = values.iter().map(|value| code(value.get_name())).collect();
                    format!(" One of {}.", names.join(", "))
                }
            };
            [code(&usage(option)), format!("{}{values}", escaped(&full_stop(&help)))]
        });
        let column = if of.is_empty() || of == COMMON { "Option" } else { of };
        let _ = writeln!(text, "{}", rows_below([column, "What it is"], rows));
    }
}

/// As it is typed: `--within TIME`, or `URL` for an argument without a flag.
fn usage(option: &clap::Arg) -> String {
    let takes_value = option.get_action().takes_values() && option.get_num_args().is_none_or(|n| n.min_values() > 0);
    let names = option.get_value_names().unwrap_or_default();
    let value = names
        .first()
        .map_or_else(|| input_name(option).to_uppercase(), ToString::to_string);
    match (option.get_long(), takes_value) {
        (None, _) => value,
        (Some(long), false) => format!("--{long}"),
        (Some(long), true) => format!("--{long} {value}"),
    }
}

fn of_inputs() -> String {
    let action = action();
    let commands = subcommands();
    let runnable = commands_of_the_action(&action);
    let rows = action.inputs.0.iter().map(|(name, described)| {
        let of = commands_with(name, &commands);
        let of: Vec<&str> = of.into_iter().filter(|c| runnable.contains(c)).collect();
        let of = if name == "command" || of.len() == runnable.len() {
            "all".to_owned()
        } else {
            of.iter().map(|c| code(c)).collect::<Vec<_>>().join(", ")
        };
        [code(name), of, described.description.clone()]
    });
    rows_below(["Input", "Of", "What it is"], rows)
}

pub fn rows_below<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut table = line(&head.map(str::to_owned));
    let _ = writeln!(table, "|{}", "---|".repeat(N));
    for cells in rows {
        table.push_str(&line(&cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "))));
    }
    table
}

pub fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Plain text as Markdown shows it.
pub fn escaped(text: &str) -> String {
    let mut quoted = false;
    text.chars().fold(String::new(), |mut out, c| {
        quoted ^= c == '`';
        if !quoted && matches!(c, '<' | '>' | '*' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

pub fn full_stop(text: &str) -> String {
    match text.chars().last() {
        None | Some('.' | '?') => text.to_owned(),
        _ => format!("{text}."),
    }
}
