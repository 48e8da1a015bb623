//! JSON to a tree. Its own small parser, because a program that writes JSON deserves messages about
//! JSON, and because not all JSON is YAML (tabs, long keys, control characters).

use std::collections::HashMap;

use super::node::{
    Data, Field, MAX_DEPTH, MAX_VALUES, Node, duplicate_key, too_deep, too_many_values,
};
use crate::error::Problem;
use crate::plan::{Place, Problems};

/// The one value of `text`, or `None` with the reason in `problems`.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let mut reader = Reader::new(text, problems);
    reader.blanks();
    if reader.peek().is_none() {
        let at = reader.place();
        reader.problems.push(
            Problem::error("empty_input", "there is nothing in it"),
            Some(at),
        );
        return None;
    }
    let node = reader.value(0)?;
    reader.blanks();
    match reader.peek() {
        None => Some(node),
        Some(_) => reader.fail("something follows after the end of the document"),
    }
}

/// How far a text has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    offset: usize,
    line: u32,
    column: u32,
}

impl Position {
    pub(super) const START: Self = Self {
        offset: 0,
        line: 1,
        column: 1,
    };

    fn advance(&mut self, c: char) {
        self.offset += c.len_utf8();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }
}

/// The position of the byte `offset`, counted on from `from`.
pub(super) fn skip_to(text: &str, from: Position, offset: usize) -> Position {
    let mut at = from;
    for c in text[from.offset..].chars() {
        if at.offset >= offset {
            break;
        }
        at.advance(c);
    }
    at
}

/// The first list or object at or after `from`, whatever follows it, and how far reading came.
/// `None` for both where there is none; `None` for the value where it is not valid.
pub(super) fn parse_next(
    text: &str,
    from: Position,
    problems: &mut Problems,
) -> (Option<Node>, Option<Position>) {
    let mut reader = Reader::new(text, problems);
    reader.at = from;
    while !matches!(reader.peek(), Some('{' | '[') | None) {
        reader.next();
    }
    if reader.peek().is_none() {
        return (None, None);
    }
    let start = reader.at.offset;
    let value = reader.value(0);
    if reader.at.offset == start {
        reader.next();
    }
    (value, Some(reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: Position,
    values: usize,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, problems: &'a mut Problems) -> Self {
        Self {
            text,
            at: Position::START,
            values: 0,
            problems,
        }
    }

    fn place(&self) -> Place {
        Place::new(self.at.line, self.at.column)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at.offset..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at.advance(c);
        Some(c)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn fail<T>(&mut self, what: &str) -> Option<T> {
        let at = self.place();
        self.fail_at(what, at)
    }

    fn fail_at<T>(&mut self, what: &str, at: Place) -> Option<T> {
        let problem = Problem::error("syntax", format!("not valid JSON: {what}"));
        self.problems.push(problem, Some(at));
        None
    }

    fn expected<T>(&mut self, what: &str) -> Option<T> {
        let found = match self.peek() {
            None => "the end of the input".to_owned(),
            Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
        };
        self.fail(&format!("expected {what}, found {found}"))
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        let at = self.place();
        self.values += 1;
        if self.values > MAX_VALUES {
            too_many_values(at, self.problems);
            return None;
        }
        let data = match self.peek() {
            Some('{' | '[') if depth >= MAX_DEPTH => {
                too_deep(at, self.problems);
                return None;
            }
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Data::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('a'..='z' | 'A'..='Z') => self.word()?,
            _ => return self.expected("a value"),
        };
        Some(Node { at, data })
    }

    fn list(&mut self, depth: usize) -> Option<Data> {
        self.next();
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(']') {
            self.next();
            return Some(Data::List(items));
        }
        loop {
            self.blanks();
            if self.peek() == Some(']') {
                return self.fail("a comma before `]`");
            }
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(',') => self.next(),
                Some(']') => {
                    self.next();
                    return Some(Data::List(items));
                }
                _ => return self.expected("`,` or `]`"),
            };
        }
    }

    fn map(&mut self, depth: usize) -> Option<Data> {
        self.next();
        let mut fields = Vec::new();
        let mut seen: HashMap<String, Place> = HashMap::new();
        self.blanks();
        if self.peek() == Some('}') {
            self.next();
            return Some(Data::Map(fields));
        }
        loop {
            self.blanks();
            let at = self.place();
            match self.peek() {
                Some('"') => {}
                Some('}') => return self.fail("a comma before `}`"),
                _ => return self.expected("a key in double quotes"),
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(':') {
                return self.expected("`:`");
            }
            self.next();
            self.blanks();
            let value = self.value(depth + 1)?;
            if let Some(first) = seen.get(&key) {
                duplicate_key(&key, *first, at, self.problems);
            } else {
                seen.insert(key.clone(), at);
                fields.push(Field { key, at, value });
            }
            self.blanks();
            match self.peek() {
                Some(',') => self.next(),
                Some('}') => {
                    self.next();
                    return Some(Data::Map(fields));
                }
                _ => return self.expected("`,` or `}`"),
            };
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.place();
        self.next();
        let mut text = String::new();
        loop {
            let at = self.place();
            match self.next() {
                None => return self.fail_at("a text without closing quote", start),
                Some('"') => return Some(text),
                Some('\\') => text.push(self.escape(at)?),
                Some(c) if c < ' ' => {
                    let what = "a line break or control character inside a text; write \\n or \\t";
                    return self.fail_at(what, at);
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self, at: Place) -> Option<char> {
        let c = match self.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('u') => return self.unicode(at),
            _ => return self.fail_at("an unknown escape in a text", at),
        };
        Some(c)
    }

    fn unicode(&mut self, at: Place) -> Option<char> {
        let first = self.hex(at)?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !self.text[self.at.offset..].starts_with("\\u") {
                return self.fail_at("half of a surrogate pair", at);
            }
            self.next();
            self.next();
            let second = self.hex(at)?;
            if !(0xdc00..0xe000).contains(&second) {
                return self.fail_at("half of a surrogate pair", at);
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some(c) => Some(c),
            None => self.fail_at("half of a surrogate pair", at),
        }
    }

    fn hex(&mut self, at: Place) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return self.fail_at("`\\u` needs four hexadecimal digits", at);
            };
            self.next();
            code = code * 16 + digit;
        }
        Some(code)
    }

    fn number(&mut self) -> Option<Data> {
        let start = self.at.offset;
        if self.peek() == Some('-') {
            self.next();
        }
        let whole = self.at.offset;
        self.digits()?;
        if self.at.offset - whole > 1 && self.text[whole..].starts_with('0') {
            return self.fail("a number with a leading zero");
        }
        if self.peek() == Some('.') {
            self.next();
            self.digits()?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.next();
            if matches!(self.peek(), Some('+' | '-')) {
                self.next();
            }
            self.digits()?;
        }
        Some(Data::Number(self.text[start..self.at.offset].to_owned()))
    }

    fn digits(&mut self) -> Option<()> {
        if !matches!(self.peek(), Some('0'..='9')) {
            return self.expected("a digit");
        }
        while matches!(self.peek(), Some('0'..='9')) {
            self.next();
        }
        Some(())
    }

    fn word(&mut self) -> Option<Data> {
        let (start, at) = (self.at.offset, self.place());
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric()) {
            self.next();
        }
        match &self.text[start..self.at.offset] {
            "null" => Some(Data::Null),
            "true" => Some(Data::Bool(true)),
            "false" => Some(Data::Bool(false)),
            _ => self.fail_at("a text needs double quotes", at),
        }
    }
}
