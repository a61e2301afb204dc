//! The attributes of ekiden.
//!
//! They take tokens apart by hand, with `proc_macro` and nothing else: parsing libraries would be the slowest
//! part of building a small program. They write as little as they can, and name only what `ekiden` exports.
//!
//! In reading order: `test` is the attribute, a `mistake` is what it says to who used it wrongly.
#![forbid(unsafe_code)]

mod test;
mod mistake;

use proc_macro::TokenStream;

/// Runs an `async fn` as a test, on a reactor of its own.
///
/// Reach for it wherever `#[test]` is wanted and something must be awaited. Beside it go the attributes of any
/// test, such as `#[should_panic]` and `#[ignore]`, and a test that returns a `Result` may use `?`.
///
/// ```standalone_crate
/// # extern crate self as ekiden;
/// # pub use ekiden_macros::test;
/// # pub fn run<F: Future>(main: F) -> F::Output {
/// #     let mut main = std::pin::pin!(main);
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(output) = main.as_mut().poll(&mut cx) { return output; }
/// #     }
/// # }
/// # pub mod net {
/// #     pub struct TcpListener(std::net::TcpListener);
/// #     impl TcpListener {
/// #         pub async fn bind(addr: &str) -> std::io::Result<Self> { std::net::TcpListener::bind(addr).map(Self) }
/// #         pub fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> { self.0.local_addr() }
/// #     }
/// # }
/// use ekiden::net::TcpListener;
///
/// #[ekiden::test]
/// async fn a_listener_finds_a_free_port() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     assert_ne!(listener.local_addr()?.port(), 0);
///     Ok(())
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(arguments, item).unwrap_or_else(|mistake| mistake.explain())
}
