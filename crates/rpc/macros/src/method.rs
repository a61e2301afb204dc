//! One function of the trait, taken apart: [`Method`].

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, LitInt, Meta, Pat, PathArguments,
    Receiver, ReceiverKind, ReturnType, TraitItemFn, Type, TypeImplTrait, TypeParamBound,
};

use crate::mistake;

pub(crate) struct Method {
    pub(crate) name: Ident,
    /// `Trait.method`, which is what the number on the wire is made of.
    pub(crate) full_name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Returns,
    /// Those that are the client's method's, too: its documentation, whether it is there or should be used, and what the
    /// compiler is to say of it.
    pub(crate) attributes: Vec<Attribute>,
}

pub(crate) struct Argument {
    pub(crate) name: Ident,
    /// As it was written.
    pub(crate) written: Type,
    /// If it is a stream, what its items are.
    pub(crate) item: Option<Type>,
}

pub(crate) enum Returns {
    /// A value, which is `()` where nothing is written.
    Value(TokenStream),
    /// A stream of items.
    Items(Box<Type>),
    /// A stream of items, or an error.
    TryItems(Box<[Type; 2]>),
}

impl Method {
    pub(crate) fn parse(of: &Ident, function: &TraitItemFn) -> Result<Self, Error> {
        let signature = &function.sig;
        let name = signature.ident.clone();
        if signature.asyncness.is_none() {
            return Err(mistake::at(signature.fn_token, mistake::NOT_ASYNC));
        }
        // A lifetime is no type, but what is borrowed comes over no wire either.
        let is_type = |param: &&GenericParam| !matches!(param, GenericParam::Lifetime(_));
        if let Some(param) = signature.generics.params.iter().find(is_type) {
            return Err(mistake::at(param, mistake::GENERIC_METHOD));
        }
        if let Some(lifetime) = signature.generics.params.first() {
            return Err(mistake::at(lifetime, mistake::REFERENCE));
        }
        if let Some(clause) = &signature.generics.where_clause {
            return Err(mistake::at(clause, mistake::GENERIC_METHOD));
        }
        if ["new", "with_format"].iter().any(|taken| name == taken) {
            return Err(mistake::at(name, mistake::TAKEN));
        }
        if name == "clone" {
            return Err(mistake::at(name, mistake::CLONE));
        }
        let mut inputs = signature.inputs.iter();
        match inputs.next() {
            Some(FnArg::Receiver(receiver)) => check_receiver(receiver)?,
            _ => return Err(mistake::at(&signature.ident, mistake::NO_SELF)),
        }
        let mut arguments = Vec::new();
        for input in inputs {
            let FnArg::Typed(typed) = input else {
                unreachable!("the parser has one receiver at most, and it is first")
            };
            let Pat::Ident(pattern) = &*typed.pat else {
                return Err(mistake::at(&typed.pat, mistake::PATTERN));
            };
            let item = item_of(&typed.ty)?;
            check_bounds(&typed.ty)?;
            if item.is_some() && arguments.iter().any(|argument: &Argument| argument.item.is_some()) {
                return Err(mistake::at(&typed.ty, mistake::SECOND_STREAM));
            }
            arguments.push(Argument { name: pattern.ident.clone(), written: (*typed.ty).clone(), item });
        }
        if let Some(argument) = arguments.iter().filter(|argument| argument.item.is_none()).nth(ARGUMENTS_MAX)
        {
            return Err(mistake::at(&argument.name, mistake::TOO_MANY));
        }
        let bare = |name: &Ident| name.to_string().trim_start_matches("r#").to_owned();
        let full_name = format!("{}.{}", bare(of), bare(&name));
        let kept = |attribute: &&Attribute| {
            ["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name))
        };
        let mut attributes: Vec<_> = function.attrs.iter().filter(kept).cloned().collect();
        attributes.extend(lints(&function.attrs));
        Ok(Self { name, full_name, arguments, returns: Returns::parse(&signature.output)?, attributes })
    }

    /// The argument that is a stream.
    pub(crate) fn stream(&self) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.item.is_some())
    }

    /// Those that are not.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Ident> {
        self.arguments.iter().filter(|argument| argument.item.is_none()).map(|argument| &argument.name)
    }

    /// What it is on the wire: FNV-1a of 64 bits, as ekiden-rpc has it.
    pub(crate) fn id(&self) -> u64 {
        self.full_name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The same as it is written. A number is in nobody's way, where the name of a constant is in that of an argument.
    pub(crate) fn number(&self) -> LitInt {
        LitInt::new(&format!("{:#018x}", self.id()), Span::call_site())
    }

    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }
}

impl Returns {
    fn parse(output: &ReturnType) -> Result<Self, Error> {
        let ReturnType::Type(_, written) = output else { return Ok(Self::Value(quote::quote!(()))) };
        if let Type::ImplTrait(stream) = &**written {
            return Ok(Self::Items(item_of_stream(stream)?.into()));
        }
        if let Some((Type::ImplTrait(stream), error)) = result_of(written) {
            return Ok(Self::TryItems([item_of_stream(stream)?, data(error)?].into()));
        }
        Ok(Self::Value(data(written)?.into_token_stream()))
    }
}

/// What the compiler is to say, or not to say, of what is written beside the trait too. What was expected of the one need not
/// come true of the other, so it is only allowed there.
pub(crate) fn lints(attributes: &[Attribute]) -> impl Iterator<Item = Attribute> {
    let is_lint = |attribute: &&Attribute| {
        ["allow", "expect", "warn", "deny"].iter().any(|level| attribute.path().is_ident(level))
    };
    attributes.iter().filter(is_lint).cloned().map(|mut attribute| {
        if let Meta::List(list) = &mut attribute.meta
            && list.path.is_ident("expect")
        {
            list.path = Ident::new("allow", list.path.span()).into();
        }
        attribute
    })
}

/// `&self`, and nothing else of that kind.
fn check_receiver(receiver: &Receiver) -> Result<(), Error> {
    let is_plain = matches!(receiver.kind, ReceiverKind::Reference(_, None, None));
    if is_plain { Ok(()) } else { Err(mistake::at(receiver, mistake::OTHER_SELF)) }
}

/// What the items of an argument are, if it is a stream.
fn item_of(written: &Type) -> Result<Option<Type>, Error> {
    match written {
        Type::ImplTrait(stream) => item_of_stream(stream).map(Some),
        other => data(other).map(|_| None),
    }
}

/// `impl Stream<Item = T>`, by whatever path, and with whatever further bounds.
fn item_of_stream(stream: &TypeImplTrait) -> Result<Type, Error> {
    let arguments = stream.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().filter(|last| last.ident == "Stream").map(|last| &last.arguments)
        }
        _ => None,
    });
    let Some(arguments) = arguments else { return Err(mistake::at(stream, mistake::OTHER_IMPL)) };
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return Err(mistake::at(stream, mistake::NO_ITEM));
    };
    let item = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(named) if named.ident == "Item" => Some(&named.ty),
        _ => None,
    });
    data(item.ok_or_else(|| mistake::at(stream, mistake::NO_ITEM))?)
}

/// A stream that a method takes is ours, and stays on its core.
fn check_bounds(written: &Type) -> Result<(), Error> {
    let Type::ImplTrait(stream) = written else { return Ok(()) };
    let threads = stream.bounds.iter().find(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|last| last.ident == "Send" || last.ident == "Sync")
        }
        _ => false,
    });
    threads.map_or(Ok(()), |bound| Err(mistake::at(bound, mistake::THREADS)))
}

/// The two types in `Result<T, E>`, by whatever path.
fn result_of(written: &Type) -> Option<(&Type, &Type)> {
    let Type::Path(path) = written else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(written) => Some(written),
        _ => None,
    });
    Some((types.next()?, types.next()?))
}

/// A type that may be data: without what cannot go over a wire, however deep it is.
fn data(written: &Type) -> Result<Type, Error> {
    check_tokens(written.to_token_stream(), written)?;
    Ok(written.clone())
}

fn check_tokens(tokens: TokenStream, written: &Type) -> Result<(), Error> {
    for token in tokens {
        match token {
            TokenTree::Group(group) => check_tokens(group.stream(), written)?,
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                return Err(mistake::at(written, mistake::REFERENCE));
            }
            TokenTree::Ident(word) if word == "impl" => {
                return Err(mistake::at(written, mistake::STREAM_WITHIN));
            }
            TokenTree::Ident(word) if word == "Self" => return Err(mistake::at(word, mistake::SELF_TYPE)),
            _ => {}
        }
    }
    Ok(())
}

/// As many as `ArgumentList` of ekiden-rpc has.
const ARGUMENTS_MAX: usize = 12;
