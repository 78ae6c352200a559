//! JSON.

use super::{Expressions, of};

pub(crate) fn documents() -> Expressions {
    of(&[
        ("a", "a:jsonb"),
        ("a::text", "a:jsonb"),
        ("a -> 'a'", "a:jsonb"),
        ("a ->> 'a'", "a:jsonb"),
        ("a -> 'name' -> 'a'", "a:jsonb"),
        ("a -> 'b' ->> 'a'", "a:jsonb"),
        ("a -> 0", "a:jsonb"),
        ("a ->> 1", "a:jsonb"),
        ("a -> -1", "a:jsonb"),
        ("a -> b", "a:jsonb b:small"),
        ("a -> b", "a:jsonb b:letters"),
        ("a ->> b", "a:jsonb b:letters"),
        ("a #> '{a,b}'", "a:jsonb"),
        ("a #>> '{a,0}'", "a:jsonb"),
        ("a #>> '{0,a}'", "a:jsonb"),
        ("a #>> '{}'", "a:jsonb"),
        ("a #> '{-1}'", "a:jsonb"),
        ("a #> '{name, 1x}'", "a:jsonb"),
        ("a #>> '{ 0 }'", "a:jsonb"),
        ("jsonb_typeof(a)", "a:jsonb"),
        ("jsonb_array_length(a)", "a:jsonb"),
        ("(a ->> 'a')::text is null", "a:jsonb"),
        ("a::int4", "a:jsonb"),
        ("a::int8", "a:jsonb"),
        ("a::numeric", "a:jsonb"),
        ("a::float8", "a:jsonb"),
        ("a::boolean", "a:jsonb"),
        ("a::jsonb", "a:json_text"),
        ("a::jsonb ->> 'a'", "a:json_text"),
        ("(a -> 'a')::numeric + 1", "a:jsonb"),
    ])
}
