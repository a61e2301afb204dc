//! The macros in which commands are written down: [`commands!`] for a group, [`options!`] for those with options,
//! [`records!`] for answers that name their parts.
//!
//! They only save writing the same four lines some three hundred times. What a command does, asks and answers stands
//! where they are used.

/// A group of commands: of each its effect, its words on the wire, and a function that makes it.
///
/// ```text
/// commands! { string_methods;
///     /// The value of a key.
///     Reads "GET" get<V>(key: impl ToArg) -> Option<V>;
///     /// Sets a key.
///     Writes "SET" set(key: impl ToArg, value: impl ToArg) -> () as Set<()>;
///     /// As many as there are.
///     Reads "LPOP" lpop<V>(key: impl ToArg, count: u64) -> Vec<V> = Command::new("LPOP").arg(key)…;
/// }
/// ```
///
/// Makes of each line a function, whose arguments follow the words unless `=` says otherwise, and which makes a
/// [`Typed`](crate::Typed), or what `as` says if there are options; the macro `string_methods!` with the same as
/// methods of [`Commands`](super::Commands); and a table of effects, `EFFECTS`. Type parameters are what an answer
/// becomes.
macro_rules! commands {
    ($methods:ident; $(
        $(#[$meta:meta])*
        $effect:ident $words:literal $name:ident $(<$($generic:ident),+>)? ($($arg:ident: $type:ty),* $(,)?)
            -> $answer:ty $(as $options:ty)? $(= $command:expr)?;
    )*) => {
        $(
            $(#[$meta])*
            pub fn $name $(<$($generic: $crate::FromValue),+>)? (
                $($arg: $type),*
            ) -> $crate::commands::table::commands!(@made $answer $(, $options)?) {
                From::from($crate::commands::table::commands!(@command $words, [$($arg)*] $(, $command)?))
            }
        )*

        pub(in $crate::commands) const EFFECTS: &[(&str, $crate::commands::Effect)] =
            &[$(($words, $crate::commands::Effect::$effect)),*];

        macro_rules! $methods {
            () => {
                $(
                    $(#[$meta])*
                    fn $name $(<$($generic: $crate::FromValue),+>)? (
                        &self,
                        $($arg: $type),*
                    ) -> impl Future<Output = Result<$answer, Self::Error>> {
                        self.ask($crate::commands::$name($($arg),*))
                    }
                )*
            };
        }
        pub(in $crate::commands) use $methods;
    };

    (@made $answer:ty) => { $crate::Typed<$answer> };
    (@made $answer:ty, $options:ty) => { $options };
    (@command $words:literal, [$($arg:ident)*]) => { $crate::Command::new($words)$(.arg($arg))* };
    (@command $words:literal, [$($arg:ident)*], $command:expr) => { $command };
}

/// Commands with options: of each a type, whose methods add an option each.
///
/// ```text
/// options! {
///     /// [`getex`] with its options.
///     Getex<V> -> Option<V> {
///         /// Expires in so many seconds.
///         ex(seconds: u64) = "EX", seconds;
///     }
/// }
/// ```
///
/// Options are added at the end, or, with `at 2` behind the name, in front of the argument with that index. The
/// answer becomes its type by [`FromValue`](crate::FromValue), or by the function behind `=`.
macro_rules! options {
    ($(
        $(#[$meta:meta])*
        $name:ident $(<$generic:ident>)? $(at $at:literal)? -> $answer:ty $(= $convert:path)? {$(
            $(#[$option_meta:meta])*
            $option:ident($($arg:ident: $type:ty),*) = $($part:expr),+;
        )*}
    )*) => {$(
        $(#[$meta])*
        #[must_use = "a command does nothing until it is sent"]
        #[derive(Clone, Debug)]
        pub struct $name $(<$generic>)? {
            command: $crate::Command,
            /// In front of which argument the next option belongs; at the end if that is the maximum.
            at: usize,
            $(answer: std::marker::PhantomData<fn() -> $generic>,)?
        }

        impl $(<$generic>)? $name $(<$generic>)? {
            $(
                $(#[$option_meta])*
                pub fn $option(self, $($arg: $type),*) -> Self {
                    self$(.with($part))+
                }
            )*

            #[allow(dead_code, reason = "some have options that only change the answer")]
            fn with(mut self, option: impl $crate::ToArgs) -> Self {
                if self.at == usize::MAX {
                    self.command = self.command.arg(option);
                    return self;
                }
                let before = self.command.len();
                self.command = self.command.insert(self.at, option);
                self.at += self.command.len() - before;
                self
            }

            $(
                /// The same command with another answer.
                #[allow(dead_code, reason = "some have no option that changes the answer")]
                fn answering<Other>(self: $name<$generic>) -> $name<Other> {
                    $name { command: self.command, at: self.at, answer: std::marker::PhantomData }
                }
            )?
        }

        impl $(<$generic>)? From<$crate::Command> for $name $(<$generic>)? {
            fn from(command: $crate::Command) -> Self {
                Self {
                    command,
                    at: $crate::commands::table::options!(@at $($at)?),
                    $(answer: std::marker::PhantomData::<fn() -> $generic>,)?
                }
            }
        }

        impl $(<$generic: $crate::FromValue>)? $crate::IntoTyped for $name $(<$generic>)? {
            type Answer = $answer;

            fn into_typed(self) -> $crate::Typed<$answer> {
                self.command.typed_with($crate::commands::table::options!(@convert $answer $(, $convert)?))
            }
        }
    )*};

    (@at) => { usize::MAX };
    (@at $at:literal) => { $at };
    (@convert $answer:ty) => { <$answer as $crate::FromValue>::from_value };
    (@convert $answer:ty, $convert:path) => { $convert };
}

/// Answers that name their parts: structs, of each field the name on the wire.
///
/// A part that the server leaves out is nil, so that it must be an `Option`, or it is an error.
macro_rules! records {
    ($(
        $(#[$meta:meta])*
        $name:ident {$(
            $(#[$field_meta:meta])*
            $field:ident: $type:ty = $key:literal,
        )*}
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {$(
            $(#[$field_meta])*
            pub $field: $type,
        )*}

        impl $crate::FromValue for $name {
            fn from_value(value: $crate::Value) -> Result<Self, $crate::Error> {
                let mut record = $crate::commands::record::Record::from_value(value)?;
                Ok(Self { $($field: record.take($key)?,)* })
            }
        }
    )*};
}

pub(super) use {commands, options, records};
