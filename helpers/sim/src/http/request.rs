//! Reads one HTTP/1.1 request. Knows nothing of what is asked.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// A body above this is refused; prompts of many megabytes are below it.
const BODY_LIMIT: usize = 256 << 20;
const HEAD_LIMIT: u64 = 256 << 10;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// E.g. `POST`.
    pub method: String,
    /// E.g. `/v1/responses`.
    pub path: String,
    /// In the order of arrival; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from its chunks.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Reads a request; `None` when the client closes without one.
pub(crate) fn read_request(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let Some(mut request) = read_head(&mut reader)? else { return Ok(None) };
    if request.header("expect").is_some() {
        (&mut &*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = if request.header("transfer-encoding").is_some() {
        read_chunks(&mut reader)?
    } else {
        let length = request.header("content-length").map_or(Ok(0), str::parse).map_err(invalid)?;
        read_exactly(&mut reader, length)?
    };
    Ok(Some(request))
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut reader = reader.take(HEAD_LIMIT);
    let first = read_line(&mut reader)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(invalid(format!("not a request line: {first}")));
    };
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut reader)?;
        if line.is_empty() {
            return Ok(Some(Request { method, path, headers, body: Vec::new() }));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(format!("not a header: {line}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(invalid)?;
        if size == 0 {
            while !read_line(reader)?.is_empty() {}
            return Ok(body);
        }
        body.append(&mut read_exactly(reader, size)?);
        read_line(reader)?;
        if body.len() > BODY_LIMIT {
            return Err(invalid("body too large"));
        }
    }
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    if length > BODY_LIMIT {
        return Err(invalid("body too large"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What the server reads when a client sends these bytes and closes.
    fn read(bytes: Vec<u8>) -> io::Result<Option<Request>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || TcpStream::connect(address).unwrap().write_all(&bytes));
        let request = read_request(&listener.accept().unwrap().0);
        client.join().unwrap().unwrap();
        request
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let request = read(
            b"POST /v1/responses HTTP/1.1\r\nThread-Id: t\r\nTransfer-Encoding: chunked\r\n\r\n\
              3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"
                .to_vec(),
        );
        let request = request.unwrap().unwrap();
        assert_eq!(request.header("thread-id"), Some("t"));
        assert_eq!(request.body, b"abc0123456789");
    }

    #[test]
    fn a_body_of_twelve_megabytes_arrives_whole() {
        let body: Vec<u8> = (0..12 << 20).map(|i: u32| i.to_le_bytes()[1]).collect();
        let mut bytes = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(&body);
        assert!(read(bytes).unwrap().unwrap().body == body);
    }

    #[test]
    fn a_truncated_body_is_an_error_and_no_request_is_none() {
        assert!(read(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc".to_vec()).is_err());
        assert_eq!(read(Vec::new()).unwrap(), None);
    }
}
