//! What [`transform!`](crate::transform) makes of the rows that it declares.

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

/// A rule that takes no config: any key is refused.
#[doc(hidden)]
#[macro_export]
macro_rules! __no_config {
    ($rule:ident) => {
        impl<'de> $crate::export::serde::Deserialize<'de> for $rule {
            fn deserialize<D: $crate::export::serde::Deserializer<'de>>(
                config: D,
            ) -> Result<Self, D::Error> {
                <$crate::NoConfig as $crate::export::serde::Deserialize>::deserialize(config)?;
                Ok(Self)
            }
        }

        impl $crate::export::schemars::JsonSchema for $rule {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($rule).into()
            }

            fn json_schema(
                generator: &mut $crate::export::schemars::SchemaGenerator,
            ) -> $crate::export::schemars::Schema {
                <$crate::NoConfig as $crate::export::schemars::JsonSchema>::json_schema(generator)
            }
        }
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
        [$(
            [$dimension:ident] [$on:ident $($and:ident)*]
            [$([$take:ident] [$Take:ty] [$($taken:literal)?])*]
        )*]
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
                    $($read: <$Read as $crate::value::ReadCell<$lt>>::read_cell(
                        $read,
                        row,
                        $crate::__name!($read $($path)?),
                    ),)*
                    $($($take: <$Take as $crate::value::ReadCell<$lt>>::read_cell(
                        $take,
                        row,
                        $crate::__name!($take $($taken)?),
                    ),)*)*
                }
            }

            #[inline]
            #[allow(unused_variables, reason = "a row may read nothing")]
            fn is_untold(columns: &Self::Columns, row: usize) -> bool {
                let ($($read,)* $($($take,)*)*) = *columns;
                false
                    $(|| <$Read as $crate::value::ReadCell<$lt>>::is_untold($read, row))*
                    $($(|| <$Take as $crate::value::ReadCell<$lt>>::is_untold($take, row))*)*
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __write_row {
    ([] $($row:tt)*) => { $crate::__write_row! { @impl [] $($row)* } };
    ([$lt:lifetime] $($row:tt)*) => { $crate::__write_row! { @impl [<$lt>] $($row)* } };
    (
        @impl [$($generics:tt)*] $Out:ident
        [$([$write:ident] [$Write:ty] [$($column:literal)?])*]
    ) => {
        impl $($generics)* $crate::WriteRow for $Out $($generics)* {
            type Columns = ($($crate::Column<<$Write as $crate::value::Cell>::Layout>,)*);

            fn declare(plan: $crate::Plan) -> $crate::Plan {
                plan $(.write($crate::Field::of::<$Write>($crate::__name!($write $($column)?))))*
            }

            #[allow(unused_variables, clippy::unused_unit, reason = "a row may write nothing")]
            fn columns(rows: usize) -> Self::Columns {
                ($(
                    $crate::Column::<<$Write as $crate::value::Cell>::Layout>::with_capacity(rows),
                )*)
            }

            #[inline]
            #[allow(unused_variables, reason = "a row may write nothing")]
            fn write_row(&self, columns: &mut Self::Columns) {
                let ($($write,)*) = columns;
                $($crate::value::WriteCell::write_cell(&self.$write, $write);)*
            }

            #[inline]
            #[allow(unused_variables, reason = "a row may write nothing")]
            fn write_absent(columns: &mut Self::Columns) {
                let ($($write,)*) = columns;
                $($write.push_absent();)*
            }

            fn finish(columns: Self::Columns, output: $crate::Output) -> $crate::Output {
                let ($($write,)*) = columns;
                output $(.column($crate::__name!($write $($column)?), $write))*
            }
        }
    };
}
