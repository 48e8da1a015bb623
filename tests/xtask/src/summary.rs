//! What test runners say at their end.

/// A summary as its runner prints it, without colour; `None` for any other line.
pub(crate) fn of_line(line: &str) -> Option<String> {
    let plain = without_colour(line);
    let text = plain.trim();
    let harness = text.starts_with("test result: ");
    let nextest = text.starts_with("Summary [") && text.contains(" run: ");
    if harness || nextest || node_count(text).is_some() {
        return Some(text.to_owned());
    }
    pytest(text)
}

/// The summaries that count. Where nextest has the say, those of the harness are parts of what failed tests printed; node
/// spreads its own over several lines.
pub(crate) fn of_part(found: Vec<String>) -> Vec<String> {
    let is_nextest = |line: &String| line.starts_with("Summary [");
    if found.iter().any(is_nextest) {
        return found.into_iter().filter(is_nextest).collect();
    }
    let count = |what: &str| -> Option<u64> {
        let counts = found.iter().filter_map(|line| node_count(line));
        counts
            .filter(|(word, _)| *word == what)
            .map(|(_, n)| n)
            .next_back()
    };
    let node = count("pass").map(|passed| {
        let failed = count("fail").unwrap_or(0) + count("cancelled").unwrap_or(0);
        let skipped = count("skipped").unwrap_or(0) + count("todo").unwrap_or(0);
        format!("node: {passed} passed, {failed} failed, {skipped} skipped")
    });
    let others = found.into_iter().filter(|line| node_count(line).is_none());
    others.chain(node).collect()
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

/// A line of node's summary, such as `# pass 12`.
fn node_count(text: &str) -> Option<(&str, u64)> {
    let rest = text
        .strip_prefix("# ")
        .or_else(|| text.strip_prefix("ℹ "))?;
    let (word, number) = rest.split_once(' ')?;
    let known = ["pass", "fail", "cancelled", "skipped", "todo"].contains(&word);
    Some((word, number.parse().ok()?)).filter(|_| known)
}

/// `== 3 passed, 1 skipped in 0.52s ==`, in the one form that all summaries of that kind get.
fn pytest(text: &str) -> Option<String> {
    let (counts, time) = text.trim_matches(['=', ' ']).split_once(" in ")?;
    let seconds = time.split_whitespace().next()?.strip_suffix('s')?;
    seconds.parse::<f64>().ok()?;
    let mut sums = [0, 0, 0];
    for part in counts.split(", ") {
        let (number, word) = part.split_once(' ')?;
        let sum = match word {
            "passed" | "xpassed" => 0,
            "failed" | "error" | "errors" => 1,
            "skipped" | "xfailed" => 2,
            "deselected" | "warning" | "warnings" => continue,
            _ => return None,
        };
        sums[sum] += number.parse::<u64>().ok()?;
    }
    let [passed, failed, skipped] = sums;
    Some(format!(
        "pytest: {passed} passed, {failed} failed, {skipped} skipped"
    ))
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
    const PYTEST: &str = "pytest: 7 passed, 2 failed, 1 skipped";

    #[test]
    fn summaries_are_recognised() {
        assert_eq!(of_line(HARNESS).as_deref(), Some(HARNESS));
        let coloured = format!("\u{1b}[32;1m{NEXTEST}\u{1b}[0m\n");
        assert_eq!(of_line(&coloured).as_deref(), Some(NEXTEST.trim()));
        for line in [
            "==== 1 failed, 7 passed, 1 skipped, 3 warnings, 1 error in 12.52s (0:00:12) ====",
            "1 failed, 7 passed, 1 skipped, 1 error in 12.52s",
        ] {
            assert_eq!(of_line(line).as_deref(), Some(PYTEST), "{line}");
        }
        for other in [
            "",
            "test a ... ok",
            "running 3 tests",
            "Summary of things",
            "3 apples in 2s",
            "collected 3 items in total",
            "# tests 12",
            "# pass through",
        ] {
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
    fn node_spreads_its_summary_over_lines() {
        for mark in ["#", "ℹ"] {
            let lines = [
                "tests 9",
                "pass 5",
                "fail 1",
                "cancelled 1",
                "skipped 2",
                "todo 0",
            ];
            let found = lines
                .iter()
                .filter_map(|line| of_line(&format!("{mark} {line}\n")));
            assert_eq!(
                of_part(found.collect()),
                ["node: 5 passed, 2 failed, 2 skipped"]
            );
        }
    }

    #[test]
    fn the_total_adds_them_up() {
        let summaries = [HARNESS, NEXTEST.trim(), PYTEST].map(ToOwned::to_owned);
        assert_eq!(
            total(&summaries, false),
            "test result: FAILED. 47 passed; 4 failed; 6 ignored; all parts together"
        );
        assert_eq!(
            total(&[], true),
            "test result: ok. 0 passed; 0 failed; 0 ignored; all parts together"
        );
    }
}
