//! The lines of an output that say how many tests ran, picked out while it comes: an output may be longer than what is kept of it,
//! and numbers of a part would be a lie.

use std::sync::{Arc, Mutex, PoisonError};

use super::{cargo, dotnet, go, node, pytest, unittest};
use crate::process::Filter;
use crate::text;

/// Bytes of one line that are looked at; totals are short.
const MAX_LINE: usize = 4096;

/// Bytes of all such lines that are kept. `go test -v` has two for each test.
const MAX_KEPT: usize = 8 * 1024 * 1024;

/// Whether a line is, or is part of, what a test runner says of the number of its tests.
fn is_total(line: &str) -> bool {
    [
        cargo::is_total,
        pytest::is_total,
        unittest::is_total,
        go::is_total,
        node::is_total,
        dotnet::is_total,
    ]
    .iter()
    .any(|is_total| is_total(line))
}

/// Those lines of one stream.
#[derive(Debug, Default)]
pub(in crate::gate) struct Totals {
    kept: String,
    /// The line that has not ended yet, or its beginning.
    line: Vec<u8>,
    is_full: bool,
}

impl Totals {
    /// Everything that was picked, with what did not end in a line break; `None` where it was too much.
    pub(in crate::gate) fn finish(&mut self) -> Option<String> {
        self.end_line();
        (!self.is_full).then(|| std::mem::take(&mut self.kept))
    }

    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        // One that was cut is none: its end may say something else.
        if line.is_empty() || line.len() >= MAX_LINE {
            return;
        }
        for line in text::clean(&line).lines().filter(|line| is_total(line)) {
            if self.kept.len() + line.len() > MAX_KEPT {
                self.is_full = true;
                return;
            }
            self.kept.push_str(line);
            self.kept.push('\n');
        }
    }
}

/// Passes a stream on as the filter before it gives it, and picks the totals out of that.
pub(in crate::gate) struct Picking {
    before: Box<dyn Filter>,
    totals: Arc<Mutex<Totals>>,
}

impl Picking {
    pub(in crate::gate) fn new(before: Box<dyn Filter>) -> (Self, Arc<Mutex<Totals>>) {
        let totals = Arc::default();
        let picking = Self {
            before,
            totals: Arc::clone(&totals),
        };
        (picking, totals)
    }

    fn pick(&self, bytes: &[u8]) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.push(bytes);
    }
}

impl Filter for Picking {
    fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let bytes = self.before.push(chunk);
        self.pick(&bytes);
        bytes
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        let Self { before, totals } = *self;
        let bytes = before.finish();
        let mut picked = totals.lock().unwrap_or_else(PoisonError::into_inner);
        picked.push(&bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_picked_however_the_stream_was_cut() {
        let long = "x".repeat(MAX_LINE);
        let noise =
            format!("noise 1\n{long}1 passed in 0.1s\nRan 9 of them\n    Ran 3 tests in 1s\n");
        let said = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured",
            "     Summary [   0.003s] 3 tests run: 3 passed, 1 skipped",
            "===== 2 passed, 1 skipped in 0.12s =====",
            "Ran 3 tests in 0.001s",
            "FAILED (failures=1)",
            "OK",
            "=== RUN   TestA",
            "--- PASS: TestA (0.00s)",
            "# pass 3",
            "ℹ fail 0",
            "Tests:       3 passed, 3 total",
            "  3 passing (4ms)",
            "Passed!  - Failed:     0, Passed:     1, Skipped:     0, Total:     1",
            "Total tests: 3",
            "     Passed: 3",
            "Test summary: total: 3, failed: 0, succeeded: 3, skipped: 0, duration: 1.0s",
        ];
        let mut output = String::new();
        for line in said {
            output.push_str(&noise);
            output.push_str(&format!("\u{1b}[1m{line}\u{1b}[0m\r\n"));
        }
        let expected: Vec<_> = said.to_vec();
        for size in [1, 7, 4096, output.len()] {
            let mut totals = Totals::default();
            for chunk in output.trim_end().as_bytes().chunks(size) {
                totals.push(chunk);
            }
            let kept = totals.finish().unwrap();
            assert_eq!(kept.lines().collect::<Vec<_>>(), expected, "{size}");
        }
    }

    #[test]
    fn too_many_of_them_are_none() {
        let mut totals = Totals::default();
        let line = b"--- PASS: TestA (0.00s)\n";
        for _ in 0..MAX_KEPT / line.len() + 1 {
            totals.push(line);
        }
        assert_eq!(totals.finish(), None);
    }
}
