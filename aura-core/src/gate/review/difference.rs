//! The difference as a reviewer is shown it: bounded, each file with its share.
//!
//! Everything in it is written by the one whose work is judged. Titles begin with `===`, and no line of a file does: each has the
//! sign of a difference in front, nothing in it ends a line but `\n`, and nothing of it is left out without being named.

use std::borrow::Cow;

use crate::git::FilePatch;
use crate::prompt::Redactor;
use crate::text::{escape, head};

/// A file of which less is shown is only named.
const SHORTEST: usize = 256;

/// Bytes of the list of what is missing.
const NAMES: usize = 64 * 1024;

/// What there is to show so far. Never more than the limit, however large the work is.
pub(super) struct Shown {
    limit: usize,
    /// The text.
    pub(super) text: String,
    /// One line for each file of which something is missing.
    pub(super) missing: Vec<String>,
    /// Bytes in that list.
    named: usize,
}

impl Shown {
    /// Of at most `limit` bytes.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            text: String::new(),
            missing: Vec::new(),
            named: 0,
        }
    }

    /// Adds one more file, after which `left` come.
    pub(super) fn add(&mut self, file: &FilePatch, left: usize, redactor: &Redactor) {
        let path = one_line(&file.path, redactor);
        // What small files leave is there for those that come after.
        let share = (self.limit.saturating_sub(self.text.len()) / (left + 1)).max(1);
        let patch = match &file.text {
            Ok(patch) => patch,
            Err(why) => {
                self.name(format!("{path}: {} ({why})", file.what));
                return;
            }
        };
        let open = redactor.redact_lines(patch);
        let escaped = escape(&open);
        let patch = redactor.redact_lines(&escaped.text);
        if matches!(open, Cow::Owned(_)) || matches!(patch, Cow::Owned(_)) {
            self.name(format!("{path}: what looks like a secret is masked in it"));
        }
        let title = match escaped.count {
            0 => format!("=== {path} ({})\n", file.what),
            count => format!(
                "=== {path} ({}; {count} characters that cannot be seen are written as escapes)\n",
                file.what
            ),
        };
        if title.len() + patch.len() <= share {
            self.text += &title;
            self.text += &patch;
        } else if share < title.len() + SHORTEST {
            let size = patch.len();
            self.name(format!("{path}: {} ({size} bytes)", file.what));
        } else {
            let shown = head(&patch, share - title.len());
            let cut = patch.len() - shown.len();
            self.text += &title;
            self.text += shown;
            self.text += &format!("\n[... {cut} bytes left out ...]\n");
            self.name(format!("{path}: {cut} of {} bytes", patch.len()));
        }
    }

    fn name(&mut self, line: String) {
        self.named += line.len();
        self.missing.push(line);
    }

    /// Whether more is missing than can be named: then nobody may be asked, since no approval could be for all of the work.
    pub(super) const fn is_too_much(&self) -> bool {
        self.named > NAMES
    }
}

/// A name that cannot pass for the title of another file.
fn one_line(path: &str, redactor: &Redactor) -> String {
    let path = escape(path).text.replace('\n', "\\n").replace('\t', "\\t");
    redactor.redact(&path).into_owned()
}
