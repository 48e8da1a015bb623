//! Masking of output that comes in chunks.

use super::redact::{LONGEST_KEY, MASK, Redactor, mask};

/// Longest token without a space that is held back until it is complete.
const LONGEST_TOKEN: usize = 4 * 1024;

/// Most that is held back. What is a secret up to there is one to its end.
const MOST: usize = 64 * 1024;

/// Masks secrets in a stream of chunks, wherever the chunks are split. Holds back at most 64 KiB: the
/// beginning of what may become a secret. Whole lines that hold nothing of that kind pass at once.
#[derive(Debug)]
pub struct RedactStream {
    redactor: Redactor,
    held: Vec<u8>,
    /// The rest of an endless token is dropped up to its end.
    inside: bool,
}

impl RedactStream {
    pub(super) const fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            held: Vec::new(),
            inside: false,
        }
    }

    /// Takes a chunk of any bytes and gives what is certain.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut chunk = chunk;
        if self.inside {
            let Some(end) = chunk.iter().position(|&byte| !is_token(byte)) else {
                return Vec::new();
            };
            chunk = &chunk[end..];
            self.inside = false;
        }
        self.held.extend_from_slice(chunk);
        let mut spans = self.redactor.spans(&self.held);
        let mut certain = self.certain();
        if let Some(span) = spans
            .iter()
            .find(|span| span.start < certain && span.end > certain)
        {
            certain = span.start;
        }
        if self.held.len() - certain > MOST {
            return self.give_up_on(certain);
        }
        spans.retain(|span| span.end <= certain);
        let text = mask(&self.held[..certain], &spans);
        self.held.drain(..certain);
        text
    }

    /// How much is held back at the moment.
    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.held.len()
    }

    /// Gives what was held back.
    pub fn finish(self) -> Vec<u8> {
        mask(&self.held, &self.redactor.spans(&self.held))
    }

    /// A secret without an end.
    fn give_up_on(&mut self, start: usize) -> Vec<u8> {
        let mut text = mask(
            &self.held[..start],
            &self.redactor.spans(&self.held[..start]),
        );
        text.extend_from_slice(MASK.as_bytes());
        self.inside = self.held.last().is_some_and(|&byte| is_token(byte));
        self.held.clear();
        text
    }

    /// How much of what is held no further text can change.
    fn certain(&self) -> usize {
        let held = &self.held;
        let token = held
            .iter()
            .rposition(u8::is_ascii_whitespace)
            .map_or(0, |space| space + 1)
            .max(held.len().saturating_sub(LONGEST_TOKEN));
        let known = self.redactor.unfinished(held);
        token.min(known).min(open_key(held))
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'=' | b'/' | b'+' | b'%' | b'~')
}

/// Where a private key begins whose end has not come yet.
fn open_key(text: &[u8]) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    let from = text.len().saturating_sub(LONGEST_KEY + 256);
    let find = |from: usize, what: &[u8]| {
        text[from..]
            .windows(what.len())
            .position(|window| window == what)
            .map(|place| from + place)
    };
    let mut from = from;
    while let Some(start) = find(from, BEGIN) {
        let label = start + BEGIN.len();
        let complete = match find(label, b"-----") {
            Some(end)
                if !text[label..end]
                    .windows(11)
                    .any(|window| window == b"PRIVATE KEY") =>
            {
                true
            }
            Some(end) => find(end, END)
                .and_then(|end| find(end + END.len(), b"-----"))
                .is_some(),
            None => text.len() - label > 64,
        };
        if !complete {
            return start;
        }
        from = label;
    }
    text.len()
}
