//! What a reader sees of Markdown as GitHub shows it: no comments, no definitions of links, no attributes.
//!
//! A link's address counts as seen if the link can be seen. In doubt, text counts as not shown.

use std::collections::HashSet;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{StartTag, Token, Tokenizer};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// Elements whose content is not shown, or that GitHub takes out.
const HIDDEN: [&str; 18] = [
    "audio",
    "canvas",
    "datalist",
    "embed",
    "head",
    "iframe",
    "math",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "plaintext",
    "script",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
];
/// Elements without an end.
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
];
/// Inline elements: the text before and after them can be one word.
const INLINE: [&str; 24] = [
    "a", "abbr", "b", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp",
    "small", "span", "strike", "strong", "sub", "sup", "u",
];

pub fn visible(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    let mut page = String::new();
    html::push_html(&mut page, shown(Parser::new_ext(markdown, options)).into_iter());
    text_of(&page)
}

/// Footnotes that nothing refers to are not shown.
fn shown<'a>(parser: impl Iterator<Item = Event<'a>>) -> Vec<Event<'a>> {
    let events: Vec<Event<'a>> = parser.collect();
    let mut inside = 0u32;
    let mut referred = HashSet::new();
    for event in &events {
        match event {
            Event::Start(Tag::FootnoteDefinition(_)) => inside += 1,
            Event::End(TagEnd::FootnoteDefinition) => inside = inside.saturating_sub(1),
            Event::FootnoteReference(label) if inside == 0 => {
                referred.insert(label.clone());
            }
            _ => {}
        }
    }
    let mut hidden = 0u32;
    events
        .into_iter()
        .filter(|event| match event {
            Event::Start(Tag::FootnoteDefinition(label)) if hidden > 0 || !referred.contains(label) => {
                hidden += 1;
                false
            }
            Event::End(TagEnd::FootnoteDefinition) if hidden > 0 => {
                hidden -= 1;
                false
            }
            _ => hidden == 0,
        })
        .collect()
}

fn text_of(page: &str) -> String {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut text = Text::default();
    for token in Tokenizer::new_with_emitter(page, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => text.start(&tag),
            Ok(Token::EndTag(tag)) => text.end(&String::from_utf8_lossy(&tag.name)),
            Ok(Token::String(string)) if text.hidden.is_none() => {
                text.out.push_str(&String::from_utf8_lossy(&string));
            }
            _ => {}
        }
    }
    text.out
}

#[derive(Default)]
struct Text {
    out: String,
    /// The element that hides what is in it, and how many of that name are open in one another.
    hidden: Option<(String, u32)>,
    /// The address of the open link, and where its text begins.
    link: Option<(String, usize)>,
}

impl Text {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = String::from_utf8_lossy(&tag.name);
        let has_end = !VOID.contains(&&*name);
        if let Some((hiding, depth)) = &mut self.hidden {
            if *hiding == *name && has_end {
                *depth += 1;
            }
            return;
        }
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| String::from_utf8_lossy(value));
        if has_end && (HIDDEN.contains(&&*name) || attribute(b"hidden").is_some() || attribute(b"style").is_some()) {
            self.hidden = Some((name.into_owned(), 1));
            return;
        }
        if name == "a" {
            self.link = attribute(b"href").map(|href| (href.into_owned(), self.out.len()));
        }
        self.space_around(&name);
    }

    fn end(&mut self, name: &str) {
        if let Some((hiding, depth)) = &mut self.hidden {
            if hiding == name {
                *depth -= 1;
                if *depth == 0 {
                    self.hidden = None;
                }
            }
            return;
        }
        if name == "a"
            && let Some((href, from)) = self.link.take()
            && !self.out[from..].trim().is_empty()
        {
            self.out.push_str(&format!(" {href} "));
        }
        self.space_around(name);
    }

    fn space_around(&mut self, name: &str) {
        if !INLINE.contains(&name) {
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_shown_is_seen() {
        for shown in [
            "PATH",
            "`PATH`",
            "```\nPATH\n```",
            "    PATH",
            "| log |\n|---|\n| PATH |",
            "- [x] PATH",
            "[PATH](https://example.com)",
            "[log](PATH)",
            "[log][l]\n\n[l]: PATH",
            "<!--> PATH -->",
            "P<b>AT</b>H",
            "<details><summary>Proof</summary>\nPATH\n</details>",
            "<table><tr><td>PATH</td></tr></table>",
            "P&#65;TH",
            "text[^1]\n\n[^1]: PATH",
            "a <!-- comment --> PATH",
            "a \\<!-- PATH -->",
        ] {
            let seen = visible(shown);
            assert!(seen.contains("PATH"), "{shown}: {seen}");
        }
    }

    #[test]
    fn what_is_not_shown_is_not_seen() {
        for hidden in [
            "[//]: # (PATH)",
            "[//]: <> (PATH)",
            "[comment]: PATH \"PATH\"",
            "[](PATH)",
            "[ ](PATH)",
            "![](PATH)",
            "![PATH](x.png)",
            "[^1]: PATH",
            "[^1]: see [^2]\n\n[^2]: PATH",
            "[text](https://example.com \"PATH\")",
            "<!-- PATH -->",
            "<!-- PATH",
            "a <!--\nPATH\n--> b",
            "<a name=\"PATH\"></a>",
            "<a href=\"PATH\"></a>",
            "<p title='PATH'>x</p>",
            "<p title=\">PATH\">x</p>",
            "<PATH>",
            "<?PATH?>",
            "<!DOCTYPE PATH>",
            "<![CDATA[PATH]]>",
            "<p hidden>PATH</p>",
            "<p style=\"display:none\"><b>PATH</b></p>",
            "<div hidden><div></div>PATH</div>",
            "<script>PATH</script>",
            "<template>PATH</template>",
            "```PATH\ncode\n```",
        ] {
            let seen = visible(hidden);
            assert!(!seen.contains("PATH"), "{hidden}: {seen}");
        }
    }

    proptest! {
        #[test]
        fn plain_words_stay_and_nothing_panics(word in "[a-z]{1,20}", text in any::<String>()) {
            prop_assert!(visible(&word).contains(&word));
            let _ = visible(&text);
        }
    }
}
