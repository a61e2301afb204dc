//! What the code that `#[ekiden::rpc]` writes calls: from arguments to requests and from responses to results at a client,
//! the other way round at a server.
//!
//! Public since that code is in other crates, and hidden since people should not need it: it may change with any version
//! of this crate and its macro, which are released together.

use ekiden_proto::multiplex::Body;
use futures_core::Stream;

use crate::error::{Error, ErrorKind};
use crate::format::{ArgumentList, Arguments, Data, Format};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::short::Payload;
use crate::stream::{Incoming, Items, Streaming, incoming, outgoing};

pub use core::future::Future;
pub use core::marker::PhantomData;
pub use core::option::Option::{None, Some};
pub use core::result::Result;
pub use std::rc::Rc;

pub use crate::stream::Sender;

/// A request with these arguments.
pub fn request<F: Format, A: ArgumentList>(method: Method, arguments: A) -> Result<Request, Error> {
    let arguments = Payload::encode::<F, _>(&Arguments(arguments))
        .map_err(|source| Error::of_method(ErrorKind::Unsendable, method, Some(source)))?;
    Ok(Request { method, format: F::CODE, arguments, items: Body::empty() })
}

impl Request {
    /// The same request, with a stream that is one of its arguments.
    #[doc(hidden)]
    #[must_use]
    pub fn with_items<F: Format, T: Data>(mut self, items: impl Stream<Item = T> + 'static) -> Self {
        self.items = Body::new(Items::<_, F>::new(items));
        self
    }

    /// The stream that is one of its arguments.
    #[doc(hidden)]
    pub fn take_items<F: Format, T: Data>(&mut self) -> (Incoming<T, F>, incoming::Guard) {
        Incoming::new(std::mem::take(&mut self.items), self.method)
    }
}

/// The result of a call.
pub fn result<F: Format, T: Data>(method: Method, response: &Response) -> Result<T, Error> {
    F::decode(&response.result).map_err(|source| Error::of_method(ErrorKind::BadAnswer, method, Some(source)))
}

/// The result of a method that returns a stream.
pub fn items<F: Format, T: Data>(method: Method, response: Response) -> Result<Streaming<T, F>, Error> {
    result::<F, ()>(method, &response)?;
    Ok(Streaming::new(response.items, method))
}

/// The result of a method that returns a stream or an error.
pub fn try_items<F: Format, T: Data, E: Data>(
    method: Method,
    response: Response,
) -> Result<Result<Streaming<T, F>, E>, Error> {
    let result = result::<F, Result<(), E>>(method, &response)?;
    Ok(result.map(|()| Streaming::new(response.items, method)))
}

/// The arguments of a request, which has none any more: a call keeps only what was made of them.
pub fn arguments<F: Format, A: ArgumentList>(request: &mut Request) -> Result<A, Error> {
    if request.format != F::CODE {
        let source = format!("they are in format {}, and the service reads {}", request.format, F::CODE);
        return Err(Error::bad_arguments(request.method, source));
    }
    let decoded = F::decode(&std::mem::take(&mut request.arguments));
    decoded
        .map(|Arguments(arguments)| arguments)
        .map_err(|source| Error::bad_arguments(request.method, source))
}

/// The response of a method that has returned.
pub fn response<F: Format, T: Data>(method: Method, result: &T) -> Result<Response, Error> {
    let result = Payload::encode::<F, _>(result)
        .map_err(|source| Error::of_method(ErrorKind::BadResult, method, Some(source)))?;
    Ok(Response { result, items: Body::empty() })
}

/// The response of a method that returns a stream: `call` calls it, and sends what it returns.
///
/// # Cancel safety
///
/// Dropping the future drops the call, as far as it has come.
pub fn stream<F: Format, C: Future<Output = ()> + 'static>(
    method: Method,
    guard: Option<incoming::Guard>,
    call: impl FnOnce(Sender<F>) -> C,
) -> impl Future<Output = Result<Response, Error>> {
    outgoing::respond(method, guard, call)
}
