//! Foreign text in GitHub's Markdown: it shows as it is, and starts nothing.
//!
//! Words that could mean something there (a link, a mention, HTML, emphasis) become code, in which nothing means anything.
//! So there are no escapes and no entities, and the file reads well without a renderer, too.

use crate::model::text::{cut, printable};

const INLINE_BYTES: usize = 2_000;
const BLOCK_BYTES: usize = 20_000;

/// A text of one or more lines. What is between backticks in it stays code.
pub fn inline(text: &str) -> String {
    let text = printable(&short(text, INLINE_BYTES));
    let lines = text.lines().map(|line| markdown(&pieces(line)));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("<br>")
}

/// The same in a table, which a bar would split, in code as well.
pub fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

/// As code, whatever is in it.
pub fn code(text: &str) -> String {
    span(&printable(&short(text, INLINE_BYTES)).replace('\n', " "))
}

/// A code block that its content cannot end: the fence is longer than any run of backticks in it.
pub fn fenced(text: &str, language: &str) -> String {
    let text = printable(&short(text, BLOCK_BYTES));
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", text.trim_end())
}

/// Lines that unfold to Markdown; those with nothing to unfold are just lines.
pub fn folds(lines: &[(String, String)]) -> String {
    let mut out = String::new();
    for (n, (label, body)) in lines.iter().enumerate() {
        if body.is_empty() {
            let is_followed_by_one = lines.get(n + 1).is_some_and(|(_, next)| next.is_empty());
            out.push_str(&inline(label));
            out.push_str(if is_followed_by_one { "<br>\n" } else { "\n\n" });
        } else {
            let label = html(&pieces(&printable(&short(label, INLINE_BYTES)).replace('\n', " ")));
            out.push_str(&format!(
                "<details><summary>{label}</summary>\n\n{body}\n\n</details>\n\n"
            ));
        }
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "a report holds no secrets")]
fn short(text: &str, max: usize) -> String {
    cut(text, max)
}

enum Piece {
    /// Means nothing in Markdown or HTML.
    Plain(String),
    Code(String),
}

fn pieces(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let parts: Vec<&str> = line.trim().split('`').collect();
    let quotes = parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|quoted| !quoted.trim().is_empty());
    if quotes {
        for (n, part) in parts.into_iter().enumerate() {
            if n % 2 == 1 {
                add(&mut pieces, Piece::Code(part.to_owned()));
            } else {
                words(part, &mut pieces);
            }
        }
    } else {
        words(line.trim(), &mut pieces);
    }
    pieces
}

fn words(text: &str, pieces: &mut Vec<Piece>) {
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let opened = bare.trim_start_matches(['(', '"']);
        let mut inner = opened.trim_end_matches([',', '.', ':', ';', ')', '"', '?']);
        if inner.contains('(') && opened[inner.len()..].starts_with(')') {
            inner = &opened[..=inner.len()];
        }
        if is_plain(bare) && !(pieces.is_empty() && begins_a_block(bare)) {
            add(pieces, Piece::Plain(bare.to_owned()));
        } else if inner.is_empty() {
            add(pieces, Piece::Code(bare.to_owned()));
        } else {
            let (before, after) = (&bare[..bare.len() - opened.len()], &opened[inner.len()..]);
            add(pieces, Piece::Plain(before.to_owned()));
            add(pieces, Piece::Code(inner.to_owned()));
            add(pieces, Piece::Plain(after.to_owned()));
        }
        if bare.len() < word.len() {
            add(pieces, Piece::Plain(" ".to_owned()));
        }
    }
}

/// Whether a word means nothing in Markdown behind another one: no link, no mention, no HTML, no emphasis.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "()\"',.;:?!%/+-=".contains(c) || !c.is_ascii();
    let inside = word.trim_end_matches([',', '.', ';', ')', '"']);
    let inside = inside.strip_suffix(':').unwrap_or(inside);
    let inside = inside.trim_start_matches(['(', '"']);
    let is_www = word.to_ascii_lowercase().contains("www.");
    // A flag is not broken at the end of a line, as code.
    word.chars().all(plain) && !is_www && !inside.contains(':') && !inside.starts_with("--")
}

/// As the first word of a line: `1.`, `-`, `===`.
fn begins_a_block(word: &str) -> bool {
    let number = word.strip_suffix(['.', ')']);
    number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit())) || word.chars().all(|c| "+-=".contains(c))
}

/// Two codes side by side would be neither, so they become one; so do the words of a command.
fn add(pieces: &mut Vec<Piece>, piece: Piece) {
    if let (Piece::Code(text), [.., Piece::Code(before), Piece::Plain(space)]) = (&piece, &mut **pieces)
        && space == " "
    {
        before.push_str(&format!(" {text}"));
        pieces.pop();
        return;
    }
    match (pieces.last_mut(), piece) {
        (_, Piece::Plain(text)) if text.is_empty() => {}
        (Some(Piece::Code(before)), Piece::Code(text)) | (Some(Piece::Plain(before)), Piece::Plain(text)) => {
            before.push_str(&text);
        }
        (_, piece) => pieces.push(piece),
    }
}

fn markdown(pieces: &[Piece]) -> String {
    let shown = pieces.iter().map(|piece| match piece {
        Piece::Plain(text) => text.clone(),
        Piece::Code(text) => span(text),
    });
    shown.collect::<String>().trim_end().to_owned()
}

/// Inside of HTML nothing is Markdown.
fn html(pieces: &[Piece]) -> String {
    let shown = pieces.iter().map(|piece| match piece {
        Piece::Plain(text) => text.clone(),
        Piece::Code(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            format!("<code>{text}</code>")
        }
    });
    shown.collect()
}

fn span(text: &str) -> String {
    let fence = "`".repeat(match longest_run(text) {
        0 => 1,
        longest => longest + 1,
    });
    // A blank at each end is taken off again.
    let blank = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{blank}{text}{blank}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    #[test]
    fn a_code_block_cannot_be_left() {
        let block = fenced("a\n```\n<script>", "text");
        assert!(block.starts_with("````text\n") && block.ends_with("\n````"), "{block}");
    }

    #[test]
    fn what_means_something_is_code_and_the_rest_stays() {
        for (text, shown) in [
            ("All 3 checks passed.", "All 3 checks passed."),
            (
                "GET https://h/x?a=1: answered 502",
                "GET `https://h/x?a=1`: answered 502",
            ),
            ("see (www.h.example, WWW.h)", "see (`www.h.example`, `WWW.h`)"),
            ("MY_TOKEN is not set", "`MY_TOKEN` is not set"),
            (
                "map it: `env: A: ${{ secrets.A }}`.",
                "map it: `env: A: ${{ secrets.A }}`.",
            ),
            ("a|b\n<img src=x> @team [x](y)", "`a|b`<br>`<img src=x> @team [x](y)`"),
            ("an odd ` and #12 :tada:", "an odd `` ` `` and `#12 :tada`:"),
            ("`a`<b> and ``c``", "`` `a`<b> `` and ``` ``c`` ```"),
            ("`a`<b>", "`a<b>`"),
            ("5 > 3, é – ok", "5 `>` 3, é – ok"),
            ("run x --require env:A_B now", "run x `--require env:A_B` now"),
            ("see (--any-attempt).", "see (`--any-attempt`)."),
            ("1. x", "`1`. x"),
            ("--- x", "`---` x"),
        ] {
            assert_eq!(inline(text), shown);
        }
    }

    #[test]
    fn a_line_that_unfolds_is_html() {
        let lines = [("a", ""), ("b", ""), ("✅ `x && y` <i>", "z"), ("c", "")];
        let lines = lines.map(|(label, body)| (label.to_owned(), body.to_owned()));
        assert_eq!(
            folds(&lines),
            "a<br>\nb\n\n<details><summary>✅ <code>x &amp;&amp; y &lt;i&gt;</code></summary>\n\nz\n\n\
             </details>\n\nc\n\n"
        );
    }

    proptest! {
        #[test]
        fn whatever_the_text_is_it_shows_and_starts_nothing(
            text in "([a-z]{1,4}|www[.]|https?://|mailto:|[`*_<>&|\\\\!\\[\\](){}#@~$:;.,\"'0-9+=-]| ){0,30}",
        ) {
            let markdown = inline(&text);
            let mut shown = String::new();
            for event in Parser::new_ext(&markdown, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
                match event {
                    Event::Code(code) => shown.push_str(&code),
                    Event::Text(plain) => {
                        let links = ["://", "@", "www."].iter().any(|link| plain.contains(link));
                        prop_assert!(!links, "{markdown}");
                        shown.push_str(&plain);
                    }
                    Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                    other => prop_assert!(false, "{other:?} in {markdown}"),
                }
            }
            let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '`').collect::<String>();
            prop_assert_eq!(visible(&shown), visible(&text), "{}", markdown);
        }
    }
}
