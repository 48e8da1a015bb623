use super::*;

/// `line:column target`, then the entries that name no story.
fn said(text: &str) -> (Vec<String>, Vec<String>) {
    let found = read(&Document::new(text.to_owned(), 0));
    let named = found.all.iter().map(|one| {
        let Place { line, column, .. } = one.at;
        let target = match &one.target {
            Target::Stories(range) => format!("{}.{}", range.start().0, range.start().1),
            Target::Epics(range) => format!("E{}-{}", range.start(), range.end()),
        };
        format!("{line}:{column} {target}")
    });
    let others = found.others.into_iter().map(|(text, _)| text);
    (named.collect(), others.collect())
}

#[test]
fn every_shape_of_a_block_is_read() {
    let cases: [(&str, &[&str], &[&str]); 34] = [
        ("**Dependencies**: 0.1, 1.1", &["1:19 0.1", "1:24 1.1"], &[]),
        (
            "**Dependencies:** Story 1.1, Story 1.2",
            &["1:25 1.1", "1:36 1.2"],
            &[],
        ),
        (
            "- **Dependencies**: 1.1\n- **Priority**: 1.2",
            &["1:21 1.1"],
            &[],
        ),
        (
            "**Dependencies**: 1.1,\n1.2\n\n1.3",
            &["1:19 1.1", "2:1 1.2"],
            &[],
        ),
        (
            "**Depends On:**\n\n- 1.1\n- Story 1.2\n\nStory 1.3",
            &["3:3 1.1", "4:9 1.2"],
            &[],
        ),
        ("- **Dependencies**:\n  - 1.1\n- 1.2", &["2:5 1.1"], &[]),
        ("## Dependencies\n- Story 0.1 (x)\n", &["2:9 0.1"], &[]),
        (
            "### 🔗 Dependencies\n\n1.1, 1.2\n",
            &["3:1 1.1", "3:6 1.2"],
            &[],
        ),
        (
            "## Story Dependencies\n* [ ] Story 1.1\n",
            &["2:13 1.1"],
            &[],
        ),
        (
            "## Dependencies\n### Story 1.1: Login\nText\n",
            &["2:11 1.1"],
            &["Text"],
        ),
        ("## Dependencies\n- Epic 1-3 completion", &["2:8 E1-3"], &[]),
        (
            "## Dependencies\n**Depends On:**\n- Story 1.1\n**Enables:**\n- Story 2.1\n**Requires:** 1.2",
            &["3:9 1.1", "6:15 1.2"],
            &[],
        ),
        (
            "## Dependencies\n- Enables:\n  - Story 2.1\n- Blocks Story 2.2\n- Story 1.1",
            &["5:9 1.1"],
            &[],
        ),
        (
            "## Dependencies\n### Blocks\n- Story 2.1\n### Requires\n- Story 1.1",
            &["5:9 1.1"],
            &[],
        ),
        (
            "## Dependencies\n- **Requires**: Story 1.1 (x) - COMPLETED",
            &["2:23 1.1"],
            &[],
        ),
        (
            "## Dependencies\n- **Login**: Story 1.1 has to be there, in 2.0",
            &["2:20 1.1"],
            &[],
        ),
        (
            "## Dependencies\n- **Python**: 3.10",
            &[],
            &["**Python**: 3.10"],
        ),
        (
            "## Dependencies\n- Docker\n  - 1.2 of it\n- Redis",
            &["3:5 1.2"],
            &["Docker", "Redis"],
        ),
        (
            "## Dependencies\n- Story 1.1\n  - gives tokens",
            &["2:9 1.1"],
            &[],
        ),
        (
            "## Dependencies\n| Story | Why |\n|---|---|\n| Story 1.1 | x |",
            &["4:9 1.1"],
            &[],
        ),
        ("## Dependencies\nNone", &[], &[]),
        (
            "## Dependencies\n- None - can start at once, before Story 1.1",
            &[],
            &[],
        ),
        ("## Dependencies\n- N/A\n- No dependencies", &[], &[]),
        ("## Dependencies\n\n## Notes\nStory 1.1", &[], &[]),
        (
            "**Epic**: a | **Dependencies**: 1.1 | **Status**: 1.2",
            &["1:33 1.1"],
            &[],
        ),
        ("**Dependencies**: None", &[], &[]),
        ("**Dependencies**:", &[], &[]),
        (
            "**Dependencies**: 1.1\n\n## Dependencies\n- Story 1.2",
            &["1:19 1.1"],
            &[],
        ),
        ("## Tasks\n**Dependencies:** Task 1", &[], &["Task 1"]),
        (
            "# Acceptance Criteria\n**Dependencies:** Task 1\n\n# Tasks\n## Dependencies\n- Story 1.2",
            &[],
            &["Task 1"],
        ),
        (
            "## Dependencies\n- Story 1.1\n# Tasks\n- Story 1.2",
            &["2:9 1.1"],
            &[],
        ),
        ("## Dev Agent Record\n**Dependencies:** 4.18\n", &[], &[]),
        (
            "## Tasks\n- x\n## Dev Notes\n- **Dependencies**: the parser (Story 1.3)\n",
            &[],
            &[],
        ),
        (
            "## Tasks\n- x\n## Dependencies\n- Story 1.1",
            &["4:9 1.1"],
            &[],
        ),
    ];
    for (text, named, others) in cases {
        let found = said(text);
        let expected = (
            named.iter().map(ToString::to_string).collect(),
            others.iter().map(ToString::to_string).collect(),
        );
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_second_block_is_noticed() {
    let cases = [
        (
            "**Dependencies**: 1.1\n\n## Dependencies\n- Story 1.2",
            Some(3),
        ),
        ("**Dependencies**: express\n**Depends on**: 1.2", Some(2)),
        (
            "## Dependencies\n**Depends on:**\n- 1.1\n# Notes\n**Dependencies**: 1.2",
            Some(5),
        ),
        ("## Dependencies\n**Depends on:**\n- 1.1\n", None),
        ("**Dependencies:**\n- Depends on: Story 1.1\n", None),
        // Tasks have dependencies of their own.
        (
            "**Dependencies**: 1.1\n# Tasks\n**Dependencies**: Task 1",
            None,
        ),
        ("", None),
    ];
    for (text, expected) in cases {
        let found = read(&Document::new(text.to_owned(), 0)).second;
        assert_eq!(found.map(|at| at.line), expected, "{text}");
    }
}

#[test]
fn code_and_comments_are_no_block() {
    for text in [
        "```\n## Dependencies\n- Story 1.1\n```",
        "<!--\n**Dependencies**: 1.1\n-->",
        "## Dependencies\n<!-- Story 1.1 -->\n\n```\nStory 1.2\n```",
        "> ## Dependencies\n> - Story 1.1",
    ] {
        assert_eq!(said(text), (Vec::new(), Vec::new()), "{text}");
    }
}
