//! The fenced blocks of a page, and the commands of a block.

use std::{fs, path::Path};

/// A block between two fences.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Where its text begins.
    pub(super) line: usize,
    /// The first word behind the fence.
    pub(super) language: String,
    /// The other words.
    pub(super) words: Vec<String>,
    /// What it says, without the fence's indentation.
    pub(super) text: String,
}

impl Block {
    /// What stands behind `NAME=` in the fence's line.
    pub(super) fn word(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// All blocks of a page, in order.
///
/// # Errors
/// What on the page is no fenced block with a language, and yet looks like code.
pub(super) fn of_page(page: &Path) -> Result<Vec<Block>, String> {
    let text = fs::read_to_string(page).unwrap();
    let (mut blocks, mut open): (Vec<Block>, Option<(usize, Block)>) = (Vec::new(), None);
    let mut blank = true;
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let indented = line.len() - trimmed.len();
        match (&mut open, trimmed.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), None) => {
                block.text += line.get((*indent).min(indented)..).unwrap_or_default();
                block.text.push('\n');
            }
            (None, Some(info)) => open = Some((indented, fenced(at + 2, info)?)),
            (None, None) if blank && indented >= 4 => return Err(format!("line {}: code stands between fences", at + 1)),
            (None, None) => {}
        }
        blank = trimmed.is_empty();
    }
    if open.is_some() { Err("a fence has no end".to_owned()) } else { Ok(blocks) }
}

/// What stands between backticks within the sentences of a page, on one line each.
pub(super) fn spans(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let (mut sentences, mut within) = (String::new(), true);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            within = !within;
        } else if within {
            sentences += line;
            sentences.push('\n');
        }
    }
    sentences.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn fenced(line: usize, info: &str) -> Result<Block, String> {
    let mut words = info.split_whitespace().map(str::to_owned);
    let language = words.next().ok_or_else(|| format!("line {}: the fence names no language", line - 1))?;
    Ok(Block { line, language, words: words.collect(), text: String::new() })
}

/// The commands of a shell's text: what ends at a line's end outside of quotes and comments, and is not continued.
pub(super) fn commands(text: &str) -> Vec<&str> {
    let (mut commands, mut start, mut quote, mut comment, mut before) = (Vec::new(), 0, None, false, '\n');
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match (quote, char) {
            (None, '\n') => {
                commands.push(&text[start..=at]);
                (start, comment) = (at + 1, false);
            }
            (None, _) if comment => {}
            (None, '#') if before.is_whitespace() => comment = true,
            (None, '\'' | '"') => quote = Some(char),
            (None | Some('"'), '\\') => drop(chars.next()),
            (Some(open), _) if open == char => quote = None,
            _ => {}
        }
        before = char;
    }
    commands.push(&text[start..]);
    commands.retain(|command| !command.trim().is_empty() && !command.trim_start().starts_with('#'));
    commands
}

/// The words of a command, without quotes, comments and what follows a pipe. What another command puts in is one word.
pub(super) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let text = command.replace("\\\n", " ");
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (None, '#') if word.is_none() => break,
            (None, '|' | '<' | '>' | ';') => break,
            (None | Some('"'), '$') if chars.peek() == Some(&'(') => word.get_or_insert_default().push_str(&put_in(&mut chars)),
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, char) if char.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(open), _) if open == char => quote = None,
            (_, char) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// What stands between `$(` and its end.
fn put_in(chars: &mut impl Iterator<Item = char>) -> String {
    let mut depth = 0_u32;
    let mut text = String::from("$");
    for char in chars {
        text.push(char);
        match char {
            '(' => depth += 1,
            ')' if depth == 1 => break,
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

#[test]
fn commands_end_with_their_line_unless_a_quote_or_a_backslash_goes_on() {
    let text = "one 'a\nb' \\\n  c  # it's\n# a comment's\n\ntwo \"d\n\" | jq .\n";
    assert_eq!(commands(text), ["one 'a\nb' \\\n  c  # it's\n", "two \"d\n\" | jq .\n"]);
    assert_eq!(words(commands(text)[0]), ["one", "a\nb", "c"]);
    assert_eq!(words("a $(b \"c\" | d) --e 'f g' | h"), ["a", "$(b \"c\" | d)", "--e", "f g"]);
    assert_eq!(words("aws x --query \"Stacks[?a=='b']\" | jq ."), ["aws", "x", "--query", "Stacks[?a=='b']"]);
}
