//! Modules: what was added to the server.

use bytes::Bytes;

use crate::commands::table::{commands, options, records};
use crate::{ToArg, ToArgs};

commands! { server_module_methods;
    /// The modules that are loaded.
    ///
    /// Redis 4.0.
    Reads "MODULE LIST" module_list() -> Vec<Module>;

    /// Loads a module of a file of the server's, with arguments of its own; `()` is none.
    ///
    /// Redis 4.0.
    Writes "MODULE LOAD" module_load(path: impl ToArg, arguments: impl ToArgs) -> ();

    /// Loads a module of a file of the server's. [`ModuleLoadex`] has its parameters and its arguments.
    ///
    /// Redis 7.0.
    Writes "MODULE LOADEX" module_loadex(path: impl ToArg) -> () as ModuleLoadex;

    /// Takes a module away. An error if there is none of that name, or it cannot go.
    ///
    /// Redis 4.0.
    Writes "MODULE UNLOAD" module_unload(name: impl ToArg) -> ();
}

options! {
    /// [`module_loadex`] with its options, the arguments last.
    ModuleLoadex -> () {
        /// A parameter of its configuration.
        config(name: impl ToArg, value: impl ToArg) = "CONFIG", name, value;
        /// Its arguments.
        args(arguments: impl ToArgs) = "ARGS", arguments;
    }
}

records! {
    /// A module, of [`module_list`].
    Module {
        /// Its name.
        name: String = "name",
        /// Its version.
        version: i64 = "ver",
        /// Its file. Redis 7.0.
        path: Option<String> = "path",
        /// Its arguments. Redis 7.0.
        args: Option<Vec<Bytes>> = "args",
    }
}
