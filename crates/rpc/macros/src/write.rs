//! What is made of a trait: itself, a client that has its methods, a server that calls them.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use crate::interface::Interface;
use crate::method::{Method, Returns};

pub(crate) fn all(interface: &Interface) -> TokenStream {
    let written = &interface.written;
    let names = Names::new(interface);
    let (client, server) = (client(interface, &names), server(interface, &names));
    quote! {
        #[allow(async_fn_in_trait, reason = "a service stays on its core, so nobody asks whether its futures are `Send`")]
        #written
        #client
        #server
    }
}

/// Names that are written beside those of the user's.
struct Names {
    client: Ident,
    server: Ident,
    /// Parameters of the types, which are in the way of no type that the trait names.
    service: Ident,
    implementor: Ident,
    format: Ident,
    // Local to a function, where the compiler keeps them apart by itself.
    request: Ident,
    response: Ident,
    items: Ident,
    guard: Ident,
    shared: Ident,
    called: Ident,
}

impl Names {
    fn new(interface: &Interface) -> Self {
        let name = interface.name();
        let local = |name| Ident::new(name, Span::mixed_site());
        let free = |name: &str| {
            let mut name = name.to_owned();
            while mentions(interface.written.to_token_stream(), &name) {
                name.push('_');
            }
            Ident::new(&name, Span::call_site())
        };
        Self {
            client: format_ident!("{name}Client"),
            server: format_ident!("{name}Server"),
            service: free("S"),
            implementor: free("T"),
            format: free("F"),
            request: local("request"),
            response: local("response"),
            items: local("items"),
            guard: local("guard"),
            shared: local("service"),
            called: local("method"),
        }
    }
}

fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

fn client(interface: &Interface, names: &Names) -> TokenStream {
    let Interface { home, .. } = interface;
    let (visibility, conditions, lints) = (interface.visibility(), interface.conditions(), interface.lints());
    let Names { client, service, format, .. } = names;
    let docs = format!(" Calls the methods of [`{}`] over any service of such calls.", interface.name());
    let methods = interface.methods.iter().map(|method| client_method(method, home, visibility, names));
    quote! {
        #(#conditions)*
        #[doc = #docs]
        #[allow(dead_code, reason = "not every program calls")]
        #[derive(Clone, Debug)]
        #visibility struct #client<#service, #format = #home::MessagePack> {
            service: #service,
            format: #home::generated::PhantomData<#format>,
        }

        #(#conditions)*
        #[allow(dead_code, reason = "not every program uses all of it")]
        impl<#service> #client<#service> {
            /// Calls over `service`, a connection or what is around one.
            #visibility const fn new(service: #service) -> Self {
                Self::with_format(service)
            }
        }

        #(#conditions)*
        #[allow(dead_code, reason = "not every program uses all of it")]
        impl<#service, #format> #client<#service, #format> {
            /// Calls over `service`, in a format of your choice.
            #visibility const fn with_format(service: #service) -> Self {
                Self { service, format: #home::generated::PhantomData }
            }
        }

        #(#conditions)*
        #(#lints)*
        #[allow(dead_code, reason = "not every program uses all of it")]
        impl<#service, #format> #client<#service, #format>
        where
            #service: #home::Service<Req = #home::Request, Resp = #home::Response>,
            #service::Error: From<#home::Error>,
            #format: #home::Format,
        {
            #(#methods)*
        }
    }
}

fn client_method(
    method: &Method,
    home: &TokenStream,
    visibility: &syn::Visibility,
    names: &Names,
) -> TokenStream {
    let Method { name, full_name, attributes, .. } = method;
    let Names { service, format, request, response, called, .. } = names;
    let (here, home) = (place(name), located(home, name));
    let arguments = method.arguments.iter().map(|argument| {
        let (name, written) = (&argument.name, &argument.written);
        match (&argument.item, written) {
            // It is sent when its caller's future is gone: by a task.
            (Some(_), Type::ImplTrait(stream)) => {
                let bounds = &stream.bounds;
                quote_spanned!(here=> #name: impl #bounds + 'static)
            }
            _ => quote_spanned!(here=> #name: #written),
        }
    });
    let values = tuple(method.values(), here);
    let with_items = method.stream().map(|stream| {
        let items = &stream.name;
        quote_spanned!(here=> .with_items::<#format, _>(#items))
    });
    let (returns, answer) = match &method.returns {
        Returns::Value(value) => (
            quote_spanned!(here=> #value),
            quote_spanned!(here=> #home::generated::result::<#format, _>(#called, &#response)),
        ),
        Returns::Items(item) => (
            quote_spanned!(here=> #home::Streaming<#item, #format>),
            quote_spanned!(here=> #home::generated::items::<#format, _>(#called, #response)),
        ),
        Returns::TryItems(types) => {
            let [item, error] = &**types;
            (
                quote_spanned!(here=> #home::generated::Result<#home::Streaming<#item, #format>, #error>),
                quote_spanned!(here=> #home::generated::try_items::<#format, _, _>(#called, #response)),
            )
        }
    };
    let docs = (!attributes.iter().any(|attribute| attribute.path().is_ident("doc"))).then(|| {
        let docs = format!(" Calls `{full_name}`.");
        quote!(#[doc = #docs])
    });
    quote_spanned! {here=>
        #docs
        #(#attributes)*
        #visibility async fn #name(&self, #(#arguments),*) -> #home::generated::Result<#returns, #service::Error> {
            let #called = const { #home::Method::new(#full_name) };
            let #request = #home::generated::request::<#format, _>(#called, #values)?#with_items;
            let #response = #home::Service::call(&self.service, #request).await?;
            #home::generated::Result::Ok(#answer?)
        }
    }
}

fn server(interface: &Interface, names: &Names) -> TokenStream {
    let Interface { home, methods, .. } = interface;
    let (name, visibility, conditions) = (interface.name(), interface.visibility(), interface.conditions());
    let lints = interface.lints();
    let Names { server, implementor, format, request, .. } = names;
    let docs = format!(" Has whoever implements [`{name}`] called: a service of such calls.");
    let list = methods.iter().map(|method| {
        let (conditions, full_name) = (method.conditions(), &method.full_name);
        quote!(#(#conditions)* #home::Method::new(#full_name))
    });
    let arms = methods.iter().map(|method| server_arm(interface, method, names));
    quote! {
        #(#conditions)*
        #[doc = #docs]
        #[allow(dead_code, reason = "not every program serves")]
        #visibility struct #server<#implementor, #format = #home::MessagePack> {
            service: #home::generated::Rc<#implementor>,
            format: #home::generated::PhantomData<#format>,
        }

        #(#conditions)*
        #[allow(dead_code, reason = "not every program uses all of it")]
        impl<#implementor> #server<#implementor> {
            /// What it serves, for a `Router`.
            #visibility const METHODS: &'static [#home::Method] = &[#(#list),*];

            /// Has `service` called.
            #visibility fn new(service: #implementor) -> Self {
                Self::with_format(service)
            }
        }

        #(#conditions)*
        #[allow(dead_code, reason = "not every program uses all of it")]
        impl<#implementor, #format> #server<#implementor, #format> {
            /// Has `service` called, in a format of your choice.
            #visibility fn with_format(service: #implementor) -> Self {
                Self { service: #home::generated::Rc::new(service), format: #home::generated::PhantomData }
            }
        }

        #(#conditions)*
        #(#lints)*
        #[allow(deprecated, reason = "what is better not called any more is served all the same")]
        impl<#implementor, #format> #home::Service for #server<#implementor, #format>
        where
            #implementor: #name + 'static,
            #format: #home::Format,
        {
            type Req = #home::Request;
            type Resp = #home::Response;
            type Error = #home::Error;

            // No async function: that would keep the room of its argument beside what has become of it.
            fn call(
                &self,
                mut #request: #home::Request,
            ) -> impl #home::generated::Future<Output = #home::generated::Result<#home::Response, #home::Error>> {
                async move {
                    match #request.method().id() {
                        #(#arms)*
                        _ => #home::generated::Result::Err(#home::Error::unknown_method(#request.method())),
                    }
                }
            }
        }
    }
}

/// How a call of one method is answered.
fn server_arm(interface: &Interface, called: &Method, names: &Names) -> TokenStream {
    let Interface { home, .. } = interface;
    let trait_name = interface.name();
    let Method { name, arguments, .. } = called;
    let Names { implementor, format, request, response, items, guard, shared, .. } = names;
    let (here, home) = (place(name), located(home, name));
    let (conditions, number) = (called.conditions(), called.number());
    let values = tuple(called.values(), here);
    let take_items = called.stream().map(|stream| {
        let (items, item) = (&stream.name, &stream.item);
        // Bound first, so that an argument of this name is not in the way.
        quote_spanned! {here=>
            let (#items, #guard) = #request.take_items::<#format, #item>();
        }
    });
    let arguments: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let call =
        |of: TokenStream| quote_spanned!(here=> <#implementor as #trait_name>::#name(#of, #(#arguments),*));
    let answer = match &called.returns {
        Returns::Value(_) => {
            let call = call(quote_spanned!(here=> &self.service));
            let call = match called.stream() {
                Some(_) => quote_spanned!(here=> #guard.wait(#call).await?),
                None => quote_spanned!(here=> #call.await),
            };
            // The method is asked for afterwards, so that nothing is kept of it meanwhile.
            quote_spanned! {here=>
                let #response = #call;
                #home::generated::response::<#format, _>(#request.method(), &#response)
            }
        }
        Returns::Items(_) | Returns::TryItems(..) => {
            let send = match called.returns {
                Returns::TryItems(..) => quote_spanned!(here=> try_send),
                _ => quote_spanned!(here=> send),
            };
            let call = call(quote_spanned!(here=> &#shared));
            let guard = match called.stream() {
                Some(_) => quote_spanned!(here=> #home::generated::Some(#guard)),
                None => quote_spanned!(here=> #home::generated::None),
            };
            quote_spanned! {here=>
                let #shared = #home::generated::Rc::clone(&self.service);
                let call = move |#items: #home::generated::Sender<#format>| async move {
                    #items.#send(#call.await).await
                };
                #home::generated::stream(#request.method(), #guard, call).await
            }
        }
    };
    quote_spanned! {here=>
        #(#conditions)*
        #number => {
            let #values = #home::generated::arguments::<#format, _>(&mut #request)?;
            #take_items
            #answer
        }
    }
}

/// Where the compiler says what is wrong with what is made of a method: at its name.
fn place(name: &Ident) -> Span {
    Span::call_site().located_at(name.span())
}

/// The same tokens at that place.
fn located(tokens: &TokenStream, name: &Ident) -> TokenStream {
    let located = |mut token: TokenTree| {
        token.set_span(token.span().located_at(name.span()));
        token
    };
    tokens.clone().into_iter().map(located).collect()
}

/// A tuple of as many as there are.
fn tuple<'a>(names: impl Iterator<Item = &'a Ident>, here: Span) -> TokenStream {
    let names = names.map(|name| quote_spanned!(here=> #name,));
    quote_spanned!(here=> (#(#names)*))
}
