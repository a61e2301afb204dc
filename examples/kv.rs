//! A server in memory that speaks to Redis's own programs: strings, lists, sets, hashes and sorted sets, with expiry.
//!
//! ```console
//! $ cargo run --release --example kv
//! $ redis-cli -p 7006 SET greeting hello EX 60
//! OK
//! $ redis-benchmark -p 7006 -q -P 16
//! ```
//!
//! Whatever reads and writes RESP, versions 2 and 3, `HELLO`, pipelining, errors, limits, is `ekiden::redis::server`. Here is what a
//! command does: a service from command to value, on one core, so the store needs no lock.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::redis::{Command, ServerError, Value, server};
use ekiden::{Instant, service_fn};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7006".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: redis-cli -p {} SET greeting hello", addr.port());
        serve(listener).await
    })
}

/// Serves an empty store, until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let store = RefCell::new(Store::default());
    let service = service_fn(async move |command: Command| {
        let args: Vec<_> = command.args().collect();
        Ok::<_, Infallible>(store.borrow_mut().answer(&args).unwrap_or_else(Value::Error))
    });
    server::serve(listener, service).await?;
    Ok(())
}

type Bytes = Vec<u8>;
type Answer = Result<Value, ServerError>;

/// All keys.
#[derive(Default)]
struct Store {
    entries: BTreeMap<Bytes, Entry>,
}

struct Entry {
    data: Data,
    /// When it is gone, if ever. Whoever comes across it then takes it away.
    expires: Option<Instant>,
}

enum Data {
    Text(Bytes),
    List(VecDeque<Bytes>),
    Set(BTreeSet<Bytes>),
    Hash(BTreeMap<Bytes, Bytes>),
    Sorted(BTreeMap<Bytes, f64>),
}

impl Store {
    /// What a command does. Its name is its first argument.
    fn answer(&mut self, args: &[&[u8]]) -> Answer {
        let answer = self.act(args);
        // Who looked for what is not there has made it, empty, and who took the last of it left it so.
        args.get(1).into_iter().for_each(|key| self.forget_if_over(key));
        answer
    }

    fn act(&mut self, args: &[&[u8]]) -> Answer {
        let name = args.first().unwrap_or(&&b""[..]).to_ascii_uppercase();
        let rest = args.get(1..).unwrap_or_default();
        match (&name[..], rest) {
            (b"PING", []) => Ok(Value::status("PONG")),
            (b"PING" | b"ECHO", [text]) => Ok(bulk(text)),
            (b"SELECT", [b"0"]) | (b"CLIENT", [..]) => Ok(Value::ok()),
            (b"SELECT", _) => Err(ServerError::new("ERR DB index is out of range")),
            (b"COMMAND", _) => Ok(Value::Array(Vec::new())),
            (b"CONFIG", [_get, parameter]) => Ok(Value::from(vec![bulk(parameter), bulk(b"")])),
            (b"INFO", _) => Ok(Value::from(self.info())),
            (b"DBSIZE", []) => Ok(count(self.entries.len())),
            (b"FLUSHALL" | b"FLUSHDB", _) => {
                self.entries.clear();
                Ok(Value::ok())
            }

            (b"DEL" | b"UNLINK", keys) => Ok(count(keys.iter().filter(|key| self.remove(key)).count())),
            (b"EXISTS", keys) => Ok(count(keys.iter().filter(|key| self.entry(key).is_some()).count())),
            (b"TYPE", [key]) => Ok(self.kind(key)),
            (b"EXPIRE", [key, time]) => self.expire(key, Duration::from_secs(natural(time)?)),
            (b"PEXPIRE", [key, time]) => self.expire(key, Duration::from_millis(natural(time)?)),
            (b"PERSIST", [key]) => Ok(Value::from(i64::from(
                self.entry(key).is_some_and(|entry| entry.expires.take().is_some()),
            ))),
            (b"TTL", [key]) => Ok(self.time_left(key, |left| left.as_millis().div_ceil(1000))),
            (b"PTTL", [key]) => Ok(self.time_left(key, |left| left.as_millis())),

            (b"GET", [key]) => Ok(perhaps(self.text(key)?.cloned())),
            (b"MGET", keys) => {
                // A key of another kind has no text.
                let texts = keys.iter().map(|key| perhaps(self.text(key).unwrap_or_default().cloned()));
                Ok(Value::Array(texts.collect()))
            }
            (b"SET", [key, value, options @ ..]) => self.set(key, value, options),
            (b"MSET", pairs) if !pairs.is_empty() && pairs.len() % 2 == 0 => {
                pairs.chunks_exact(2).for_each(|pair| self.put(pair[0], Data::Text(pair[1].to_vec()), None));
                Ok(Value::ok())
            }
            (b"INCR", [key]) => self.add(key, 1),
            (b"DECR", [key]) => self.add(key, -1),
            (b"INCRBY", [key, by]) => self.add(key, integer(by)?),
            (b"APPEND", [key, more]) => match self.data(key, Data::Text(Vec::new())) {
                Data::Text(text) => {
                    text.extend_from_slice(more);
                    Ok(count(text.len()))
                }
                _ => Err(wrong_kind()),
            },
            (b"STRLEN", [key]) => Ok(count(self.text(key)?.map_or(0, Vec::len))),

            (b"LPUSH", [key, values @ ..]) if !values.is_empty() => {
                self.push(key, values, VecDeque::push_front)
            }
            (b"RPUSH", [key, values @ ..]) if !values.is_empty() => {
                self.push(key, values, VecDeque::push_back)
            }
            (b"LPOP", [key]) => self.pop(key, VecDeque::pop_front),
            (b"RPOP", [key]) => self.pop(key, VecDeque::pop_back),
            (b"LLEN", [key]) => Ok(count(self.list(key)?.len())),
            (b"LRANGE", [key, from, to]) => {
                let list = self.list(key)?;
                let range = range(integer(from)?, integer(to)?, list.len());
                Ok(Value::Array(list.range(range).map(|value| bulk(value)).collect()))
            }

            (b"SADD", [key, members @ ..]) if !members.is_empty() => {
                let set = self.members(key)?;
                Ok(count(members.iter().filter(|member| set.insert(member.to_vec())).count()))
            }
            (b"SREM", [key, members @ ..]) if !members.is_empty() => {
                let set = self.members(key)?;
                Ok(count(members.iter().filter(|member| set.remove(**member)).count()))
            }
            (b"SPOP", [key]) => Ok(perhaps(self.members(key)?.pop_first())),
            (b"SISMEMBER", [key, member]) => Ok(Value::from(i64::from(self.members(key)?.contains(*member)))),
            (b"SCARD", [key]) => Ok(count(self.members(key)?.len())),
            (b"SMEMBERS", [key]) => Ok(Value::set(self.members(key)?.iter().map(|member| bulk(member)))),

            (b"HSET", [key, pairs @ ..]) if !pairs.is_empty() && pairs.len() % 2 == 0 => {
                let hash = self.hash(key)?;
                let put = |pair: &&[&[u8]]| hash.insert(pair[0].to_vec(), pair[1].to_vec()).is_none();
                Ok(count(pairs.chunks_exact(2).filter(put).count()))
            }
            (b"HGET", [key, field]) => Ok(perhaps(self.hash(key)?.get(*field).cloned())),
            (b"HDEL", [key, fields @ ..]) if !fields.is_empty() => {
                let hash = self.hash(key)?;
                Ok(count(fields.iter().filter(|field| hash.remove(**field).is_some()).count()))
            }
            (b"HLEN", [key]) => Ok(count(self.hash(key)?.len())),
            (b"HGETALL", [key]) => {
                Ok(Value::map(self.hash(key)?.iter().map(|(field, value)| (bulk(field), bulk(value)))))
            }

            (b"ZADD", [key, score, member]) => {
                let score = number(score)?;
                Ok(Value::from(i64::from(self.sorted(key)?.insert(member.to_vec(), score).is_none())))
            }
            (b"ZSCORE", [key, member]) => Ok(self.sorted(key)?.get(*member).copied().into()),
            (b"ZCARD", [key]) => Ok(count(self.sorted(key)?.len())),
            (b"ZPOPMIN", [key]) => {
                let sorted = self.sorted(key)?;
                let least = sorted.iter().min_by(|one, other| one.1.total_cmp(other.1));
                let Some(member) = least.map(|(member, _)| member.clone()) else {
                    return Ok(Value::Array(Vec::new()));
                };
                let score = sorted.remove(&member);
                Ok(Value::Array(vec![bulk(&member), score.into()]))
            }
            _ => Err(ServerError::new(format!(
                "ERR '{}' with {} arguments is no command of this server",
                String::from_utf8_lossy(&name).escape_debug(),
                rest.len()
            ))),
        }
    }

    /// What is at a key.
    fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.forget_if_over(key);
        self.entries.get_mut(key)
    }

    /// Takes away what is at a key if its time is over, or if it is empty, which is as good as gone.
    fn forget_if_over(&mut self, key: &[u8]) {
        let is_over = |entry: &Entry| entry.expires.is_some_and(|expires| expires <= Instant::now());
        if self.entries.get(key).is_some_and(|entry| is_over(entry) || entry.data.is_empty()) {
            self.entries.remove(key);
        }
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        self.entry(key).is_some() && self.entries.remove(key).is_some()
    }

    fn put(&mut self, key: &[u8], data: Data, expires: Option<Instant>) {
        self.entries.insert(key.to_vec(), Entry { data, expires });
    }

    /// What is at a key, which is made if there is nothing.
    fn data(&mut self, key: &[u8], empty: Data) -> &mut Data {
        self.forget_if_over(key);
        let entry = self.entries.entry(key.to_vec());
        &mut entry.or_insert(Entry { data: empty, expires: None }).data
    }

    fn text(&mut self, key: &[u8]) -> Result<Option<&Bytes>, ServerError> {
        match self.entry(key).map(|entry| &entry.data) {
            None => Ok(None),
            Some(Data::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_kind()),
        }
    }

    fn list(&mut self, key: &[u8]) -> Result<&mut VecDeque<Bytes>, ServerError> {
        match self.data(key, Data::List(VecDeque::new())) {
            Data::List(list) => Ok(list),
            _ => Err(wrong_kind()),
        }
    }

    fn members(&mut self, key: &[u8]) -> Result<&mut BTreeSet<Bytes>, ServerError> {
        match self.data(key, Data::Set(BTreeSet::new())) {
            Data::Set(members) => Ok(members),
            _ => Err(wrong_kind()),
        }
    }

    fn hash(&mut self, key: &[u8]) -> Result<&mut BTreeMap<Bytes, Bytes>, ServerError> {
        match self.data(key, Data::Hash(BTreeMap::new())) {
            Data::Hash(hash) => Ok(hash),
            _ => Err(wrong_kind()),
        }
    }

    fn sorted(&mut self, key: &[u8]) -> Result<&mut BTreeMap<Bytes, f64>, ServerError> {
        match self.data(key, Data::Sorted(BTreeMap::new())) {
            Data::Sorted(sorted) => Ok(sorted),
            _ => Err(wrong_kind()),
        }
    }

    /// `SET key value [NX | XX] [EX seconds | PX milliseconds]`
    fn set(&mut self, key: &[u8], value: &[u8], options: &[&[u8]]) -> Answer {
        let (mut if_there, mut expires) = (None, None);
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut time = || natural(options.next().unwrap_or(&&b""[..]));
            match &option.to_ascii_uppercase()[..] {
                b"NX" => if_there = Some(false),
                b"XX" => if_there = Some(true),
                b"EX" => expires = Some(Duration::from_secs(time()?)),
                b"PX" => expires = Some(Duration::from_millis(time()?)),
                _ => return Err(ServerError::new("ERR syntax error")),
            }
        }
        let is_there = self.entry(key).is_some();
        if if_there.is_some_and(|wanted| wanted != is_there) {
            return Ok(Value::Nil);
        }
        self.put(key, Data::Text(value.to_vec()), expires.map(|time| Instant::now() + time));
        Ok(Value::ok())
    }

    /// Adds to a number, which keeps its time.
    fn add(&mut self, key: &[u8], by: i64) -> Answer {
        let now = self.text(key)?.map_or(Ok(0), |text| integer(text))?;
        let sum = now
            .checked_add(by)
            .ok_or_else(|| ServerError::new("ERR increment or decrement would overflow"))?;
        *self.data(key, Data::Text(Vec::new())) = Data::Text(sum.to_string().into_bytes());
        Ok(Value::from(sum))
    }

    fn push(&mut self, key: &[u8], values: &[&[u8]], push: fn(&mut VecDeque<Bytes>, Bytes)) -> Answer {
        let list = self.list(key)?;
        values.iter().for_each(|value| push(list, value.to_vec()));
        Ok(count(list.len()))
    }

    fn pop(&mut self, key: &[u8], pop: fn(&mut VecDeque<Bytes>) -> Option<Bytes>) -> Answer {
        Ok(perhaps(pop(self.list(key)?)))
    }

    fn expire(&mut self, key: &[u8], time: Duration) -> Answer {
        let entry = self.entry(key);
        let is_there = entry.is_some();
        entry.into_iter().for_each(|entry| entry.expires = Some(Instant::now() + time));
        Ok(Value::from(i64::from(is_there)))
    }

    /// -2: there is no such key; -1: it stays.
    fn time_left(&mut self, key: &[u8], unit: fn(Duration) -> u128) -> Value {
        let left = self.entry(key).map(|entry| entry.expires.map(|expires| expires - Instant::now()));
        Value::from(
            left.map_or(-2, |left| left.map_or(-1, |left| i64::try_from(unit(left)).unwrap_or(i64::MAX))),
        )
    }

    fn kind(&mut self, key: &[u8]) -> Value {
        Value::status(match self.entry(key).map(|entry| &entry.data) {
            None => "none",
            Some(Data::Text(_)) => "string",
            Some(Data::List(_)) => "list",
            Some(Data::Set(_)) => "set",
            Some(Data::Hash(_)) => "hash",
            Some(Data::Sorted(_)) => "zset",
        })
    }

    fn info(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        format!("# Server\r\nredis_version:{version}\r\n# Keyspace\r\ndb0:keys={}\r\n", self.entries.len())
    }
}

impl Data {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::List(list) => list.is_empty(),
            Self::Set(members) => members.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
            Self::Sorted(sorted) => sorted.is_empty(),
        }
    }
}

fn bulk(bytes: &[u8]) -> Value {
    Value::Bulk(bytes.to_vec().into())
}

fn perhaps(bytes: Option<Bytes>) -> Value {
    bytes.map_or(Value::Nil, |bytes| Value::Bulk(bytes.into()))
}

fn count(count: usize) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn wrong_kind() -> ServerError {
    ServerError::new("WRONGTYPE Operation against a key holding the wrong kind of value")
}

fn parsed<T: std::str::FromStr>(text: &[u8], error: &'static str) -> Result<T, ServerError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| ServerError::new(error))
}

fn integer(text: &[u8]) -> Result<i64, ServerError> {
    parsed(text, "ERR value is not an integer or out of range")
}

/// A time, of which there may not be more than a clock can tell.
fn natural(text: &[u8]) -> Result<u64, ServerError> {
    parsed::<u32>(text, "ERR value is not an integer or out of range").map(u64::from)
}

fn number(text: &[u8]) -> Result<f64, ServerError> {
    let error = "ERR value is not a valid float";
    let number: f64 = parsed(text, error)?;
    // One that is no number has no place in an order.
    if number.is_nan() { Err(ServerError::new(error)) } else { Ok(number) }
}

/// From one place to another, both in it; negative ones count from the end.
fn range(from: i64, to: i64, length: usize) -> std::ops::Range<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let place = |at: i64| if at < 0 { length.saturating_add(at) } else { at };
    let from = place(from).clamp(0, length);
    let to = place(to).saturating_add(1).clamp(from, length);
    from as usize..to as usize
}
