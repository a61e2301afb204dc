//! `#[ekiden::test]`: an `async fn` becomes a test.
//!
//! ```text
//!   #[ekiden::test]                       #[test]
//!   #[should_panic]                       #[should_panic]
//!   async fn name() -> R { body }   ──►   fn name() -> R {
//!                                             async fn name() -> R { body }
//!                                             ::ekiden::run(name())
//!                                         }
//! ```
//!
//! The body stays an `async fn` and does not become a block, since the type of a block would have to be guessed,
//! and `?` could not be used in it.
//!
//! The compiler has parsed the item before the attribute sees it, so this only finds the parts of what is known
//! to be Rust. It looks into no type and no body.

use std::iter::Peekable;

use proc_macro::token_stream::IntoIter;
use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::mistake::Mistake;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Mistake> {
    match arguments.into_iter().next() {
        Some(argument) => Err(Mistake::at(argument.span(), "`#[ekiden::test]` takes no arguments")),
        None => Ok(Test::parse(item)?.write()),
    }
}

/// `#[attributes] visibility async fn name() returns { body }`
struct Test {
    attributes: TokenStream,
    visibility: TokenStream,
    fn_token: Ident,
    name: Ident,
    /// Empty, and kept for its place in the source.
    arguments: Group,
    /// With its arrow.
    returns: TokenStream,
    body: TokenTree,
}

type Tokens = Peekable<IntoIter>;

impl Test {
    fn parse(item: TokenStream) -> Result<Self, Mistake> {
        let mut tokens = item.into_iter().peekable();
        let attributes = next_attributes(&mut tokens)?;
        let visibility = next_visibility(&mut tokens);
        let asyncness = next_word(&mut tokens, "async");
        let Some(fn_token) = next_word(&mut tokens, "fn") else {
            return Err(Mistake::at(here(&mut tokens), "`#[ekiden::test]` is for a plain `async fn`"));
        };
        let Some(TokenTree::Ident(name)) = tokens.next() else { unreachable!("a function has a name") };
        if asyncness.is_none() {
            let message = "`#[ekiden::test]` is for an `async fn`; a test that awaits nothing is a `#[test]`";
            return Err(Mistake::at(fn_token.span(), message));
        }
        let arguments = match tokens.next() {
            Some(TokenTree::Group(arguments)) if arguments.stream().is_empty() => arguments,
            Some(TokenTree::Group(arguments)) => {
                return Err(Mistake::at(
                    arguments.span(),
                    "a test takes no arguments: nobody would pass them",
                ));
            }
            _ => {
                return Err(Mistake::at(
                    name.span(),
                    "a test cannot be generic: nobody would choose the types",
                ));
            }
        };
        let mut returns: Vec<TokenTree> = tokens.collect();
        let Some(body) = returns.pop() else { unreachable!("a function has a body") };
        Ok(Self {
            attributes,
            visibility,
            fn_token,
            name,
            arguments,
            returns: returns.into_iter().collect(),
            body,
        })
    }

    fn write(self) -> TokenStream {
        let mut signature = TokenStream::new();
        signature.extend([TokenTree::from(self.fn_token), self.name.clone().into(), self.arguments.into()]);
        signature.extend(self.returns);

        let mut block = source("async");
        block.extend(signature.clone());
        block.extend([self.body]);
        block.extend(source(&format!("::ekiden::run({}())", self.name)));

        let mut test = source("#[::core::prelude::v1::test]");
        test.extend(self.attributes);
        test.extend(self.visibility);
        test.extend(signature);
        test.extend([TokenTree::from(Group::new(Delimiter::Brace, block))]);
        test
    }
}

fn next_attributes(tokens: &mut Tokens) -> Result<TokenStream, Mistake> {
    let mut attributes = TokenStream::new();
    while let Some(hash) =
        tokens.next_if(|token| matches!(token, TokenTree::Punct(hash) if hash.as_char() == '#'))
    {
        let brackets = tokens.next();
        if let Some(TokenTree::Group(brackets)) = &brackets
            && brackets.stream().to_string() == "test"
        {
            return Err(Mistake::at(
                brackets.span(),
                "`#[ekiden::test]` is a `#[test]` already; remove this one",
            ));
        }
        attributes.extend([hash]);
        attributes.extend(brackets);
    }
    Ok(attributes)
}

/// `pub`, `pub(…)`, or what a macro passed on as a visibility, which comes in brackets that are not there.
fn next_visibility(tokens: &mut Tokens) -> TokenStream {
    let is_group = |token: &TokenTree, delimiter| matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter);
    let mut visibility = TokenStream::new();
    visibility.extend(tokens.next_if(|token| is_group(token, Delimiter::None)));
    if let Some(public) = next_word(tokens, "pub") {
        visibility.extend([TokenTree::from(public)]);
        visibility.extend(tokens.next_if(|token| is_group(token, Delimiter::Parenthesis)));
    }
    visibility
}

fn next_word(tokens: &mut Tokens, expected: &str) -> Option<Ident> {
    match tokens.next_if(|token| matches!(token, TokenTree::Ident(word) if word.to_string() == expected))? {
        TokenTree::Ident(word) => Some(word),
        _ => None,
    }
}

fn here(tokens: &mut Tokens) -> Span {
    tokens.peek().map_or_else(Span::call_site, TokenTree::span)
}

/// What is written here, in the place of the attribute.
fn source(text: &str) -> TokenStream {
    text.parse().expect("what this crate writes is Rust")
}
