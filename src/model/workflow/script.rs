//! Which calls of a program a shell script holds, as far as that can be read without being a shell.

/// What stands for a part that only the run knows: an expression, a variable, the output of a command. No workflow can
/// hold this character.
const UNKNOWN: char = '\u{1}';

/// In bytes; no command is longer, and each line that is added to one is split anew.
const LONGEST: usize = 16 * 1024;

/// A call of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The script's line it begins on, counted from 0.
    pub line: usize,
    /// What follows the program's name.
    pub words: Vec<Word>,
}

/// A word of a command, as a shell would split it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Whether this is all of it, whatever the run is like.
    pub is_literal: bool,
}

/// Words in front of a command that do not change which one it is.
const BEFORE_COMMANDS: [&str; 15] = [
    "exec", "sudo", "env", "time", "if", "then", "elif", "else", "while", "until", "do", "!", "{", "(", "nohup",
];

/// The calls of `program` by its name. What cannot be split as a shell would is left out.
pub fn calls(script: &str, program: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let script = without_unknown(script);
    let mut lines = script.lines().enumerate();
    while let Some((begin, first)) = lines.next() {
        // What follows until its mark is the input of a command, and no command.
        if let Some(mark) = here_document(first) {
            let _ = lines.by_ref().find(|(_, line)| line.trim() == mark);
        }
        let mut whole = first.to_owned();
        let mut words = shlex::split(&whole);
        while words.is_none() || whole.ends_with('\\') {
            let Some((_, next)) = lines.next() else { break };
            if whole.len() > LONGEST {
                // A quote that is never closed, so nothing behind it can be read.
                return calls;
            }
            if whole.ends_with('\\') {
                whole.pop();
                whole.push(' ');
            } else {
                whole.push('\n');
            }
            whole.push_str(next);
            words = shlex::split(&whole);
        }
        for command in words.unwrap_or_default().split(|word| is_joint(word)) {
            // A joint may stick to the word before it.
            for command in command.split_inclusive(|word| word.ends_with(';')) {
                if let Some(words) = after_program(command, program) {
                    let words = arguments(words);
                    calls.push(Call { line: begin, words });
                }
            }
        }
    }
    calls
}

fn is_joint(word: &str) -> bool {
    matches!(word, "&&" | "||" | "|" | ";" | "&" | "|&")
}

fn after_program<'a>(command: &'a [String], program: &str) -> Option<&'a [String]> {
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let first = command
        .iter()
        .position(|word| !BEFORE_COMMANDS.contains(&&**word) && !is_assignment(word))?;
    let words = command.get(first + 1..)?;
    (command[first].trim_end_matches(';') == program).then_some(words)
}

/// The words that the program gets: a redirection is the shell's.
fn arguments(words: &[String]) -> Vec<Word> {
    let mut arguments = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let operator = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if operator.starts_with(['>', '<']) {
            // Its file is in the same word, or the next one.
            if matches!(operator, ">" | ">>" | "<" | ">|" | "<>") {
                words.next();
            }
        } else if !matches!(&**word, ")" | "}" | "fi" | "done") {
            arguments.push(Word {
                text: word.trim_end_matches(';').to_owned(),
                is_literal: !word.contains([UNKNOWN, '$', '*', '?']),
            });
        }
    }
    arguments
}

fn here_document(line: &str) -> Option<String> {
    let (_, after) = line.split_once("<<")?;
    let mark = after.trim_start_matches('-').trim_start();
    let mark: String = mark
        .chars()
        .filter(|c| !matches!(c, '\'' | '"'))
        .take_while(|c| !c.is_whitespace())
        .collect();
    // `<<<` feeds a text, and ends with its line.
    (!mark.is_empty() && !mark.starts_with('<')).then_some(mark)
}

/// With one character in place of every expression and every command whose output is used: they may hold blanks and
/// joints, which would be taken for the script's own. Line breaks stay.
fn without_unknown(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    let mut rest = script;
    loop {
        let next = [("${{", "}}"), ("$(", ")"), ("`", "`")]
            .into_iter()
            .filter_map(|(open, close)| Some((rest.find(open)?, open, close)))
            .min();
        let Some((at, open, close)) = next else {
            out.push_str(rest);
            return out;
        };
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let inside = from.get(open.len()..).unwrap_or_default();
        let end = match open {
            "$(" => closing(inside),
            _ => inside.find(close),
        };
        let Some(end) = end else {
            // It never ends, so nothing behind it can be read.
            out.push(UNKNOWN);
            return out;
        };
        out.push(UNKNOWN);
        let (inside, behind) = inside.split_at(end);
        // So that lines are still counted; within quotes, or the command would end here.
        out.extend(inside.chars().filter(|c| *c == '\n').flat_map(|_| ['\\', '\n']));
        rest = behind.get(close.len()..).unwrap_or_default();
    }
}

/// Where the parenthesis closes that is open at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_u32;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        (open == 0).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Line and words of each call; what is not literal as `~`.
    fn read(script: &str) -> Vec<(usize, String)> {
        let shown = |word: &Word| match word.is_literal {
            true => word.text.clone(),
            false => "~".to_owned(),
        };
        let calls = calls(script, "tool").into_iter();
        calls
            .map(|call| (call.line, call.words.iter().map(shown).collect::<Vec<_>>().join(" ")))
            .collect()
    }

    #[test]
    fn calls_are_found_where_a_shell_would_run_them() {
        for (script, expected) in [
            ("tool a --b=1", vec![(0, "a --b=1")]),
            ("exec tool a", vec![(0, "a")]),
            ("A=1 tool a", vec![(0, "a")]),
            ("sudo env A=1 tool a", vec![(0, "a")]),
            ("set -e\n\ntool a\nls", vec![(2, "a")]),
            ("tool a \\\n  --b\ntool c", vec![(0, "a --b"), (2, "c")]),
            ("cd x && tool a || tool b", vec![(0, "a"), (0, "b")]),
            ("tool a; tool b", vec![(0, "a"), (0, "b")]),
            ("if ! tool a; then exit; fi", vec![(0, "a")]),
            ("tool a > out.json 2>&1 b 2>err", vec![(0, "a b")]),
            ("tool --url \"$URL\" x", vec![(0, "--url ~ x")]),
            ("tool --url ${{ a || b }} x", vec![(0, "--url ~ x")]),
            ("tool $(cat a | b) x", vec![(0, "~ x")]),
            ("tool 'a b' \"c\nd\"\ntool e", vec![(0, "a b c\nd"), (2, "e")]),
            ("cat <<EOF\ntool a\nEOF\ntool b", vec![(3, "b")]),
            ("echo tool a", vec![]),
            ("# tool a", vec![]),
            ("echo 'tool a'", vec![]),
            ("mytool a\n./tool a\ntool-x a", vec![]),
            ("echo 'open\ntool a", vec![]),
        ] {
            let expected: Vec<(usize, String)> = expected
                .into_iter()
                .map(|(line, text)| (line, text.to_owned()))
                .collect();
            assert_eq!(read(script), expected, "{script}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(script in "(tool|\\$\\{\\{|\\}\\}|<<E|[$()`'\"\\\\;&| \nEé#>])*") {
            let _ = calls(&script, "tool");
        }
    }
}
