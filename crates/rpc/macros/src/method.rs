//! One function of the trait, taken apart: [`Method`].

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, Pat, PathArguments, Receiver,
    ReceiverKind, ReturnType, TraitItemFn, Type, TypeImplTrait, TypeParamBound,
};

use crate::mistake;

pub(crate) struct Method {
    pub(crate) name: Ident,
    /// `Trait.method`, which is what the number on the wire is made of.
    pub(crate) full_name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Returns,
    /// Those that are the client's method's, too: its documentation, and whether it is there or should be used.
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
        let attributes = function.attrs.iter().filter(kept).cloned().collect();
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
            _ => {}
        }
    }
    Ok(())
}

/// As many as `ArgumentList` of ekiden-rpc has.
const ARGUMENTS_MAX: usize = 12;
