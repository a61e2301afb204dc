//! What the attribute makes of traits with odd names, and of what their methods allow: code that its user's lints are content
//! with. That it compiles is the better half of the test.
#![deny(deprecated, nonstandard_style, unused, clippy::too_many_arguments, clippy::type_complexity)]

use ekiden_reactor::run;
use ekiden_rpc::rpc;
use futures_util::stream::{self, Stream, StreamExt};

type Nested = Vec<Result<Option<(u32, Vec<Box<(u8, u8, Vec<Vec<u8>>)>>)>, Option<Vec<Box<Vec<(u8, u8)>>>>>>;

/// Names that are not those of methods and arguments, and those of what the attribute writes.
#[rpc(crate = ekiden_rpc)]
#[allow(non_snake_case, reason = "as the test has it")]
trait Odd {
    async fn find(&self, METHOD: u32) -> u32;
    async fn Find(&self, FIND: u32) -> u32;
    async fn b(&self, B: u32) -> u32;
    async fn r#match(&self, r#type: u32, method: u32, request: u32, service: u32) -> u32;
    async fn call(&self, call: u32, items: impl Stream<Item = u32>, guard: u32) -> impl Stream<Item = u32>;
}

#[expect(non_snake_case, reason = "as the test has it")]
impl Odd for () {
    async fn find(&self, METHOD: u32) -> u32 {
        METHOD
    }

    async fn Find(&self, FIND: u32) -> u32 {
        FIND + 1
    }

    async fn b(&self, B: u32) -> u32 {
        B
    }

    async fn r#match(&self, r#type: u32, method: u32, request: u32, service: u32) -> u32 {
        r#type + method + request + service
    }

    async fn call(&self, call: u32, items: impl Stream<Item = u32>, guard: u32) -> impl Stream<Item = u32> {
        items.map(move |item| item + call + guard)
    }
}

#[test]
fn no_name_is_in_the_way_of_another() {
    run(async {
        let odd = OddClient::new(OddServer::new(()));
        assert_eq!(odd.find(7).await.unwrap(), 7);
        assert_eq!(odd.Find(7).await.unwrap(), 8);
        assert_eq!(odd.b(9).await.unwrap(), 9);
        assert_eq!(odd.r#match(1, 2, 3, 4).await.unwrap(), 10);
        let items = odd.call(10, stream::iter(0..3), 20).await.unwrap();
        assert_eq!(items.map(Result::unwrap).collect::<Vec<_>>().await, [30, 31, 32]);
    });
}

/// What is allowed to a method is allowed to the client's, and nobody is told to call no more what he serves.
#[rpc(crate = ekiden_rpc)]
trait Allowing {
    #[deprecated = "`many` has it"]
    async fn one(&self) -> u32;
    #[allow(clippy::too_many_arguments, reason = "as the test has it")]
    async fn many(&self, a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32) -> u32;
    #[expect(clippy::type_complexity, reason = "as the test has it")]
    async fn complex(
        &self,
        nested: Vec<Result<Option<(u32, Vec<Box<(u8, u8, Vec<Vec<u8>>)>>)>, Option<Vec<Box<Vec<(u8, u8)>>>>>>,
    ) -> u32;
}

impl Allowing for () {
    async fn one(&self) -> u32 {
        1
    }

    async fn many(&self, a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32) -> u32 {
        a + b + c + d + e + f + g + h
    }

    async fn complex(&self, nested: Nested) -> u32 {
        nested.len() as u32
    }
}

#[test]
fn what_a_method_allows_is_allowed_to_what_is_made_of_it() {
    run(async {
        let allowing = AllowingClient::new(AllowingServer::new(()));
        #[expect(deprecated, reason = "as the attribute has it")]
        let one = allowing.one();
        assert_eq!(one.await.unwrap(), 1);
        assert_eq!(allowing.many(1, 1, 1, 1, 1, 1, 1, 1).await.unwrap(), 8);
        assert_eq!(allowing.complex(vec![]).await.unwrap(), 0);
    });
}
