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
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::error::Error;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::redis::{Command, ServerError, Value, server};
use ekiden::{Instant, service_fn, sleep, spawn};

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
    let store = Rc::new(RefCell::new(Store::default()));
    let service = service_fn({
        let store = Rc::clone(&store);
        async move |command: Command| {
            let args: Vec<_> = command.args().collect();
            Ok::<_, Infallible>(store.borrow_mut().answer(&args).unwrap_or_else(Value::Error))
        }
    });
    let sweeping = spawn(async move {
        loop {
            sleep(SWEEP.0).await;
            store.borrow_mut().sweep(SWEEP.1);
        }
    });
    server::serve(listener, service).await?;
    sweeping.abort_handle().abort();
    drop(sweeping.await); // or it would be told as one that had not ended
    Ok(())
}

type Bytes = Vec<u8>;
type Answer = Result<Value, ServerError>;

/// All keys.
#[derive(Default)]
struct Store {
    entries: BTreeMap<Bytes, Entry>,
    /// The key that was looked at last when those whose time is over were looked for.
    swept: Bytes,
}

struct Entry {
    data: Data,
    /// When it is gone, if ever. Whoever comes across it then takes it away, and so does the next sweep.
    expires: Option<Instant>,
}

enum Data {
    Text(Bytes),
    List(VecDeque<Bytes>),
    Set(BTreeSet<Bytes>),
    Hash(BTreeMap<Bytes, Bytes>),
    Sorted(Sorted),
}

/// Members with their scores, found by either.
#[derive(Default)]
struct Sorted {
    scores: BTreeMap<Bytes, f64>,
    /// The same, the least first.
    order: BTreeSet<(Place, Bytes)>,
}

/// A score as one that can be sorted by. None is no number.
#[derive(Clone, Copy)]
struct Place(f64);

impl Store {
    /// What a command does. Its name is its first argument.
    fn answer(&mut self, args: &[&[u8]]) -> Answer {
        let answer = self.act(args);
        // Who looked for what is not there has made it, empty, and who took the last of it left it so.
        args.get(1).into_iter().for_each(|key| self.forget_if_over(key));
        answer
    }

    fn act(&mut self, args: &[&[u8]]) -> Answer {
        let mut room = Room(ANSWER_BYTES_MAX);
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
            (b"EXPIRE", [key, time]) => self.expire(key, integer(time)?, Duration::from_secs),
            (b"PEXPIRE", [key, time]) => self.expire(key, integer(time)?, Duration::from_millis),
            (b"PERSIST", [key]) => Ok(Value::from(i64::from(
                self.entry(key).is_some_and(|entry| entry.expires.take().is_some()),
            ))),
            (b"TTL", [key]) => Ok(self.time_left(key, |left| left.as_millis().div_ceil(1000))),
            (b"PTTL", [key]) => Ok(self.time_left(key, |left| left.as_millis())),

            (b"GET", [key]) => Ok(perhaps(self.text(key)?.cloned())),
            (b"MGET", keys) => {
                // A key of another kind has no text.
                let texts = keys.iter().map(|key| match self.text(key).unwrap_or_default() {
                    Some(text) => room.bulk(text),
                    None => Ok(Value::Nil),
                });
                Ok(Value::Array(texts.collect::<Result<_, _>>()?))
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
                let values = list.range(range).map(|value| room.bulk(value));
                Ok(Value::Array(values.collect::<Result<_, _>>()?))
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
            (b"SMEMBERS", [key]) => {
                let members = self.members(key)?.iter().map(|member| room.bulk(member));
                Ok(Value::Set(members.collect::<Result<_, _>>()?))
            }

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
                let pairs = self.hash(key)?.iter();
                let pairs = pairs.map(|(field, value)| Ok((room.bulk(field)?, room.bulk(value)?)));
                Ok(Value::Map(pairs.collect::<Result<_, ServerError>>()?))
            }

            (b"ZADD", [key, score, member]) => {
                let score = number(score)?;
                Ok(Value::from(i64::from(self.sorted(key)?.insert(member, score))))
            }
            (b"ZSCORE", [key, member]) => Ok(self.sorted(key)?.scores.get(*member).copied().into()),
            (b"ZCARD", [key]) => Ok(count(self.sorted(key)?.scores.len())),
            (b"ZPOPMIN", [key]) => {
                let least = self.sorted(key)?.pop_least();
                Ok(Value::Array(
                    least.map_or(Vec::new(), |(member, score)| vec![bulk(&member), score.into()]),
                ))
            }
            _ => Err(ServerError::new(format!(
                "ERR '{}' with {} arguments is no command of this server",
                // No more than a person reads: it is a stranger's, and may have megabytes.
                name[..name.len().min(64)].escape_ascii(),
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

    /// Looks at so many of the keys, from where it was the last time, and takes away what nobody comes across any more.
    fn sweep(&mut self, keys: usize) {
        let behind = self.entries.range::<Bytes, _>((Bound::Excluded(&self.swept), Bound::Unbounded));
        let seen: Vec<_> = behind.take(keys).map(|(key, _)| key.clone()).collect();
        seen.iter().for_each(|key| self.forget_if_over(key));
        // Behind the last of them it begins again.
        self.swept = seen.into_iter().nth(keys - 1).unwrap_or_default();
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

    fn sorted(&mut self, key: &[u8]) -> Result<&mut Sorted, ServerError> {
        match self.data(key, Data::Sorted(Sorted::default())) {
            Data::Sorted(sorted) => Ok(sorted),
            _ => Err(wrong_kind()),
        }
    }

    /// `SET key value [NX | XX] [EX seconds | PX milliseconds]`
    fn set(&mut self, key: &[u8], value: &[u8], options: &[&[u8]]) -> Answer {
        let (mut if_there, mut expires) = (None, None);
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let mut time = |unit| {
                let time = options.next().ok_or_else(syntax_error)?;
                time_of(integer(time)?, unit, "ERR invalid expire time in 'set' command")
            };
            // Of each pair one, and once.
            match &option.to_ascii_uppercase()[..] {
                b"NX" if if_there.is_none() => if_there = Some(false),
                b"XX" if if_there.is_none() => if_there = Some(true),
                b"EX" if expires.is_none() => expires = Some(time(Duration::from_secs)?),
                b"PX" if expires.is_none() => expires = Some(time(Duration::from_millis)?),
                _ => return Err(syntax_error()),
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

    /// One whose time is over before it begins is gone at once.
    fn expire(&mut self, key: &[u8], time: i64, unit: fn(u64) -> Duration) -> Answer {
        if time <= 0 {
            return Ok(Value::from(i64::from(self.remove(key))));
        }
        let time = time_of(time, unit, "ERR invalid expire time")?;
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
            Self::Sorted(sorted) => sorted.scores.is_empty(),
        }
    }
}

impl Sorted {
    /// Whether the member is new.
    fn insert(&mut self, member: &[u8], score: f64) -> bool {
        let before = self.scores.insert(member.to_vec(), score);
        if let Some(before) = before {
            self.order.remove(&(Place(before), member.to_vec()));
        }
        self.order.insert((Place(score), member.to_vec()));
        before.is_none()
    }

    fn pop_least(&mut self) -> Option<(Bytes, f64)> {
        let (Place(score), member) = self.order.pop_first()?;
        self.scores.remove(&member);
        Some((member, score))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        // Zero is zero, with either sign.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

/// How many bytes an answer of many values may still have.
struct Room(usize);

impl Room {
    /// A value, unless the answer becomes too long with it.
    fn bulk(&mut self, bytes: &[u8]) -> Answer {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or_else(|| ServerError::new("ERR the answer is too long: ask for less at once"))?;
        Ok(bulk(bytes))
    }
}

/// Longest answer of many values. 64 MiB, as for requests: one may name the same long value a thousand times, and an answer
/// is in memory before it leaves.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How often keys whose time is over are looked for, and how many keys are looked at each time: enough to go once through a
/// million in some minutes, and no more than a millisecond at once.
const SWEEP: (Duration, usize) = (Duration::from_secs(1), 4096);

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

/// A whole number, which is written in one way only: without a plus or zeros in front.
fn integer(text: &[u8]) -> Result<i64, ServerError> {
    let error = "ERR value is not an integer or out of range";
    let number: i64 = parsed(text, error)?;
    if number.to_string().as_bytes() == text { Ok(number) } else { Err(ServerError::new(error)) }
}

/// A time that is some, and no longer than a clock can tell.
fn time_of(time: i64, unit: fn(u64) -> Duration, error: &'static str) -> Result<Duration, ServerError> {
    let time = u32::try_from(time).ok().filter(|time| *time > 0);
    time.map(|time| unit(time.into())).ok_or_else(|| ServerError::new(error))
}

fn syntax_error() -> ServerError {
    ServerError::new("ERR syntax error")
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
