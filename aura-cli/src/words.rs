//! Splits a command line into words as a shell does, without running one.

use aura_core::{Error, ErrorKind, Result};

/// The words of `line`: separated by blanks, joined by quotes and backslashes. Nothing is expanded: `$`, `*`, `~` and `#`
/// stand for themselves.
///
/// # Errors
/// `InvalidInput` where a quote is not closed, a backslash ends the line, or there is no word.
pub(crate) fn split(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => quoted(c, &mut rest, word.get_or_insert_default(), line)?,
            '\\' => word
                .get_or_insert_default()
                .push(rest.next().ok_or_else(|| {
                    refused(line, "ends with a backslash that stands before nothing")
                })?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match words.first() {
        None => Err(refused(line, "has no word in it")),
        Some(program) if program.is_empty() => Err(refused(line, "names no program")),
        Some(_) => Ok(words),
    }
}

/// The line that [`split`] cuts into `words` again, for people to copy.
pub(crate) fn join<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    words.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn quoted(
    quote: char,
    rest: &mut std::str::Chars<'_>,
    word: &mut String,
    line: &str,
) -> Result<()> {
    let open = || refused(line, &format!("has a {quote} that is not closed"));
    loop {
        match rest.next().ok_or_else(open)? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => {
                let next = rest.next().ok_or_else(open)?;
                if !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            c => word.push(c),
        }
    }
}

fn refused(line: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("the command line `{line}` {why}"),
    )
    .with_help("words are split as a shell does, with quotes and backslashes; no shell is run")
}

#[cfg(test)]
mod tests {
    use super::{join, split};

    #[test]
    fn words_are_split_as_a_shell_does() {
        let table: &[(&str, &[&str])] = &[
            ("prog", &["prog"]),
            ("  prog   --flag\tvalue\n", &["prog", "--flag", "value"]),
            ("prog 'a b' c", &["prog", "a b", "c"]),
            (
                r#"prog "a \"b\" \$HOME" c"#,
                &["prog", r#"a "b" $HOME"#, "c"],
            ),
            (r#"prog "C:\dir\x""#, &["prog", r"C:\dir\x"]),
            (r"prog a\ b 'c\d'", &["prog", "a b", r"c\d"]),
            ("prog a'b'\"c\"d", &["prog", "abcd"]),
            ("prog '' \"\"", &["prog", "", ""]),
            (
                "prog $HOME *.py ~ # not a comment",
                &["prog", "$HOME", "*.py", "~", "#", "not", "a", "comment"],
            ),
            ("'/a dir/prog' ü", &["/a dir/prog", "ü"]),
        ];
        for (line, words) in table {
            assert_eq!(split(line).expect(line), *words, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_split_says_why() {
        for (line, why) in [
            ("", "no word"),
            ("   ", "no word"),
            ("'' x", "names no program"),
            ("prog 'a", "a ' that is not closed"),
            ("prog \"a\\", "a \" that is not closed"),
            ("prog \\", "backslash"),
        ] {
            let message = split(line).expect_err(line).to_string();
            assert!(message.contains(why), "{line}: {message}");
        }
    }

    #[test]
    fn joining_is_undone_by_splitting() {
        let words = ["a b", "it's", "", "--x=1", "$y", "\"", "\\", "#"];
        let mut all = vec!["prog"];
        all.extend(words);
        assert_eq!(split(&join(&all)).expect("words"), all);
        assert_eq!(join(&["python3", "-m", "unittest"]), "python3 -m unittest");
    }
}
