//! Rust's text cut into words and signs, without comments and strings, and what of it is for tests only.

/// The text with comments, strings and characters replaced by spaces.
pub fn code_alone(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = silent_at(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

/// Length of the comment, string or character that `text` begins with; 0 where it begins with none.
fn silent_at(text: &str, before: Option<char>) -> usize {
    let length_through = |end: &str| text.find(end).map_or(text.len(), |found| found + end.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return length_through("*/");
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    let starts_a_word = !before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    let raw = text.strip_prefix('b').unwrap_or(text).strip_prefix('r').filter(|_| starts_a_word);
    if let Some(raw) = raw {
        let hashes = raw.chars().take_while(|letter| *letter == '#').count();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = text.len() - raw.len() + hashes + 1;
            return text[body..].find(&end).map_or(text.len(), |found| body + found + end.len());
        }
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next(), letters.next()) {
        (Some('\''), Some('\\'), _) => quoted(text, '\''),
        // Not a lifetime, which no quote closes.
        (Some('\''), Some(letter), Some('\'')) => 2 + letter.len_utf8(),
        _ => 0,
    }
}

/// Length of what begins with a quote and ends with the next one that no backslash escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Words, `::`, and every other sign by itself.
pub fn tokens(code: &str) -> Vec<String> {
    let is_in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_in_word(first) {
            rest.find(|letter| !is_in_word(letter)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Takes out what stands under `#[cfg(test)]`; returns the modules in files of their own that were declared there.
pub fn without_tests(code: &mut Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut modules = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].windows(MARK.len()).position(|window| window == MARK) {
        let start = from + found;
        let end = start + MARK.len() + item_length(&code[start + MARK.len()..]);
        let item = &code[start..end];
        if let Some(at) = item.iter().position(|token| token == "mod")
            && item.last().is_some_and(|last| last == ";")
        {
            modules.push(item[at + 1].clone());
        }
        code.drain(start..end);
        from = start;
    }
    modules
}

/// How many tokens the item takes that begins here, its further attributes included: through its `;` or its body.
fn item_length(code: &[String]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate() {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(token.as_str(), ";" | "}") {
            return at + 1;
        }
    }
    code.len()
}
