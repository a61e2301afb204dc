//! What is made of a trait: itself, a client that has its methods, a server that calls them.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
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
    let (visibility, conditions) = (interface.visibility(), interface.conditions());
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
    let Names { service, format, request, response, .. } = names;
    let arguments = method.arguments.iter().map(|argument| {
        let (name, written) = (&argument.name, &argument.written);
        match (&argument.item, written) {
            // It is sent when its caller's future is gone: by a task.
            (Some(_), Type::ImplTrait(stream)) => {
                let bounds = &stream.bounds;
                quote!(#name: impl #bounds + 'static)
            }
            _ => quote!(#name: #written),
        }
    });
    let values = tuple(method.values());
    let with_items = method.stream().map(|stream| {
        let items = &stream.name;
        quote!(.with_items::<#format, _>(#items))
    });
    let (returns, answer) = match &method.returns {
        Returns::Value(value) => {
            (quote!(#value), quote!(#home::generated::result::<#format, _>(METHOD, &#response)))
        }
        Returns::Items(item) => (
            quote!(#home::Streaming<#item, #format>),
            quote!(#home::generated::items::<#format, _>(METHOD, #response)),
        ),
        Returns::TryItems(types) => {
            let [item, error] = &**types;
            (
                quote!(#home::generated::Result<#home::Streaming<#item, #format>, #error>),
                quote!(#home::generated::try_items::<#format, _, _>(METHOD, #response)),
            )
        }
    };
    let docs = (!attributes.iter().any(|attribute| attribute.path().is_ident("doc"))).then(|| {
        let docs = format!(" Calls `{full_name}`.");
        quote!(#[doc = #docs])
    });
    quote! {
        #docs
        #(#attributes)*
        #visibility async fn #name(&self, #(#arguments),*) -> #home::generated::Result<#returns, #service::Error> {
            const METHOD: #home::Method = #home::Method::new(#full_name);
            let #request = #home::generated::request::<#format, _>(METHOD, #values)?#with_items;
            let #response = #home::Service::call(&self.service, #request).await?;
            #home::generated::Result::Ok(#answer?)
        }
    }
}

fn server(interface: &Interface, names: &Names) -> TokenStream {
    let Interface { home, methods, .. } = interface;
    let (name, visibility, conditions) = (interface.name(), interface.visibility(), interface.conditions());
    let Names { server, implementor, format, request, .. } = names;
    let docs = format!(" Has whoever implements [`{name}`] called: a service of such calls.");
    let list = methods.iter().map(|method| {
        let (conditions, full_name) = (method.conditions(), &method.full_name);
        quote!(#(#conditions)* #home::Method::new(#full_name))
    });
    let numbers = methods.iter().map(|method| {
        let (conditions, full_name, constant) = (method.conditions(), &method.full_name, constant(method));
        quote!(#(#conditions)* const #constant: u64 = #home::Method::new(#full_name).id();)
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
                #(#numbers)*
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
    let (conditions, constant) = (called.conditions(), constant(called));
    let values = tuple(called.values());
    let take_items = called.stream().map(|stream| {
        let (items, item) = (&stream.name, &stream.item);
        // Bound first, so that an argument of this name is not in the way.
        quote! {
            let (#items, #guard) = #request.take_items::<#format, #item>();
        }
    });
    let arguments: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let call = |of: TokenStream| quote!(<#implementor as #trait_name>::#name(#of, #(#arguments),*));
    let answer = match &called.returns {
        Returns::Value(_) => {
            let call = call(quote!(&self.service));
            let call = match called.stream() {
                Some(_) => quote!(#guard.wait(#call).await?),
                None => quote!(#call.await),
            };
            // The method is asked for afterwards, so that nothing is kept of it meanwhile.
            quote! {
                let #response = #call;
                #home::generated::response::<#format, _>(#request.method(), &#response)
            }
        }
        Returns::Items(_) | Returns::TryItems(..) => {
            let send = match called.returns {
                Returns::TryItems(..) => quote!(try_send),
                _ => quote!(send),
            };
            let call = call(quote!(&#shared));
            let guard = match called.stream() {
                Some(_) => quote!(#home::generated::Some(#guard)),
                None => quote!(#home::generated::None),
            };
            quote! {
                let #shared = #home::generated::Rc::clone(&self.service);
                let call = move |#items: #home::generated::Sender<#format>| async move {
                    #items.#send(#call.await).await
                };
                #home::generated::stream(#request.method(), #guard, call).await
            }
        }
    };
    quote! {
        #(#conditions)*
        #constant => {
            let #values = #home::generated::arguments::<#format, _>(&mut #request)?;
            #take_items
            #answer
        }
    }
}

/// The name in capitals.
fn constant(method: &Method) -> Ident {
    let name = method.name.to_string();
    Ident::new(&name.trim_start_matches("r#").to_uppercase(), Span::mixed_site())
}

/// A tuple of as many as there are.
fn tuple<'a>(names: impl Iterator<Item = &'a Ident>) -> TokenStream {
    let names = names.map(|name| quote!(#name,));
    quote!((#(#names)*))
}
