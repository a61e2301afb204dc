//! The attribute of ekiden-rpc: a trait becomes a client and a server.
//!
//! In a crate of its own, so that only who uses it builds what it takes to parse Rust.
//!
//! In reading order: `interface` is the trait as it was understood, `method` one function of it, a `mistake` is what is said to
//! who wrote something else; `write` has the code that is made of it.
#![forbid(unsafe_code)]

mod interface;
mod method;
mod mistake;
mod write;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;

use interface::Interface;

/// Makes of a trait a client and a server. Its documentation is that of `ekiden::rpc`.
#[proc_macro_attribute]
pub fn rpc(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).into()
}

/// The trait stays, whatever is wrong with it, so that who implements it has no further errors.
fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match Interface::parse(arguments, item.clone()) {
        Ok(interface) => write::all(&interface),
        Err(mistakes) => {
            let mut tokens = mistakes.into_compile_error();
            tokens.extend(item);
            tokens
        }
    }
}
