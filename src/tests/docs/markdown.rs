//! As much of Markdown as our documents use: fenced blocks, code spans, links and the anchors of headings.

use std::collections::{BTreeMap, BTreeSet};

/// A fenced block of code.
pub struct Block {
    /// What stands behind the fence, such as `toml`.
    pub language: String,
    pub text: String,
}

/// Every fenced block.
pub fn blocks(text: &str) -> Vec<Block> {
    split(text).0
}

/// The targets of all links, as they are written.
pub fn links(text: &str) -> Vec<String> {
    let (_, prose) = split(text);
    let prose = without_code_spans(&prose);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let defined = prose.lines().filter_map(|line| {
        let (name, target) = line.strip_prefix('[')?.split_once("]: ")?;
        (!name.contains(']')).then(|| target.split_whitespace().next())?
    });
    inline.chain(defined).map(str::to_owned).collect()
}

/// What headings can be linked to by, as GitHub makes it.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let (_, prose) = split(text);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ' ');
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let anchor: String = heading.chars().filter(kept).collect();
        let anchor = anchor.replace(' ', "-");
        let count = counts.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    });
    anchors.collect()
}

/// What stands between backquotes in prose.
pub fn code_spans(text: &str) -> Vec<String> {
    let (_, prose) = split(text);
    prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn without_code_spans(prose: &str) -> String {
    let lines = prose.lines().map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("`"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The fenced blocks, and the text without them.
fn split(text: &str) -> (Vec<Block>, String) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut prose = String::new();
    let mut is_open = false;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            is_open = !is_open;
            if is_open {
                let language = language.trim().to_owned();
                blocks.push(Block { language, text: String::new() });
            }
            continue;
        }
        let target = match blocks.last_mut() {
            Some(block) if is_open => &mut block.text,
            _ => &mut prose,
        };
        target.push_str(line);
        target.push('\n');
    }
    (blocks, prose)
}
