//! The picture of the README: what `rehearse` really prints, as a terminal shows it, light and dark.
//!
//! Times, hashes and dates may differ from run to run. When a word differs, `STAGEPROOF_UPDATE=1` makes it again. After a
//! change of the drawing, delete the files first.

use std::fmt::Write as _;
use std::fs;

use regex::Regex;

use super::blocks::blocks_of;
use super::{equal_or_updated, root};
use crate::newcomer::Newcomer;

/// A phone of 390 pixels shows this many columns in letters of 9 pixels.
const COLUMNS: usize = 60;
const ADVANCE: f32 = 8.4;
const LINE: f32 = 19.0;
const MARGIN: f32 = 16.0;
/// Of a list, the picture shows this many items.
const ITEMS: usize = 1;
const TITLE: &str = "A terminal: stageproof rehearse passes, and prints the rollback command";

struct Theme {
    name: &'static str,
    paper: &'static str,
    ink: &'static str,
    frame: &'static str,
    dim: &'static str,
    green: &'static str,
    red: &'static str,
    yellow: &'static str,
    cyan: &'static str,
}

/// The colors of GitHub's own pages, which have enough contrast.
const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        paper: "#ffffff",
        ink: "#1f2328",
        frame: "#d1d9e0",
        dim: "#59636e",
        green: "#1a7f37",
        red: "#d1242f",
        yellow: "#9a6700",
        cyan: "#1b7c83",
    },
    Theme {
        name: "dark",
        paper: "#0d1117",
        ink: "#f0f6fc",
        frame: "#3d444d",
        dim: "#9198a1",
        green: "#3fb950",
        red: "#f85149",
        yellow: "#d29922",
        cyan: "#39c5cf",
    },
];

#[test]
fn the_picture_is_what_rehearse_prints() {
    let printed = rehearsal();
    for theme in &THEMES {
        let path = root().join(format!("docs/pictures/rehearse-{}.svg", theme.name));
        let before = fs::read_to_string(&path).unwrap_or_default();
        let now = drawn(&printed, theme);
        if words(&before) != words(&now) {
            equal_or_updated(&path, &before, &now);
        }
    }
}

/// With the configuration that the README shows above it.
fn rehearsal() -> String {
    let mut newcomer = Newcomer::new();
    newcomer.env.push(("FLY_API_TOKEN", "no real one".to_owned()));
    let readme = blocks_of(&root().join("README.md"));
    let config = readme.iter().find(|block| block.info == "yaml,config").unwrap();
    newcomer.write(".github/stageproof.yml", &config.text);
    let ran = newcomer.types("stageproof rehearse --color=always");
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{printed}");
    format!("\x1b[2m$\x1b[0m stageproof rehearse\n{}", shortened(&printed))
}

/// Long lists are cut, and the end is without empty lines.
fn shortened(printed: &str) -> String {
    let mut items = 0;
    let mut text = String::new();
    for line in printed.trim_end().lines() {
        items = if line.starts_with("  - ") { items + 1 } else { 0 };
        match items.cmp(&(ITEMS + 1)) {
            std::cmp::Ordering::Less => text.extend([line, "\n"]),
            std::cmp::Ordering::Equal => text.push_str("  …\n"),
            std::cmp::Ordering::Greater => {}
        }
    }
    text
}

/// One letter and how it is shown: bold, and the number of its color.
#[derive(Clone, Copy, PartialEq)]
struct Cell {
    letter: char,
    bold: bool,
    color: u8,
}

/// The lines of a terminal, broken between words.
fn lines(printed: &str) -> Vec<Vec<Cell>> {
    let code = Regex::new("\x1b\\[([0-9;]*)m").unwrap();
    let (mut bold, mut color) = (false, 0);
    let mut lines = Vec::new();
    for line in printed.lines() {
        let mut cells = Vec::new();
        let mut rest = line;
        while !rest.is_empty() {
            let found = code.captures(rest).filter(|found| found.get(0).unwrap().start() == 0);
            if let Some(found) = found {
                for number in found[1].split(';') {
                    match number.parse().unwrap_or(0) {
                        0 => (bold, color) = (false, 0),
                        1 => bold = true,
                        other => color = other,
                    }
                }
                rest = &rest[found[0].len()..];
            } else {
                let letter = rest.chars().next().unwrap();
                cells.push(Cell { letter, bold, color });
                rest = &rest[letter.len_utf8()..];
            }
        }
        lines.extend(broken(cells));
    }
    lines
}

/// What continues a line is indented by four more than it.
fn broken(mut cells: Vec<Cell>) -> Vec<Vec<Cell>> {
    let blank = Cell {
        letter: ' ',
        bold: false,
        color: 0,
    };
    let indent = cells.iter().take_while(|cell| cell.letter == ' ').count() + 4;
    let mut lines = Vec::new();
    while cells.len() > COLUMNS {
        let space = cells[..=COLUMNS].iter().rposition(|cell| cell.letter == ' ');
        let at = space.filter(|at| *at > indent).unwrap_or(COLUMNS);
        let rest = cells.split_off(at);
        lines.push(std::mem::take(&mut cells));
        cells = vec![blank; indent];
        cells.extend(rest.into_iter().skip_while(|cell| cell.letter == ' '));
    }
    lines.push(cells);
    lines
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture has some dozens of lines and columns"
)]
fn drawn(printed: &str, theme: &Theme) -> String {
    let lines = lines(printed);
    let width = COLUMNS as f32 * ADVANCE + 2.0 * MARGIN;
    let height = lines.len() as f32 * LINE + 2.0 * MARGIN;
    let Theme { paper, ink, frame, .. } = theme;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{TITLE}\">\n<rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" \
         rx=\"8\" fill=\"{paper}\" stroke=\"{frame}\"/>\n<g fill=\"{ink}\" font-size=\"14\" xml:space=\"preserve\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\n",
        width - 1.0,
        height - 1.0
    );
    for (row, cells) in lines.iter().enumerate() {
        let mut column = 0;
        for run in cells.chunk_by(|a, b| (a.bold, a.color) == (b.bold, b.color)) {
            let text: String = run.iter().map(|cell| cell.letter).collect();
            if !text.trim().is_empty() {
                // Fonts differ in width; columns do not.
                let skipped = text.len() - text.trim_start().len();
                let x = MARGIN + (column + skipped) as f32 * ADVANCE;
                let y = MARGIN + row as f32 * LINE + 14.0;
                let length = text.trim().chars().count() as f32 * ADVANCE;
                let style = style(run[0], theme);
                let text = text.trim().replace('&', "&amp;").replace('<', "&lt;");
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\"{style}>{text}</text>"
                );
            }
            column += run.len();
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn style(cell: Cell, theme: &Theme) -> String {
    let color = match cell.color {
        0 => None,
        2 => Some(theme.dim),
        31 => Some(theme.red),
        32 => Some(theme.green),
        33 => Some(theme.yellow),
        36 => Some(theme.cyan),
        other => panic!("the picture has no color for the code {other}"),
    };
    let bold = if cell.bold { " font-weight=\"bold\"" } else { "" };
    format!(
        "{}{bold}",
        color.map_or_else(String::new, |color| format!(" fill=\"{color}\""))
    )
}

/// The words of a picture, without what differs from run to run, wherever its lines break.
fn words(svg: &str) -> String {
    let mut text = Regex::new("<[^>]*>").unwrap().replace_all(svg, " ").into_owned();
    for (pattern, with) in [
        // Only a check that took long says so.
        (r" \(\d+(\.\d+)?m?s\)", ""),
        (r"\d+(\.\d+)?m?s\b", "SPAN"),
        (r"\d{4}-\d\d-\d\d", "DATE"),
        // A hash that is longer than a line is in pieces.
        (r"\b[0-9a-f]{8,}( +[0-9a-f]+\b)*", "HASH"),
        (r"\s+", " "),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
    }
    text
}
