//! Masking in a text that somebody has to judge.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Redactor, mask};

/// What of a private key is one: its marks, and base64.
static OF_A_KEY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u)-----(?:BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=]{16,}",
    )
    .expect("the pattern is fixed")
});

impl Redactor {
    /// The text with `[redacted]` for each secret, line by line: every line is still there, with its first character. Between the
    /// marks of a private key only what could be one is masked, since anything else might be written there to be hidden.
    pub(crate) fn redact_lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let spans: Vec<Range<usize>> = self
            .spans(bytes)
            .into_iter()
            .flat_map(|span| secrets(bytes, span))
            .flat_map(|span| pieces(bytes, span))
            .collect();
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8_lossy(&mask(bytes, &spans)).into_owned())
    }
}

fn secrets(text: &[u8], span: Range<usize>) -> Vec<Range<usize>> {
    let parts = &text[span.clone()];
    let is_key = parts.windows(11).any(|part| part == b"-----BEGIN ");
    if !is_key {
        return vec![span];
    }
    let found = OF_A_KEY.find_iter(parts);
    found
        .map(|part| span.start + part.start()..span.start + part.end())
        .collect()
}

/// The parts of a span on each line, without the line's first character, which is the sign of a difference.
fn pieces(text: &[u8], span: Range<usize>) -> Vec<Range<usize>> {
    let mut start = span.start;
    let lines = text[span].split(|byte| *byte == b'\n');
    let pieces = lines.map(|line| {
        let end = start + line.len();
        let is_first = start == 0 || text[start - 1] == b'\n';
        let piece = start + usize::from(is_first)..end;
        start = end + 1;
        piece
    });
    pieces.filter(|piece| piece.start < piece.end).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([("SERVICE_TOKEN", "hunter2hunter2")]).unwrap()
    }

    #[test]
    fn only_secrets_are_masked_and_every_line_stays() {
        let base64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        let begin = "-----BEGIN RSA PRIVATE KEY-----";
        let end = "-----END RSA PRIVATE KEY-----";
        for (given, expected) in [
            ("+a = 1\n".to_owned(), "+a = 1\n".to_owned()),
            (
                "+key: hunter2hunter2;\n".to_owned(),
                "+key: [redacted];\n".to_owned(),
            ),
            (
                format!("+{begin}\n+{base64}\n+{base64}\n+{end}\n-x\n"),
                "+[redacted]\n+[redacted]\n+[redacted]\n+[redacted]\n-x\n".to_owned(),
            ),
            (
                format!("+# {begin}\n+run(\"rm\")\n+hunter2hunter2\n+# {end}\n"),
                "+# [redacted]\n+run(\"rm\")\n+[redacted]\n+# [redacted]\n".to_owned(),
            ),
            (
                format!("+k = \"{begin}\\n{base64}\\n{end}\\n\"; evil()\n"),
                "+k = \"[redacted]\\[redacted]\\n[redacted]\\n\"; evil()\n".to_owned(),
            ),
        ] {
            let once = redactor().redact_lines(&given).into_owned();
            assert_eq!(redactor().redact_lines(&once), expected, "{given}");
        }
    }

    proptest! {
        #[test]
        fn lines_keep_their_signs(lines in proptest::collection::vec(
            "[-+ @](-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----|[A-Z]{16}|hunter2hunter2|x:|://a:b\\(\\)c@d|\r){0,5}", 0..8,
        )) {
            let text = lines.join("\n");
            let masked = redactor().redact_lines(&text).into_owned();
            let signs = |text: &str| text.split('\n').map(|line| line.chars().next()).collect::<Vec<_>>();
            prop_assert_eq!(signs(&masked), signs(&text));
        }
    }
}
