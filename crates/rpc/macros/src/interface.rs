//! The trait, as far as it matters on a wire: [`Interface`].

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Ident, ItemTrait, Path, Token, TraitItem, Visibility};

use crate::method::{self, Method};
use crate::mistake::{self, Mistakes};

pub(crate) struct Interface {
    /// Where ekiden-rpc is.
    pub(crate) home: TokenStream,
    /// The trait as it was written.
    pub(crate) written: ItemTrait,
    pub(crate) methods: Vec<Method>,
}

impl Interface {
    pub(crate) fn parse(arguments: TokenStream, item: TokenStream) -> Result<Self, Error> {
        let home = home.parse2(arguments)?;
        let written: ItemTrait =
            syn::parse2(item.clone()).map_err(|_| mistake::at(first(item), mistake::NOT_A_TRAIT))?;
        let mut mistakes = Mistakes::default();
        if !written.generics.params.is_empty() {
            mistakes.add(mistake::at(&written.generics.params, mistake::GENERIC_TRAIT));
        }
        if let Some(clause) = &written.generics.where_clause {
            mistakes.add(mistake::at(clause, mistake::GENERIC_TRAIT));
        }
        let mut methods = Vec::new();
        for item in &written.items {
            match item {
                TraitItem::Fn(function) => {
                    methods.extend(mistakes.take(Method::parse(&written.ident, function)));
                }
                other => mistakes.add(mistake::at(other, mistake::NOT_A_METHOD)),
            }
        }
        if let Some((one, other)) = collision(&methods, Method::id) {
            let message = format!("on the wire this is the same as `{}`: rename one of them", one.name);
            mistakes.add(mistake::at(&other.name, &message));
        }
        mistakes.none()?;
        Ok(Self { home, written, methods })
    }

    pub(crate) fn name(&self) -> &Ident {
        &self.written.ident
    }

    pub(crate) fn visibility(&self) -> &Visibility {
        &self.written.vis
    }

    /// What the compiler is to say of all methods.
    pub(crate) fn lints(&self) -> Vec<Attribute> {
        method::lints(&self.written.attrs).collect()
    }

    /// What is only there under a condition is only called under it.
    pub(crate) fn conditions(&self) -> Vec<&Attribute> {
        self.written.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
    }
}

/// `crate = path`, or nothing.
fn home(input: ParseStream<'_>) -> Result<TokenStream, Error> {
    if input.is_empty() {
        return Ok(quote!(::ekiden::rpc));
    }
    let explain = |error: Error| Error::new(error.span(), mistake::ARGUMENTS);
    input.parse::<Token![crate]>().map_err(explain)?;
    input.parse::<Token![=]>().map_err(explain)?;
    let path = input.call(Path::parse_mod_style).map_err(explain)?;
    if !input.is_empty() {
        return Err(input.error(mistake::ARGUMENTS));
    }
    Ok(quote!(#path))
}

/// Where the item begins, without its attributes.
fn first(item: TokenStream) -> TokenStream {
    item.into_iter().take(1).collect()
}

/// Two that are the same by some number.
fn collision(methods: &[Method], number: impl Fn(&Method) -> u64) -> Option<(&Method, &Method)> {
    let later = |at: usize| methods[at + 1..].iter();
    methods.iter().enumerate().find_map(|(at, one)| {
        later(at)
            .find(|other| one.name != other.name && number(one) == number(other))
            .map(|other| (one, other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_are_the_same_on_the_wire_are_found() {
        let library = quote! {
            trait Library {
                async fn find(&self);
                async fn lend(&self);
                async fn take(&self);
            }
        };
        let library = Interface::parse(quote!(), library).unwrap_or_else(|error| panic!("{error}"));
        let by_length = collision(&library.methods, |method| method.full_name.len() as u64);
        let names = by_length.map(|(one, other)| (one.name.to_string(), other.name.to_string()));
        assert_eq!(names, Some(("find".to_owned(), "lend".to_owned())));
        assert!(collision(&library.methods, Method::id).is_none());
    }

    /// And that of `docs/rpc.md`, as the crate beside this one has it.
    #[test]
    fn the_hash_is_that_of_its_authors() {
        let library = quote!(
            trait Library {
                async fn find(&self);
            }
        );
        let library = Interface::parse(quote!(), library).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(library.methods[0].number().to_string(), "0xa387556de2b9fd1d");
    }
}
