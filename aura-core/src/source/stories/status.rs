//! The words for where a story is.

/// What a status means for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// There is work to do.
    Open,
    /// There is work, which nobody has accepted yet.
    InReview,
    /// Its work is accepted.
    Done,
}

/// `Approved` is approved for work: work that passed its review is `Done`.
const WORDS: [(&str, Status); 19] = [
    ("draft", Status::Open),
    ("approved", Status::Open),
    ("planned", Status::Open),
    ("pending", Status::Open),
    ("not started", Status::Open),
    ("backlog", Status::Open),
    ("drafted", Status::Open),
    ("ready for dev", Status::Open),
    ("ready for development", Status::Open),
    ("in progress", Status::Open),
    ("failed", Status::Open),
    ("blocked", Status::Open),
    ("review", Status::InReview),
    ("in review", Status::InReview),
    ("ready for review", Status::InReview),
    ("changes requested", Status::InReview),
    ("done", Status::Done),
    ("completed", Status::Done),
    // As people write it who mean `Completed`.
    ("complete", Status::Done),
];

/// Known words, for messages.
pub(super) const KNOWN: &str = "Draft, Approved, Planned, Pending, Not Started, Backlog, Drafted, Ready for Development, In Progress, \
                                Failed, Blocked, Review, In Review, Ready for Review, Changes Requested, Done, Completed and Complete";

/// What a status means, whatever it is decorated with and whatever explains it.
pub(super) fn parse(text: &str) -> Option<Status> {
    let plain = text.replace(['*', '_', '`', '\\'], " ");
    let plain = plain.trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_end = |c: char| {
        matches!(c, '(' | ':' | ',' | ';' | '.' | '!') || !(c.is_ascii() || c.is_alphanumeric())
    };
    let ends = [plain.find(is_end), plain.find(" - ")];
    let end = ends.into_iter().flatten().min().unwrap_or(plain.len());
    let words = plain[..end].to_lowercase().replace('-', " ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let word = words.join(" ");
    let known = WORDS.iter().find(|(known, _)| *known == word);
    known.map(|(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_people_write_is_understood() {
        let cases = [
            ("Draft", Some(Status::Open)),
            ("Approved", Some(Status::Open)),
            ("Planned", Some(Status::Open)),
            ("In Progress", Some(Status::Open)),
            ("in-progress", Some(Status::Open)),
            ("not_started", Some(Status::Open)),
            ("🚧 In Progress (60 %)", Some(Status::Open)),
            ("Ready for Review", Some(Status::InReview)),
            ("`ready_for_review`", Some(Status::InReview)),
            ("Review", Some(Status::InReview)),
            ("Changes Requested: see below", Some(Status::InReview)),
            ("Done", Some(Status::Done)),
            ("DONE.", Some(Status::Done)),
            ("Completed", Some(Status::Done)),
            ("ready-for-dev", Some(Status::Open)),
            ("✅ READY FOR DEVELOPMENT", Some(Status::Open)),
            ("✅ **Done**", Some(Status::Done)),
            (r"🎯 \*_DONE_", Some(Status::Done)),
            ("🟢 Complete - all criteria met", Some(Status::Done)),
            ("Done – merged", Some(Status::Done)),
            ("Done ✅ after the second review", Some(Status::Done)),
            ("Not Done", None),
            ("Almost done", None),
            ("Done except the tests", None),
            ("Draft | Approved | Ready for Review | Done", None),
            ("[x] Done", None),
            ("{{status}}", None),
            ("QA Approved", None),
            ("Ready for Done", None),
            ("Cancelled", None),
            ("Skipped", None),
            ("✅", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
