//! The difference as a reviewer is shown it: bounded, each file with its share.

use crate::git::FilePatch;
use crate::prompt::Redactor;
use crate::text::head;

/// A file of which less is shown is only named.
const SHORTEST: usize = 256;

/// The text, and one line for each file of which something is missing.
pub(super) fn show(
    patches: &[FilePatch],
    limit: usize,
    redactor: &Redactor,
) -> (String, Vec<String>) {
    let (mut text, mut missing) = (String::new(), Vec::new());
    for (at, file) in patches.iter().enumerate() {
        // On one line, so that a name cannot pass for the title of another file.
        let path = redactor.clean(&file.path).replace(['\n', '\r'], " ");
        let title = format!("=== {path} ({})\n", file.what);
        // What small files leave is there for those that come after.
        let share = (limit.saturating_sub(text.len()) / (patches.len() - at)).max(1);
        let patch = match &file.text {
            Ok(patch) => redactor.clean(patch),
            Err(why) => {
                missing.push(format!("{path}: {} ({why})", file.what));
                continue;
            }
        };
        if title.len() + patch.len() <= share {
            text += &title;
            text += &patch;
        } else if share < title.len() + SHORTEST {
            missing.push(format!("{path}: {} ({} bytes)", file.what, patch.len()));
        } else {
            let shown = head(&patch, share - title.len());
            let left = patch.len() - shown.len();
            text += &title;
            text += shown;
            text += &format!("\n[... {left} bytes left out ...]\n");
            missing.push(format!("{path}: {left} of {} bytes", patch.len()));
        }
    }
    // A million names would not fit either.
    const NAMED: usize = 500;
    let more = missing.len().saturating_sub(NAMED);
    missing.truncate(NAMED);
    if more > 0 {
        missing.push(format!("and {more} more files"));
    }
    (text, missing)
}
