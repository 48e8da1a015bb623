//! What test runners say at their end.

/// A summary as the test harness and nextest print it, without colour; `None` for any other line.
pub(crate) fn of_line(line: &str) -> Option<String> {
    let plain = without_colour(line);
    let text = plain.trim();
    let harness = text.starts_with("test result: ");
    let nextest = text.starts_with("Summary [") && text.contains(" run: ");
    (harness || nextest).then(|| text.to_owned())
}

/// The summaries that count. Where nextest has the say, those of the harness are parts of what failed tests printed.
pub(crate) fn of_part(found: Vec<String>) -> Vec<String> {
    let is_nextest = |line: &String| line.starts_with("Summary [");
    if found.iter().any(is_nextest) {
        return found.into_iter().filter(is_nextest).collect();
    }
    found
}

/// The last line of all: the sum of the summaries.
pub(crate) fn total(summaries: &[String], passed: bool) -> String {
    let sum = |what: &str| -> u64 {
        summaries
            .iter()
            .filter_map(|line| number_before(line, what))
            .sum()
    };
    let word = if passed { "ok" } else { "FAILED" };
    format!(
        "test result: {word}. {} passed; {} failed; {} ignored; all parts together",
        sum("passed"),
        sum("failed"),
        sum("ignored") + sum("skipped")
    )
}

/// `12` for `.. 12 passed ..`.
fn number_before(line: &str, what: &str) -> Option<u64> {
    let words: Vec<&str> = line
        .split([' ', ',', ';', ':'])
        .filter(|word| !word.is_empty())
        .collect();
    let pair = words.windows(2).find(|pair| pair[1] == what)?;
    pair[0].parse().ok()
}

fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            // A control sequence ends with a letter.
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARNESS: &str = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
    const NEXTEST: &str = "     Summary [   2.104s] 30 tests run: 28 passed, 2 failed, 4 skipped";

    #[test]
    fn summaries_are_recognised() {
        assert_eq!(of_line(HARNESS).as_deref(), Some(HARNESS));
        let coloured = format!("\u{1b}[32;1m{NEXTEST}\u{1b}[0m\n");
        assert_eq!(of_line(&coloured).as_deref(), Some(NEXTEST.trim()));
        for other in ["", "test a ... ok", "running 3 tests", "Summary of things"] {
            assert_eq!(of_line(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_failed_test_printed_does_not_count() {
        let found = vec![HARNESS.to_owned(), NEXTEST.trim().to_owned()];
        assert_eq!(of_part(found), [NEXTEST.trim()]);
        assert_eq!(of_part(vec![HARNESS.to_owned()]), [HARNESS]);
    }

    #[test]
    fn the_total_adds_them_up() {
        let summaries = [HARNESS.to_owned(), NEXTEST.trim().to_owned()];
        assert_eq!(
            total(&summaries, false),
            "test result: FAILED. 40 passed; 2 failed; 5 ignored; all parts together"
        );
        assert_eq!(
            total(&[], true),
            "test result: ok. 0 passed; 0 failed; 0 ignored; all parts together"
        );
    }
}
