//! A line of shell cut into the commands in it, each as its words. Knows quotes, comments, pipes, lists, variables set for
//! one command, and commands whose output is taken; expands nothing.

/// The commands of a line in the order in which they end; what is taken with `$(…)` is a command of its own.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Cut::default();
    let mut letters = line.chars().peekable();
    let mut quote = None;
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (_, Some('\'')) => found.word.push(letter),
            ('$', _) if letters.peek() == Some(&'(') => {
                letters.next();
                found.nested.push((std::mem::take(&mut found.command), quote.take()));
                found.word.clear();
            }
            (')', None) => {
                found.end_command();
                let (command, outer) = found.nested.pop().unwrap_or_default();
                (found.command, quote) = (command, outer);
                found.word.push('…');
            }
            (_, Some(_)) => found.word.push(letter),
            ('#', None) if found.word.is_empty() => break,
            ('|' | '&' | ';', None) => found.end_command(),
            (letter, None) if letter.is_whitespace() => found.end_word(),
            (letter, None) => found.word.push(letter),
        }
    }
    found.end_command();
    found.commands
}

#[derive(Default)]
struct Cut {
    commands: Vec<Vec<String>>,
    command: Vec<String>,
    word: String,
    /// Commands that wait for the output of another one, and the quote that each was in.
    nested: Vec<(Vec<String>, Option<char>)>,
}

impl Cut {
    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        let is_variable = self.command.is_empty() && word.contains('=');
        if !word.is_empty() && !is_variable {
            self.command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        // What follows a redirection is a file.
        let command = std::mem::take(&mut self.command).into_iter();
        let command: Vec<_> = command.take_while(|word| !word.contains(['>', '<'])).collect();
        if !command.is_empty() {
            self.commands.push(command);
        }
    }
}

#[test]
fn a_line_is_cut_into_its_commands() {
    for (line, expected) in [
        ("a b  'c d' \"e f\" # g", vec!["a b c d e f"]),
        ("X=1 Y='2 3' a | b && c; d > f", vec!["a", "b", "c", "d"]),
        ("eval \"$(a b)\" && c", vec!["a b", "eval …", "c"]),
        ("", vec![]),
    ] {
        let found: Vec<String> = commands(line).iter().map(|words| words.join(" ")).collect();
        assert_eq!(found, expected, "{line}");
    }
}
