//! What the name of a file says.

use std::sync::LazyLock;

use regex::Regex;

use crate::plan::numbered;

/// `1.10` as numbers.
pub(super) type Number = (u32, u32);

/// The name of a story file: `1.3.login.md`, `1.3-login.md`, `auth-1.3-login.md`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) number: Number,
    /// What stands in front of the number.
    pub(super) epic: Option<String>,
    /// What stands behind it, as words.
    pub(super) title: String,
    /// It tells how a story went.
    pub(super) is_summary: bool,
}

#[expect(clippy::expect_used, reason = "a fixed pattern")]
static STORY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:([a-z][a-z0-9_-]*)-)?([0-9]{1,9}\.[0-9]{1,9})(?:[.-](.+))?\.md$")
        .expect("a pattern")
});

/// Whether the name is that of a text in Markdown.
pub(super) fn is_markdown(file: &str) -> bool {
    let ending = file.len().saturating_sub(3);
    file.get(ending..)
        .is_some_and(|end| end.eq_ignore_ascii_case(".md"))
}

/// Whether the name is that of a page about stories, as is usual in such folders.
pub(super) fn is_about_stories(file: &str) -> bool {
    let lower = file.to_lowercase();
    lower == "readme.md" || lower.starts_with("epic-")
}

/// Reads the name of a file; `None` where it is not that of a story.
pub(super) fn parse(file: &str) -> Option<Name> {
    if is_about_stories(file) {
        return None;
    }
    let parts = STORY.captures(file)?;
    let epic = parts.get(1).map(|epic| epic.as_str().to_owned());
    let slug = parts.get(3).map_or("", |slug| slug.as_str()).to_lowercase();
    Some(Name {
        number: numbered(&parts[2])?,
        // `story-1.3-login.md` is in no epic that is called so.
        epic: epic.filter(|epic| !epic.eq_ignore_ascii_case("story")),
        title: slug.replace(['-', '_', '.'], " "),
        is_summary: slug.ends_with("summary"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_form() {
        let name = |number, epic: Option<&str>, title: &str, is_summary| {
            Some(Name {
                number,
                epic: epic.map(str::to_owned),
                title: title.to_owned(),
                is_summary,
            })
        };
        let cases = [
            ("1.1.user-login.md", name((1, 1), None, "user login", false)),
            ("1.1-user-login.md", name((1, 1), None, "user login", false)),
            ("0.10.setup.MD", name((0, 10), None, "setup", false)),
            (
                "auth-1.1-login.md",
                name((1, 1), Some("auth"), "login", false),
            ),
            (
                "user-auth-2.3.login.md",
                name((2, 3), Some("user-auth"), "login", false),
            ),
            ("story-1.1-login.md", name((1, 1), None, "login", false)),
            ("1.5.md", name((1, 5), None, "", false)),
            ("01.02.x.md", name((1, 2), None, "x", false)),
            (
                "1.5-completion-summary.md",
                name((1, 5), None, "completion summary", true),
            ),
            (
                "1.5.DELIVERY-SUMMARY.md",
                name((1, 5), None, "delivery summary", true),
            ),
            ("README.md", None),
            ("epic-1.md", None),
            ("EPIC-1.1-auth.md", None),
            ("1.1.user-login.txt", None),
            ("1-login.md", None),
            ("v1.1-notes.md", None),
            ("1.1234567890.x.md", None),
            ("notes.md", None),
            ("é.md", None),
            ("md", None),
        ];
        for (file, expected) in cases {
            assert_eq!(parse(file), expected, "{file}");
        }
    }
}
