//! Conflict markers: written with labels of Aura's own, and found again when left behind.

use git2::Repository;

use super::failure::shown;
use super::merge::Change;

/// Start of the label of the side that is accepted already.
pub(super) const ACCEPTED_LABEL: &str = "accepted work (aura";
/// Start of the label of the side of the attempt.
pub(super) const ATTEMPT_LABEL: &str = "your earlier attempt (aura";

/// How much of a file decides whether it is text, as in git.
const TEXT_PROBE: usize = 8000;

/// The changed files in which markers are left: Aura's own anywhere, any in files that the
/// workspace's index still calls unmerged. Documents that merely show markers do not count.
pub(super) fn left_in(repo: &Repository, changes: &[Change], unmerged: &[String]) -> Vec<String> {
    changes
        .iter()
        .filter_map(|change| {
            let (id, _) = change.new?;
            let blob = repo.find_blob(id).ok()?;
            let path = shown(&change.path);
            let own_only = !unmerged.contains(&path);
            has_markers(blob.content(), own_only).then_some(path)
        })
        .collect()
}

/// Whether text holds the three marker lines in order, with Aura's labels or any.
fn has_markers(content: &[u8], own_only: bool) -> bool {
    let probe = &content[..content.len().min(TEXT_PROBE)];
    if probe.contains(&0) {
        return false;
    }
    let mut next = 0;
    for line in content.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let matches = match next {
            0 => is_marker(line, b"<<<<<<< ", own_only.then_some(ACCEPTED_LABEL)),
            1 => line == b"=======",
            _ => is_marker(line, b">>>>>>> ", own_only.then_some(ATTEMPT_LABEL)),
        };
        if matches && next == 2 {
            return true;
        }
        next += usize::from(matches);
    }
    false
}

fn is_marker(line: &[u8], marker: &[u8], label: Option<&str>) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| label.is_none_or(|label| rest.starts_with(label.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_triples_count() {
        let own =
            format!("a\n<<<<<<< {ACCEPTED_LABEL} 1)\nx\n=======\ny\n>>>>>>> {ATTEMPT_LABEL} 2)\n");
        let table = [
            (own.clone().into_bytes(), true, true),
            (own.replace('\n', "\r\n").into_bytes(), true, true),
            (own.replace("=======\n", "").into_bytes(), false, false),
            (
                b"<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> main\n".to_vec(),
                false,
                true,
            ),
            (
                b"<<<<<<< HEAD\n>>>>>>> main\n=======\n".to_vec(),
                false,
                false,
            ),
            (b"Title\n=======\ntext\n".to_vec(), false, false),
            ([own.as_bytes(), b"\0"].concat(), false, false),
            (Vec::new(), false, false),
        ];
        for (content, own_only, any) in table {
            let text = String::from_utf8_lossy(&content).into_owned();
            assert_eq!(has_markers(&content, true), own_only, "{text}");
            assert_eq!(has_markers(&content, false), any, "{text}");
        }
    }
}
