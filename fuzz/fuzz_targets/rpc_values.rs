//! Any bytes as the values of calls, in MessagePack.
#![no_main]

use std::collections::BTreeMap;

use ekiden_rpc::format::Arguments;
use ekiden_rpc::{Format, MessagePack};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    type Value = BTreeMap<String, (Option<Vec<String>>, Result<i64, bool>, (f64, char, [u8; 3]))>;
    if let Ok(value) = MessagePack::decode::<Value>(input) {
        let mut bytes = Vec::new();
        MessagePack::encode(&value, &mut bytes).expect("what was read can be written");
    }
    drop(MessagePack::decode::<Vec<Option<Box<str>>>>(input));
    drop(MessagePack::decode::<Arguments<(u32, Option<String>, Option<Vec<u8>>)>>(input));
});
