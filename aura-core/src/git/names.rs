//! Names that are safe as path components and as parts of refs, made from any text.
//!
//! Git itself accepts `@`, `CON` and any unicode in refs, file systems disagree about case and
//! normal forms, so nothing that people or models write is used as a name: only slugs are.

/// Longest slug in bytes.
pub(crate) const SLUG_LIMIT: usize = 63;

/// Longest slug inside a branch name, so that `story/<slug>-<id>` stays readable and below 63.
const BRANCH_SLUG_LIMIT: usize = 44;

/// Names that Windows reserves for devices.
const RESERVED: &[&str] = &[
    "con", "prn", "aux", "nul", "com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7",
    "com8", "com9", "lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Makes a name of the form `[a-z0-9][a-z0-9-]{0,62}` from any text.
///
/// Letters and digits of ASCII stay (in lower case), everything between them becomes one `-`; what
/// has none of them becomes `x`. Different texts may give the same slug, so a short id goes with it.
pub(crate) fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SLUG_LIMIT));
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() == SLUG_LIMIT {
            break;
        }
    }
    trim_dashes(&mut out);
    if out.is_empty() {
        out.push('x');
    }
    if RESERVED.contains(&out.as_str()) {
        out.push_str("-x");
    }
    out
}

/// The branch of a story without `refs/heads/`: `story/<slug of the title>-<slug of the short id>`.
pub(crate) fn story_branch(title: &str, short_id: &str) -> String {
    let mut name = slug(title);
    name.truncate(BRANCH_SLUG_LIMIT);
    trim_dashes(&mut name);
    let mut id = slug(short_id);
    id.truncate(SLUG_LIMIT - BRANCH_SLUG_LIMIT - 1);
    trim_dashes(&mut id);
    format!("story/{name}-{id}")
}

/// The directory name of a story's or task's workspace: the branch's last part.
pub(crate) fn directory_name(title: &str, short_id: &str) -> String {
    story_branch(title, short_id).split_off("story/".len())
}

fn trim_dashes(name: &mut String) {
    while name.ends_with('-') {
        name.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One corpus of names that broke other tools.
    const NASTY: &[(&str, &str)] = &[
        ("Add email validation", "add-email-validation"),
        ("feat(core): a: b (c)", "feat-core-a-b-c"),
        ("../x", "x"),
        ("/etc/passwd", "etc-passwd"),
        ("-x", "x"),
        ("--force", "force"),
        ("CON", "con-x"),
        ("nul", "nul-x"),
        ("LPT1", "lpt1-x"),
        ("", "x"),
        ("   ", "x"),
        ("x.lock", "x-lock"),
        ("a..b", "a-b"),
        ("@", "x"),
        ("@{u}", "u"),
        ("HEAD", "head"),
        ("trailing.", "trailing"),
        ("trailing ", "trailing"),
        ("a\0b\nc", "a-b-c"),
        ("a\\b", "a-b"),
        ("re[f]s^~:?*", "re-f-s"),
        ("1.1", "1-1"),
        ("Stream-A", "stream-a"),
        ("\u{202e}evil", "evil"),
        ("caf\u{e9}", "caf"),
        ("\u{65e5}\u{672c}\u{8a9e}", "x"),
        ("\u{1f680} ship it", "ship-it"),
        ("$(rm -rf ~)", "rm-rf"),
    ];

    fn is_slug(name: &str) -> bool {
        let mut bytes = name.bytes();
        bytes
            .next()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && name.len() <= SLUG_LIMIT
    }

    #[test]
    fn the_corpus_becomes_slugs() {
        for (text, expected) in NASTY {
            assert_eq!(slug(text), *expected, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_a_slug_and_a_branch(text in "\\PC*|.{0,300}", id in "\\PC{0,80}") {
            proptest::prop_assert!(is_slug(&slug(&text)));
            let branch = story_branch(&text, &id);
            proptest::prop_assert!(is_slug(&directory_name(&text, &id)));
            proptest::prop_assert!(
                git2::Reference::is_valid_name(&format!("refs/heads/{branch}")),
                "{branch}"
            );
        }
    }

    #[test]
    fn three_hundred_bytes_are_cut_without_a_trailing_dash() {
        let name = slug(&"ab ".repeat(100));
        assert!(is_slug(&name) && !name.ends_with('-'), "{name}");
    }

    #[test]
    fn a_branch_names_title_and_id() {
        assert_eq!(
            story_branch("Add email: validation", "7f3a9c"),
            "story/add-email-validation-7f3a9c"
        );
    }
}
