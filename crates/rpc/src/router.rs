//! Several traits at one server: a [`Router`] asks for each call the service that has its method.

use ekiden_service::{Service, Status};

use crate::error::Error;
use crate::message::{Request, Response};
use crate::method::Method;

/// A service that has the methods of several.
///
/// Each is added with the methods that it has, which for the servers that `#[ekiden::rpc]` makes are their `METHODS`; so a
/// middleware may be around one of them.
///
/// ```
/// # mod ekiden { pub use ekiden_rpc as rpc; }
/// # use ekiden_service as service;
/// use ekiden_rpc::Router;
///
/// #[ekiden_rpc::rpc(crate = ekiden_rpc)]
/// trait Clock {
///     async fn now(&self) -> u64;
/// }
///
/// #[ekiden_rpc::rpc(crate = ekiden_rpc)]
/// trait Library {
///     async fn shelves(&self) -> Vec<String>;
/// }
///
/// struct House;
///
/// impl Clock for House {
///     async fn now(&self) -> u64 {
///         1_800_000_000
///     }
/// }
///
/// impl Library for House {
///     async fn shelves(&self) -> Vec<String> {
///         vec!["poetry".to_owned()]
///     }
/// }
///
/// # ekiden_reactor::run(async {
/// let house = Router::new()
///     .with(ClockServer::<House>::METHODS, ClockServer::new(House))
///     .with(LibraryServer::<House>::METHODS, LibraryServer::new(House));
/// // A server needs no wire: here the clients ask it as it is.
/// assert_eq!(ClockClient::new(&house).now().await?, 1_800_000_000);
/// assert_eq!(LibraryClient::new(&house).shelves().await?, ["poetry"]);
/// # Ok::<_, ekiden_rpc::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Router<First = NoService, Rest = NoService> {
    methods: &'static [Method],
    first: First,
    rest: Rest,
}

/// Has no methods.
#[derive(Clone, Copy, Debug)]
pub struct NoService;

/// What can be asked which methods it has.
pub trait Routes: Service<Req = Request, Resp = Response, Error = Error> {
    #[doc(hidden)]
    fn has(&self, method: Method) -> bool;
}

impl Router {
    /// One that has no methods yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { methods: &[], first: NoService, rest: NoService }
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl<First, Rest> Router<First, Rest>
where
    Self: Routes,
{
    /// The same, and the methods of `service`.
    ///
    /// # Panics
    ///
    /// If one of them is there already: a trait was added twice, or two names have the same number, and one of the two
    /// methods has to be renamed.
    #[must_use]
    #[track_caller]
    pub fn with<S>(self, methods: &'static [Method], service: S) -> Router<S, Self>
    where
        S: Service<Req = Request, Resp = Response, Error = Error>,
    {
        if let Some(method) = methods.iter().find(|method| self.has(**method)) {
            panic!("{method} is served twice");
        }
        Router { methods, first: service, rest: self }
    }
}

impl<First, Rest> Service for Router<First, Rest>
where
    First: Service<Req = Request, Resp = Response, Error = Error>,
    Rest: Routes,
{
    type Req = Request;
    type Resp = Response;
    type Error = Error;

    async fn call(&self, request: Request) -> Result<Response, Error> {
        if self.methods.contains(&request.method) {
            self.first.call(request).await
        } else {
            self.rest.call(request).await
        }
    }

    /// The best of all: some of the methods may be served.
    fn status(&self) -> Status {
        self.first.status().max(self.rest.status())
    }
}

impl<First, Rest> Routes for Router<First, Rest>
where
    First: Service<Req = Request, Resp = Response, Error = Error>,
    Rest: Routes,
{
    fn has(&self, method: Method) -> bool {
        self.methods.contains(&method) || self.rest.has(method)
    }
}

impl Service for NoService {
    type Req = Request;
    type Resp = Response;
    type Error = Error;

    async fn call(&self, request: Request) -> Result<Response, Error> {
        Err(Error::unknown_method(request.method))
    }

    fn status(&self) -> Status {
        Status::Closed
    }
}

impl Routes for NoService {
    fn has(&self, _method: Method) -> bool {
        false
    }
}
