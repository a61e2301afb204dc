//! What the attribute says to who used it wrongly. Each message says what to write instead.

use quote::ToTokens;
use syn::Error;

/// All that is wrong with a trait, so that it is told at once.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value, if there is one; what is wrong, if there is none.
    pub(crate) fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn none(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Err)
    }
}

/// A mistake at a place in the source.
pub(crate) fn at(place: impl ToTokens, message: &str) -> Error {
    Error::new_spanned(place, message)
}

pub(crate) const NOT_A_TRAIT: &str =
    "`#[ekiden::rpc]` is for a trait: write `pub trait Name { async fn method(&self) -> Result; }`";
pub(crate) const ARGUMENTS: &str = "`#[ekiden::rpc]` takes nothing, or where the crate is: `crate = path`";
pub(crate) const GENERIC_TRAIT: &str = "a trait of rpc cannot be generic: the other side could not know its types; write a trait for each of them";
pub(crate) const NOT_A_METHOD: &str =
    "a trait of rpc has only async methods: put this into another trait, or beside it";
pub(crate) const NOT_ASYNC: &str = "a call goes over a wire, and that takes time: write `async fn`";
pub(crate) const GENERIC_METHOD: &str = "a method of rpc cannot be generic: the other side could not know its types; write a method for each of them";
pub(crate) const NO_SELF: &str =
    "a method of rpc takes `&self` first: it is called on whoever implements the trait";
pub(crate) const OTHER_SELF: &str =
    "many calls are under way at once: take `&self`, and keep what changes in a `Cell` or a `RefCell`";
pub(crate) const PATTERN: &str = "an argument has a name here, and no other pattern";
pub(crate) const REFERENCE: &str = "what comes over a wire has no owner to borrow it from: take it by value, \
    `String` for `&str` and `Vec<T>` for `&[T]`";
pub(crate) const TOO_MANY: &str = "a method takes at most twelve arguments: put some of them into a struct";
pub(crate) const SECOND_STREAM: &str =
    "a call has one stream in each direction: make one of both, whose items are an enum";
pub(crate) const STREAM_WITHIN: &str = "`impl Stream<Item = T>` is an argument by itself, or a result by itself or in `Result<impl Stream<Item = T>, E>`";
pub(crate) const OTHER_IMPL: &str = "the other side must know the type: name it, or, if there are many of them \
    one after the other, write `impl Stream<Item = T>`";
pub(crate) const NO_ITEM: &str = "say what the items are: `impl Stream<Item = T>`";
pub(crate) const TAKEN: &str =
    "the client has a function of this name, which makes it: give the method another one";
pub(crate) const CLONE: &str = "the client is cloned by a function of this name: give the method another one";
pub(crate) const THREADS: &str = "a call stays on its core, and its streams with it: leave this off";
pub(crate) const SELF_TYPE: &str =
    "`Self` is whoever implements the trait, whom the other side does not know: name the type";
