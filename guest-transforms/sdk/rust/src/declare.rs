//! The macro with which a rule says what it is.

/// Makes a type the component's rule. Once in a crate, in one of two forms.
///
/// `transform!(NormalizeCdc);` names a type that implements [`Transform`](crate::Transform) and
/// makes its plan itself.
///
/// The longer form declares the plan, typed, beside the rule, and makes a struct of what is read
/// and one of what is written:
///
/// ```
/// use gristmill_guest::{Reject, RowTransform};
///
/// gristmill_guest::transform! {
///     Greet
///     reads User<'a> {
///         name: Option<&'a str>,
///         /// Named in the plan as the quoted text says: a document path, or a column whose name
///         /// is no Rust name.
///         language: &'a str = "value.after.lang",
///     }
///     joins greetings on language {
///         greeting: Option<&'a str>,
///     }
///     writes Greeting {
///         greeting: String,
///     }
///     rejects Refusal {
///         Nameless = "no-name",
///     }
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Greet {}
///
/// impl RowTransform for Greet {
///     fn row(&self, user: User) -> Result<Greeting, Reject> {
///         let name = user.name.ok_or_else(|| Refusal::Nameless.because("`name` is null"))?;
///         let usual = if user.language == "de" { "Hallo" } else { "Hello" };
///         let greeting = user.greeting.unwrap_or(usual);
///         Ok(Greeting { greeting: format!("{greeting}, {name}!") })
///     }
/// }
/// # fn main() {}
/// ```
///
/// - A rule without config is declared here, too: `struct Greet;` in the first line, which takes no
///   type and no derive of its own.
/// - Rows are written in this order. One that borrows texts names a lifetime, `User<'a>`; one of
///   numbers needs none. Types are those of [`value`](crate::value).
/// - `joins DIMENSION on COLUMN, .. { .. }` may be left out or repeated. The columns that are
///   joined on need not be read.
/// - `rejects` may be left out; it makes an enum whose codes have a method `because(message)`.
/// - `roles` makes the rule a normalizer, the first transform of a pipeline, and names columns that
///   it writes; `deleted` and `order` may be left out:
///
/// ```
/// # use gristmill_guest::{Declared, Reject, Roles, RowTransform, TimestampMs};
/// gristmill_guest::transform! {
///     NormalizeReading
///     reads Message {
///         sensor: Option<i64> = "value.sensor",
///         read_at: Option<TimestampMs> = "value.at",
///         sequence: Option<i64> = "value.seq",
///         celsius: Option<f64> = "value.celsius",
///     }
///     writes Reading {
///         sensor: i64,
///         read_at: TimestampMs,
///         sequence: Option<i64>,
///         celsius: Option<f64>,
///         is_gone: bool,
///     }
///     roles { key: [sensor], event_time: read_at, deleted: is_gone, order: [sequence] }
///     rejects Refusal { Incomplete = "incomplete" }
/// }
/// #
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct NormalizeReading {}
///
/// impl RowTransform for NormalizeReading {
///     fn row(&self, message: Message) -> Result<Reading, Reject> {
///         let Message { sequence, celsius, .. } = message;
///         let (Some(sensor), Some(read_at)) = (message.sensor, message.read_at) else {
///             return Err(Refusal::Incomplete.because("`sensor` or `at` is missing"));
///         };
///         Ok(Reading { sensor, read_at, sequence, celsius, is_gone: celsius.is_none() })
///     }
/// }
/// # fn main() {
/// # let roles = Roles::new(["sensor"], "read_at").deleted("is_gone").order("sequence");
/// # assert_eq!(NormalizeReading::declared().roles, Some(roles));
/// # }
/// ```
///
/// An event that makes no row, or several, takes a [`Transform`](crate::Transform).
#[macro_export]
macro_rules! transform {
    (struct $rule:ident; $($declared:tt)*) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        struct $rule;

        $crate::__no_config! { $rule }

        $crate::transform! { $rule $($declared)* }
    };
    (
        $rule:ident
        reads $(#[$in_meta:meta])* $In:ident $(<$in_lt:lifetime>)? {
            $($(#[$read_meta:meta])* $read:ident: $Read:ty $(= $path:literal)?),* $(,)?
        }
        $(joins $dimension:ident on $on:ident $(, $and:ident)* {
            $($(#[$take_meta:meta])* $take:ident: $Take:ty $(= $taken:literal)?),* $(,)?
        })*
        writes $(#[$out_meta:meta])* $Out:ident $(<$out_lt:lifetime>)? {
            $($(#[$write_meta:meta])* $write:ident: $Write:ty $(= $column:literal)?),* $(,)?
        }
        $(roles {
            key: [$($key:ident),+], event_time: $event_time:ident
            $(, deleted: $deleted:ident)? $(, order: [$($order:ident),+])? $(,)?
        })?
        $(rejects $Code:ident {
            $($(#[$code_meta:meta])* $code:ident = $text:literal),+ $(,)?
        })?
    ) => {
        $(#[$in_meta])*
        #[derive(Clone, Debug, PartialEq)]
        struct $In $(<$in_lt>)? {
            $($(#[$read_meta])* $read: $Read,)*
            $($($(#[$take_meta])* $take: $Take,)*)*
        }

        $(#[$out_meta])*
        #[derive(Clone, Debug, PartialEq)]
        struct $Out $(<$out_lt>)? {
            $($(#[$write_meta])* $write: $Write,)*
        }

        $crate::__read_row! {
            [$($in_lt)?] $In
            [$([$read] [$Read] [$($path)?])*]
            [$([$dimension] [$on $($and)*] [$([$take] [$Take] [$($taken)?])*])*]
        }

        $crate::__write_row! { [$($out_lt)?] $Out [$([$write] [$Write] [$($column)?])*] }

        $(
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            enum $Code {
                $($(#[$code_meta])* $code),+
            }

            impl $Code {
                /// Refuses a row, with one sentence for a person: what is wrong with which value.
                fn because(
                    self,
                    message: impl ::std::convert::Into<::std::string::String>,
                ) -> $crate::Reject {
                    let code = match self {
                        $(Self::$code => $text),+
                    };
                    $crate::Reject { code, message: message.into() }
                }
            }
        )?

        impl $crate::Declared for $rule {
            $crate::__row_type! { Input $In $($in_lt)? }
            $crate::__row_type! { Output $Out $($out_lt)? }

            $(const IS_NORMALIZER: bool = !stringify!($event_time).is_empty();)?

            fn declared() -> $crate::Plan {
                let plan = <Self::Input<'_> as $crate::ReadRow<'_>>::declare($crate::Plan::new());
                let plan = <Self::Output<'_> as $crate::WriteRow>::declare(plan);
                $(
                    let roles = $crate::Roles::new([$(stringify!($key)),+], stringify!($event_time))
                        $(.deleted(stringify!($deleted)))?
                        $($(.order(stringify!($order)))+)?;
                    let plan = plan.roles(roles);
                )?
                plan$(.rejects([$($text),+]))?
            }
        }

        $crate::transform! { $rule }
    };
    ($rule:ty) => {
        /// The rule as the host calls it. Public, so that a benchmark can link the rule natively
        /// and compare.
        #[doc(hidden)]
        #[allow(unreachable_pub, reason = "a rule may stand in a private module")]
        pub struct __Component;

        const _: () = {
            ::std::thread_local! {
                static RULE: $crate::export::Slot<$rule> = const { $crate::export::Slot::new() };
            }

            impl $crate::export::Guest for __Component {
                fn describe() -> $crate::export::Description {
                    $crate::export::describe::<$rule>(
                        env!("CARGO_PKG_NAME"),
                        env!("CARGO_PKG_VERSION"),
                        // The first words of the rule's own documentation, where
                        // `gristmill transform build` has found them.
                        match option_env!("GRISTMILL_SUMMARY") {
                            Some(summary) => summary,
                            None => env!("CARGO_PKG_DESCRIPTION"),
                        },
                    )
                }

                fn open(
                    config: ::std::string::String,
                ) -> Result<$crate::Plan, ::std::string::String> {
                    RULE.with(|rule| rule.open(&config))
                }

                fn apply(
                    batch: $crate::export::WireBatch,
                ) -> Result<$crate::export::WireOutput, ::std::string::String> {
                    RULE.with(|rule| rule.apply(batch))
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::wit::export! { __Component with_types_in $crate::wit }

            // Natively nothing is exported: the rule is there for its tests, and counts as used.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                <$rule as $crate::Transform>::Config,
            ) -> Result<$rule, ::std::string::String> = <$rule as $crate::Transform>::open;
        };
    };
}
