//! As much of HTTP/1.1 as agents use: one request for each connection.

use std::io::{BufRead, Read, Write};

/// Most bytes of a request's head.
const HEAD: u64 = 64 << 10;
/// Most bytes of a request's body.
pub(super) const BODY: u64 = 32 << 20;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why a request is not answered as it was meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody asks, or asks any more.
    Gone,
    /// With the status that says why.
    Status(u16, &'static str),
}

impl Request {
    /// Reads a request.
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Self, Refusal> {
        let mut head = reader.by_ref().take(HEAD);
        let first = line(&mut head)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(Refusal::Status(400, "no request line"));
        };
        let mut request = Self {
            method: method.to_owned(),
            path: target.split('?').next().unwrap_or_default().to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = line(&mut head)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or(Refusal::Status(400, "a header without a colon"))?;
            let name = name.to_ascii_lowercase();
            request.headers.push((name, value.trim().to_owned()));
        }
        request.body = request.read_body(reader)?;
        Ok(request)
    }

    /// A header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    fn read_body(&self, reader: &mut impl BufRead) -> Result<Vec<u8>, Refusal> {
        if let Some(encoding) = self.header("content-encoding")
            && encoding != "identity"
        {
            return Err(Refusal::Status(415, "compressed bodies are not read"));
        }
        let encoding = self.header("transfer-encoding").unwrap_or_default();
        if encoding.eq_ignore_ascii_case("chunked") {
            return chunks(reader);
        }
        let length = self.header("content-length").unwrap_or("0").parse();
        let length: u64 = length.map_err(|_| Refusal::Status(400, "no length"))?;
        if length > BODY {
            return Err(Refusal::Status(413, "the body is too long"));
        }
        let mut body = Vec::new();
        exactly(reader, length, &mut body)?;
        Ok(body)
    }
}

fn chunks(reader: &mut impl BufRead) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    loop {
        let size = line(&mut reader.by_ref().take(HEAD))?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16);
        let size = size.map_err(|_| Refusal::Status(400, "a chunk without a size"))?;
        if body.len() as u64 + size > BODY {
            return Err(Refusal::Status(413, "the body is too long"));
        }
        exactly(reader, size, &mut body)?;
        let rest = line(&mut reader.by_ref().take(HEAD))?;
        if size == 0 {
            // Trailers follow until a line is empty.
            if rest.is_empty() {
                return Ok(body);
            }
            while !line(&mut reader.by_ref().take(HEAD))?.is_empty() {}
            return Ok(body);
        }
    }
}

fn exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<(), Refusal> {
    let read = reader.by_ref().take(length).read_to_end(body);
    match read {
        Ok(read) if read as u64 == length => Ok(()),
        _ => Err(Refusal::Gone),
    }
}

fn line(reader: &mut impl BufRead) -> Result<String, Refusal> {
    let mut line = Vec::new();
    match reader.read_until(b'\n', &mut line) {
        Ok(read) if read > 0 && line.ends_with(b"\n") => {}
        _ => return Err(Refusal::Gone),
    }
    let text = String::from_utf8(line).map_err(|_| Refusal::Status(400, "not text"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes an answer of known length.
pub(super) fn answer(
    writer: &mut impl Write,
    status: u16,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<()> {
    let mut head = begin(status, "application/json");
    head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    writer.write_all(head.as_bytes())?;
    writer.write_all(body)?;
    writer.flush()
}

/// Writes the head of a stream that ends with the connection.
pub(super) fn begin_stream(writer: &mut impl Write, kind: &str) -> std::io::Result<()> {
    let head = begin(200, kind);
    writer.write_all(format!("{head}Cache-Control: no-cache\r\n\r\n").as_bytes())?;
    writer.flush()
}

fn begin(status: u16, kind: &str) -> String {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        529 => "Overloaded",
        _ => "Scripted",
    };
    format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nConnection: close\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Request, Refusal> {
        Request::read(&mut text.as_bytes())
    }

    #[test]
    fn bodies_come_with_a_length_or_in_chunks() {
        let request =
            read("POST /a/b?c=d HTTP/1.1\r\nContent-LENGTH: 3\r\nX: y\r\n\r\nabcd").unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/a/b")
        );
        assert_eq!(
            (request.body.as_slice(), request.header("x")),
            (&b"abc"[..], Some("y"))
        );
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for end in ["0\r\n\r\n", "0;a=b\r\nTrailer: x\r\n\r\n"] {
            let text = format!("{chunked}3\r\nabc\r\n2\r\nde\r\n{end}");
            assert_eq!(read(&text).unwrap().body, b"abcde");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let cases = [
            ("", None),
            ("GET / HTTP/1.1\r\nHost: a", None),
            ("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc", None),
            ("GET\r\n\r\n", Some(400)),
            ("GET / HTTP/1.1\r\nnothing\r\n\r\n", Some(400)),
            ("POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", Some(400)),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                Some(413),
            ),
            (
                "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n",
                Some(415),
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
                Some(413),
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n",
                Some(400),
            ),
        ];
        for (text, expected) in cases {
            let found = match read(text).expect_err(text) {
                Refusal::Gone => None,
                Refusal::Status(status, _) => Some(status),
            };
            assert_eq!(found, expected, "{text}");
        }
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000));
        assert_eq!(read(&endless), Err(Refusal::Gone));
    }
}
