//! The macro with which a rule says what it is.

/// Makes a type the component's rule. Once in a crate, in one of two forms.
///
/// `transform!(NormalizeCdc);` names a type that implements [`Transform`](crate::Transform) and makes its plan itself.
///
/// The longer form declares the plan, typed, beside the rule, and makes a struct of what is read and one of what is written:
///
/// ```
/// use gristmill_guest::{Reject, RowTransform};
///
/// gristmill_guest::transform! {
///     Greet
///     reads User<'a> {
///         name: Option<&'a str>,
///         /// Named in the plan as the quoted text says: a document path, or a column whose name is no Rust name.
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
///         let greeting = user.greeting.unwrap_or(if user.language == "de" { "Hallo" } else { "Hello" });
///         Ok(Greeting { greeting: format!("{greeting}, {name}!") })
///     }
/// }
/// # fn main() {}
/// ```
///
/// - A row that borrows texts names a lifetime, `User<'a>`; one of numbers needs none. Types are those of [`value`](crate::value).
/// - `joins DIMENSION on COLUMN, .. { .. }` may be left out or repeated. The columns that are joined on need not be read.
/// - `rejects` may be left out; it makes an enum whose codes have a method `because(message)`.
#[macro_export]
macro_rules! transform {
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
                fn because(self, message: impl ::std::convert::Into<::std::string::String>) -> $crate::Reject {
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

            fn declared() -> $crate::Plan {
                let plan = <Self::Input<'_> as $crate::ReadRow<'_>>::declare($crate::Plan::new());
                let plan = <Self::Output<'_> as $crate::WriteRow>::declare(plan);
                plan$(.rejects([$($text),+]))?
            }
        }

        $crate::transform! { $rule }
    };
    ($rule:ty) => {
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static RULE: $crate::export::Slot<$rule> = const { $crate::export::Slot::new() };
            }

            impl $crate::export::Guest for Component {
                fn describe() -> $crate::export::Description {
                    $crate::export::describe::<$rule>(
                        env!("CARGO_PKG_NAME"),
                        env!("CARGO_PKG_VERSION"),
                        env!("CARGO_PKG_DESCRIPTION"),
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
            $crate::wit::export! { Component with_types_in $crate::wit }

            // Natively nothing is exported: the rule is there for its tests, and counts as used.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                <$rule as $crate::Transform>::Config,
            ) -> Result<$rule, ::std::string::String> = <$rule as $crate::Transform>::open;
        };
    };
}

/// A row's type for any lifetime, whether or not it borrows.
#[doc(hidden)]
#[macro_export]
macro_rules! __row_type {
    ($assoc:ident $Row:ident) => {
        type $assoc<'row> = $Row;
    };
    ($assoc:ident $Row:ident $lt:lifetime) => {
        type $assoc<$lt> = $Row<$lt>;
    };
}

/// What the plan calls a field.
#[doc(hidden)]
#[macro_export]
macro_rules! __name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __read_row {
    ([] $($row:tt)*) => { $crate::__read_row! { @impl 'row [] $($row)* } };
    ([$lt:lifetime] $($row:tt)*) => { $crate::__read_row! { @impl $lt [<$lt>] $($row)* } };
    (
        @impl $lt:lifetime [$($generics:tt)*] $In:ident
        [$([$read:ident] [$Read:ty] [$($path:literal)?])*]
        [$([$dimension:ident] [$on:ident $($and:ident)*] [$([$take:ident] [$Take:ty] [$($taken:literal)?])*])*]
    ) => {
        impl<$lt> $crate::ReadRow<$lt> for $In $($generics)* {
            type Columns = (
                $(&$lt $crate::Column<<$Read as $crate::value::Cell>::Layout>,)*
                $($(&$lt $crate::Column<<$Take as $crate::value::Cell>::Layout>,)*)*
            );

            fn declare(plan: $crate::Plan) -> $crate::Plan {
                plan
                    $(.read($crate::Field::of::<$Read>($crate::__name!($read $($path)?))))*
                    $(.join(
                        $crate::Join::new(stringify!($dimension), stringify!($on))
                            $(.and(stringify!($and)))*
                            $(.take($crate::Field::of::<$Take>($crate::__name!($take $($taken)?))))*
                    ))*
            }

            #[allow(unused_variables, reason = "a row may read nothing")]
            fn columns(batch: &$lt $crate::Batch) -> Self::Columns {
                (
                    $(batch.typed::<$Read>($crate::__name!($read $($path)?)),)*
                    $($(batch.typed::<$Take>($crate::__name!($take $($taken)?)),)*)*
                )
            }

            #[inline]
            #[allow(unused_variables, clippy::unused_unit, reason = "a row may read nothing")]
            fn read_row(columns: &Self::Columns, row: usize) -> Self {
                let ($($read,)* $($($take,)*)*) = *columns;
                Self {
                    $($read: <$Read as $crate::value::ReadCell<$lt>>::read_cell($read, row),)*
                    $($($take: <$Take as $crate::value::ReadCell<$lt>>::read_cell($take, row),)*)*
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __write_row {
    ([] $($row:tt)*) => { $crate::__write_row! { @impl [] $($row)* } };
    ([$lt:lifetime] $($row:tt)*) => { $crate::__write_row! { @impl [<$lt>] $($row)* } };
    (@impl [$($generics:tt)*] $Out:ident [$([$write:ident] [$Write:ty] [$($column:literal)?])*]) => {
        impl $($generics)* $crate::WriteRow for $Out $($generics)* {
            type Columns = ($($crate::Column<<$Write as $crate::value::Cell>::Layout>,)*);

            fn declare(plan: $crate::Plan) -> $crate::Plan {
                plan $(.write($crate::Field::of::<$Write>($crate::__name!($write $($column)?))))*
            }

            #[allow(unused_variables, clippy::unused_unit, reason = "a row may write nothing")]
            fn columns(rows: usize) -> Self::Columns {
                ($($crate::Column::<<$Write as $crate::value::Cell>::Layout>::with_capacity(rows),)*)
            }

            #[inline]
            #[allow(unused_variables, reason = "a row may write nothing")]
            fn write_row(&self, columns: &mut Self::Columns) {
                let ($($write,)*) = columns;
                $($crate::value::WriteCell::write_cell(&self.$write, $write);)*
            }

            fn finish(columns: Self::Columns, output: $crate::Output) -> $crate::Output {
                let ($($write,)*) = columns;
                output $(.column($crate::__name!($write $($column)?), $write))*
            }
        }
    };
}
