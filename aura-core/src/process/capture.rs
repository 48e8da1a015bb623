//! Output: bounded tails, lines, and the log file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::command::LINE_LIMIT;
use crate::error::{Error, Result};

/// One of the two output streams of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of live output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it was written.
    pub stream: OutputStream,
    /// Its bytes, of any encoding, without the line end.
    pub bytes: Vec<u8>,
    /// It was longer than [`LINE_LIMIT`] and its rest was left out.
    pub truncated: bool,
}

/// What became of a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of output in it.
    pub bytes: u64,
    /// Output was left out, since the limit was reached or since a write failed.
    pub truncated: bool,
    /// The first write that failed.
    pub error: Option<String>,
}

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    limit: usize,
    bytes: Vec<u8>,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        let bytes = Vec::new();
        Self { limit, bytes }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        let chunk = &chunk[chunk.len().saturating_sub(self.limit)..];
        // Cut only when twice the limit is there, so that each byte is moved once on average.
        if self.bytes.len() + chunk.len() > 2 * self.limit {
            let keep = self.limit - chunk.len();
            self.bytes.drain(..self.bytes.len().saturating_sub(keep));
        }
        self.bytes.extend_from_slice(chunk);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes
            .drain(..self.bytes.len().saturating_sub(self.limit));
        self.bytes
    }
}

/// Cuts a stream into lines and sends those that the channel has room for.
#[derive(Debug)]
pub(super) struct Lines {
    stream: OutputStream,
    sender: mpsc::Sender<Line>,
    line: Vec<u8>,
    truncated: bool,
    dropped: u64,
}

impl Lines {
    pub(super) fn new(stream: OutputStream, sender: mpsc::Sender<Line>) -> Self {
        Self {
            stream,
            sender,
            line: Vec::new(),
            truncated: false,
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        if let Some(first) = pieces.next() {
            self.extend(first);
        }
        for piece in pieces {
            self.send();
            self.extend(piece);
        }
    }

    /// Sends a last line without an end, and says how many lines were dropped.
    pub(super) fn finish(mut self) -> u64 {
        if !self.line.is_empty() {
            self.send();
        }
        self.dropped
    }

    fn extend(&mut self, piece: &[u8]) {
        let room = LINE_LIMIT - self.line.len();
        self.truncated |= piece.len() > room;
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn send(&mut self) {
        let mut bytes = std::mem::take(&mut self.line);
        let truncated = std::mem::take(&mut self.truncated);
        if bytes.last() == Some(&b'\r') && !truncated {
            bytes.pop();
        }
        let line = Line {
            stream: self.stream,
            bytes,
            truncated,
        };
        if self.sender.try_send(line).is_err() {
            self.dropped += 1;
        }
    }
}

/// Changes the bytes of one stream before they are kept, cut into lines or logged.
///
/// It may hold bytes back until more have come. What it gives is all that is left of the stream: the original is kept nowhere.
pub(crate) trait Filter: Send {
    /// Takes the next bytes, however the stream was cut, and gives those that are done.
    fn push(&mut self, chunk: &[u8]) -> Vec<u8>;

    /// Gives what was held back, at the end of the stream.
    fn finish(self: Box<Self>) -> Vec<u8>;
}

/// Writes both streams to a file as they come.
#[derive(Debug)]
pub(super) struct LogWriter {
    file: File,
    limit: u64,
    log: Log,
}

impl LogWriter {
    pub(super) fn create(path: &Path, limit: u64) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
        let log = Log {
            path: path.to_owned(),
            bytes: 0,
            truncated: false,
            error: None,
        };
        Ok(Self { file, limit, log })
    }

    /// Takes what fits. A full disk must not stop the program, so that a failure is kept for the end.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        if self.log.truncated || chunk.is_empty() {
            return;
        }
        let room = usize::try_from(self.limit - self.log.bytes).unwrap_or(usize::MAX);
        let fits = &chunk[..chunk.len().min(room)];
        let mut result = self.file.write_all(fits);
        if result.is_ok() {
            self.log.bytes += fits.len() as u64;
            if fits.len() < chunk.len() {
                self.log.truncated = true;
                let limit = self.limit;
                result = writeln!(self.file, "\n[output cut here: the limit is {limit} bytes]");
            }
        }
        if let Err(error) = result {
            self.log.truncated = true;
            self.log.error = Some(error.to_string());
        }
    }

    pub(super) fn finish(self) -> Log {
        self.log
    }
}

/// Everything that is done with the bytes of one stream.
pub(super) struct Capture {
    filter: Option<Box<dyn Filter>>,
    tail: Tail,
    lines: Option<Lines>,
    bytes: u64,
}

/// What is left of a stream.
pub(super) struct Captured {
    pub(super) tail: Vec<u8>,
    pub(super) bytes: u64,
    pub(super) lines_dropped: u64,
}

impl Capture {
    pub(super) fn new(
        stream: OutputStream,
        tail_limit: usize,
        lines: Option<mpsc::Sender<Line>>,
        filter: Option<Box<dyn Filter>>,
    ) -> Self {
        Self {
            filter,
            tail: Tail::new(tail_limit),
            lines: lines.map(|sender| Lines::new(stream, sender)),
            bytes: 0,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], log: Option<&mut LogWriter>) {
        match &mut self.filter {
            Some(filter) => {
                let chunk = filter.push(chunk);
                self.keep(&chunk, log);
            }
            None => self.keep(chunk, log),
        }
    }

    fn keep(&mut self, chunk: &[u8], log: Option<&mut LogWriter>) {
        self.bytes += chunk.len() as u64;
        self.tail.push(chunk);
        if let Some(lines) = &mut self.lines {
            lines.push(chunk);
        }
        if let Some(log) = log {
            log.push(chunk);
        }
    }

    pub(super) fn finish(mut self, log: Option<&mut LogWriter>) -> Captured {
        if let Some(filter) = self.filter.take() {
            self.keep(&filter.finish(), log);
        }
        Captured {
            tail: self.tail.finish(),
            bytes: self.bytes,
            lines_dropped: self.lines.map_or(0, Lines::finish),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_end_of_the_stream_however_it_is_cut() {
        let stream: Vec<u8> = (0..1000u32).map(|i| (i % 251) as u8).collect();
        for limit in [0, 1, 7, 64, 999, 1000, 2000] {
            for cut in [1, 3, 64, 100, 1000] {
                let mut tail = Tail::new(limit);
                for chunk in stream.chunks(cut) {
                    tail.push(chunk);
                    assert!(tail.bytes.len() <= 2 * limit);
                }
                let expected = &stream[stream.len().saturating_sub(limit)..];
                assert_eq!(tail.finish(), expected, "limit {limit}, cut {cut}");
            }
        }
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let long = "x".repeat(LINE_LIMIT + 5);
        let exact = "y".repeat(LINE_LIMIT);
        let stream = format!("one\n\ntwo\r\n{long}\n{exact}\n\u{fffd}end");
        let expected = [
            ("one", false),
            ("", false),
            ("two", false),
            (&long[..LINE_LIMIT], true),
            (&exact, false),
            ("\u{fffd}end", false),
        ];
        for cut in [1, 2, 1000, stream.len()] {
            let (sender, mut receiver) = mpsc::channel(100);
            let mut lines = Lines::new(OutputStream::Stderr, sender);
            for chunk in stream.as_bytes().chunks(cut) {
                lines.push(chunk);
            }
            assert_eq!(lines.finish(), 0);
            for (text, truncated) in expected {
                let line = receiver.try_recv().unwrap();
                assert_eq!(line.stream, OutputStream::Stderr);
                assert_eq!(
                    (line.bytes.as_slice(), line.truncated),
                    (text.as_bytes(), truncated)
                );
            }
            assert!(receiver.try_recv().is_err());
        }
    }

    #[test]
    fn a_slow_reader_loses_lines_and_is_told_how_many() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut lines = Lines::new(OutputStream::Stdout, sender);
        lines.push(b"1\n2\n3\n4\n");
        assert_eq!(receiver.try_recv().unwrap().bytes, b"1");
        lines.push(b"5\n6\n");
        assert_eq!(lines.finish(), 3);
        assert_eq!(receiver.try_recv().unwrap().bytes, b"2");
        assert_eq!(receiver.try_recv().unwrap().bytes, b"5");
    }

    #[test]
    fn a_log_keeps_its_limit_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let cut = "\n[output cut here: the limit is 5 bytes]\n";
        for (chunks, stored, truncated) in [
            (vec!["abc", "de"], "abcde".to_owned(), false),
            (vec!["abc", "def", "g"], format!("abcde{cut}"), true),
            (vec!["abcde", "f"], format!("abcde{cut}"), true),
        ] {
            let mut writer = LogWriter::create(&path, 5).unwrap();
            for chunk in chunks {
                writer.push(chunk.as_bytes());
            }
            let log = writer.finish();
            assert_eq!((log.bytes, log.truncated, log.error), (5, truncated, None));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), stored);
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_reported_and_not_fatal() {
        let mut writer = LogWriter::create(Path::new("/dev/full"), 100).unwrap();
        writer.push(b"abc");
        writer.push(b"def");
        let log = writer.finish();
        assert!(log.truncated);
        assert!(log.error.unwrap().contains("No space"));
        let missing = Path::new("/nonexistent/folder/log");
        assert!(LogWriter::create(missing, 1).is_err());
    }
}
