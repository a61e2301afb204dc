//! Reads what was written to a connection, as strictly as a suspicious peer would: the judge of our own messages.
//!
//! It shares no code with the crate under test. `httparse` reads the heads; where bodies end is decided here, by RFC
//! 9112, section 6.3, and whatever leaves a choice is an error, for we have no reason to write it.

/// A message, or the part of it that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The status of a response, 0 for a request.
    pub(crate) status: u16,
    /// The method of a request.
    pub(crate) method: String,
    /// The target of a request.
    pub(crate) target: String,
    /// In order; names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Its end was written too.
    pub(crate) is_whole: bool,
    /// 100 and the like, before it.
    pub(crate) interims: Vec<u16>,
}

/// What a response is the answer to, as far as its framing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Head,
    Connect,
    Other,
}

/// What is known of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    Open,
    /// Nothing more will be written.
    Closed,
}

impl Message {
    /// The value of a field that may come once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &value[..])
    }

    /// It says that no message follows.
    pub(crate) fn says_close(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl From<&str> for Asked {
    fn from(method: &str) -> Self {
        match method {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Nobody here writes more than that.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const SIZE_BYTES_MAX: usize = 64;

/// All responses that were written. `asked` are the requests they answer; one more may answer what was none.
pub(crate) fn responses(
    mut bytes: &[u8],
    asked: &[Asked],
    connection: Connection,
) -> Result<Vec<Message>, String> {
    let mut found = Vec::new();
    let mut interims = Vec::new();
    while !bytes.is_empty() {
        let Some(mut message) = head(&mut bytes, Kind::Response)? else { break };
        if message.status < 200 && message.status != 101 {
            require(message.fields.is_empty() || message.status != 100, "fields in an interim response")?;
            interims.push(message.status);
            continue;
        }
        message.interims = std::mem::take(&mut interims);
        let asked = asked.get(found.len()).copied().unwrap_or(Asked::Other);
        let framing = response_framing(&message, asked)?;
        body(&mut bytes, &mut message, framing, connection)?;
        let is_last = message.says_close() || !message.is_whole || matches!(framing, Framing::ToClose);
        found.push(message);
        require(!is_last || bytes.is_empty(), "bytes behind the last response")?;
    }
    Ok(found)
}

/// All requests that were written. One whose head is not there as a whole has no method.
pub(crate) fn requests(mut bytes: &[u8]) -> Result<Vec<Message>, String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let Some(mut message) = head(&mut bytes, Kind::Request)? else {
            found.push(Message::default());
            break;
        };
        let hosts = message.fields.iter().filter(|(name, _)| name == "host").count();
        require(hosts == 1, "not one host")?;
        let framing = declared(&message)?.unwrap_or(Framing::Length(0));
        body(&mut bytes, &mut message, framing, Connection::Open)?;
        found.push(message);
    }
    Ok(found)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
}

#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    ToClose,
}

/// Takes a head off `bytes`; `None` if it is not there as a whole.
fn head(bytes: &mut &[u8], kind: Kind) -> Result<Option<Message>, String> {
    let Some(length) = position(bytes, b"\r\n\r\n", HEAD_BYTES_MAX)?.map(|at| at + 4) else {
        *bytes = &[];
        return Ok(None);
    };
    let (head, rest) = bytes.split_at(length);
    *bytes = rest;
    let lines = head.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let is_line = |line: &[u8]| line.strip_suffix(b"\r").is_some_and(|line| !line.contains(&b'\r'));
    require(lines.clone().all(is_line), "a line that does not end in CR LF")?;

    let mut fields = vec![httparse::EMPTY_HEADER; lines.count()];
    let mut message = Message::default();
    let (parsed, fields) = if kind == Kind::Response {
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(head);
        message.status = response.code.unwrap_or_default();
        require(response.version == Some(1), "another version than 1.1")?;
        (parsed, response.headers)
    } else {
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(head);
        message.method = request.method.unwrap_or_default().to_owned();
        message.target = request.path.unwrap_or_default().to_owned();
        require(request.version == Some(1), "another version than 1.1")?;
        (parsed, request.headers)
    };
    require(parsed == Ok(httparse::Status::Complete(length)), "a head that httparse refuses")?;
    message.fields = fields.iter().map(field).collect();
    Ok(Some(message))
}

fn field(field: &httparse::Header<'_>) -> (String, String) {
    (field.name.to_ascii_lowercase(), field.value.iter().map(|&byte| char::from(byte)).collect())
}

fn response_framing(message: &Message, asked: Asked) -> Result<Framing, String> {
    let declared = declared(message)?;
    let is_tunnel = message.status == 101 || (asked == Asked::Connect && message.status < 300);
    if is_tunnel || message.status == 204 {
        require(declared.is_none(), "a length or a coding where there is no body")?;
    }
    if is_tunnel {
        return Ok(Framing::ToClose);
    }
    if asked == Asked::Head || matches!(message.status, 204 | 304) {
        return Ok(Framing::Length(0));
    }
    Ok(declared.unwrap_or(Framing::ToClose))
}

/// What the fields say of the body's end.
fn declared(message: &Message) -> Result<Option<Framing>, String> {
    let values = |name: &str| -> Vec<&str> {
        message.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| &value[..]).collect()
    };
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Ok(None),
        ([], ["chunked"]) => Ok(Some(Framing::Chunked)),
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            length.parse().map(|length| Some(Framing::Length(length))).map_err(|error| error.to_string())
        }
        (lengths, codings) => Err(format!("ambiguous framing: {lengths:?}, {codings:?}")),
    }
}

/// Takes a body off `bytes`, or what is there of it.
fn body(
    bytes: &mut &[u8],
    message: &mut Message,
    framing: Framing,
    connection: Connection,
) -> Result<(), String> {
    match framing {
        Framing::Length(length) => {
            let here = length.min(bytes.len());
            message.body.extend_from_slice(&bytes[..here]);
            message.is_whole = here == length;
            *bytes = &bytes[here..];
        }
        Framing::Chunked => chunks(bytes, message)?,
        Framing::ToClose => {
            message.body.extend_from_slice(bytes);
            message.is_whole = connection == Connection::Closed;
            *bytes = &[];
        }
    }
    Ok(())
}

fn chunks(bytes: &mut &[u8], message: &mut Message) -> Result<(), String> {
    while let Some(end) = position(bytes, b"\r\n", SIZE_BYTES_MAX)? {
        let digits = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
        require(digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "a chunk size with more than digits")?;
        let size = usize::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
        *bytes = &bytes[end + 2..];
        if size == 0 {
            return trailers(bytes, message);
        }
        let here = size.min(bytes.len());
        message.body.extend_from_slice(&bytes[..here]);
        *bytes = &bytes[here..];
        let end_of_chunk = &bytes[..bytes.len().min(2)];
        require(b"\r\n".starts_with(end_of_chunk), "a chunk that does not end")?;
        *bytes = &bytes[end_of_chunk.len()..];
    }
    *bytes = &[];
    Ok(())
}

fn trailers(bytes: &mut &[u8], message: &mut Message) -> Result<(), String> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete((length, fields))) => {
            message.trailers = fields.iter().map(field).collect();
            message.is_whole = true;
            *bytes = &bytes[length..];
            Ok(())
        }
        Ok(httparse::Status::Partial) => {
            *bytes = &[];
            Ok(())
        }
        Err(error) => Err(format!("trailers: {error}")),
    }
}

/// Where the needle begins, which is to be within `max` bytes if there are so many.
fn position(bytes: &[u8], needle: &[u8], max: usize) -> Result<Option<usize>, String> {
    let found = bytes[..bytes.len().min(max)].windows(needle.len()).position(|window| window == needle);
    require(found.is_some() || bytes.len() < max, "a head or a chunk size that is too long")?;
    Ok(found)
}

fn require(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
