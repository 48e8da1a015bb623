//! Compilers and linters that name a place and the word `error` in one line: MSBuild and `tsc`; gcc, clang, javac, mypy.

use std::sync::LazyLock;

use regex::Regex;

use super::{Parsed, Place, Root, finding_at, number, regex};

static FORMS: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    [
        // a.cs(3,5): error CS0103: message [/repo/a.csproj]
        regex(
            r"^\s*(?P<file>[^\s:(][^(:]*)\((?P<line>\d+)(?:,(?P<column>\d+))?(?:,\d+,\d+)?\): error (?P<message>[A-Z]+\d+: .+?)(?: \[[^\]]+\])?$",
        ),
        // a.ts:3:5 - error TS2322: message
        regex(r"^(?P<file>[^\s:][^:]*):(?P<line>\d+):(?P<column>\d+) - error (?P<message>.+)$"),
        // a.c:3:5: error: message
        regex(
            r"^(?P<file>[^\s:][^:]*):(?P<line>\d+)(?::(?P<column>\d+))?: (?:fatal )?error: (?P<message>.+)$",
        ),
    ]
});

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let errors = output.lines().filter_map(|line| {
        let found = FORMS.iter().find_map(|form| form.captures(line))?;
        let text = |name| found.name(name).map(|text| text.as_str());
        let place = Place {
            file: text("file")?,
            line: text("line").and_then(number),
            column: text("column").and_then(number),
        };
        Some(finding_at(root, &place, text("message")?))
    });
    Parsed {
        findings: errors.collect(),
        ..Parsed::default()
    }
}
