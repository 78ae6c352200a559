//! JSON to decode: whole, and damaged on its way.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Text between quotation marks, with every kind of escape.
pub(crate) fn quoted() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "id",
        "é",
        "日",
        "😀",
        " ",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00e9",
        "\\u0000",
        "\\ud83d\\ude00",
        "0123456789abcdef0123456789abcdef",
    ]);
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

pub(crate) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (-1000i64..1000).prop_map(|n| n.to_string()),
        (-1000i64..1000, 0..1000u32).prop_map(|(n, f)| format!("{n}.{f}")),
        (-9..10i8, -20..20i8).prop_map(|(n, e)| format!("{n}e{e}")),
        select(vec![
            "-0",
            "0",
            "1E+3",
            "18446744073709551615",
            "18446744073709551616"
        ])
        .prop_map(str::to_owned),
    ]
}

pub(crate) fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        number(),
        quoted()
    ]
}

/// Objects whose names are often those that are read.
pub(crate) fn json() -> impl Strategy<Value = String> {
    let space = || select(vec!["", "", "", " ", "\n\t\r "]);
    let name = prop_oneof![
        4 => select(vec!["\"a\"", "\"b\"", "\"c\"", "\"\\u0061\""]).prop_map(str::to_owned),
        1 => quoted()
    ];
    scalar().prop_recursive(4, 24, 4, move |inner| {
        let member = (name.clone(), space(), inner.clone(), space());
        let member = member.prop_map(|(name, before, value, after)| {
            format!("{before}{name}{after}:{before}{value}{after}")
        });
        prop_oneof![
            2 => prop::collection::vec(member, 0..4).prop_map(|m| format!("{{{}}}", m.join(","))),
            1 => prop::collection::vec(inner, 0..4).prop_map(|v| format!("[{}]", v.join(" ,")))
        ]
    })
}

/// One thing done to a message on its way.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Cut(Index),
    Remove(Index),
    Insert(Index, u8),
    Replace(Index, u8),
    Flip(Index, u8),
    Swap(Index, Index),
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let byte = || {
        prop_oneof![
            select(&b"{}[]\",:\\ueE+-.0189tfn \n\0\x1f\x7f\xff\xc3\xed"[..]),
            any::<u8>()
        ]
    };
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), byte()).prop_map(|(i, b)| Damage::Insert(i, b)),
        (any::<Index>(), byte()).prop_map(|(i, b)| Damage::Replace(i, b)),
        (any::<Index>(), 0..8u8).prop_map(|(i, bit)| Damage::Flip(i, 1 << bit)),
        (any::<Index>(), any::<Index>()).prop_map(|(i, j)| Damage::Swap(i, j)),
    ]
}

pub(crate) fn damaged(mut message: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let n = message.len();
    match damage {
        Damage::Insert(i, b) => message.insert(i.index(n + 1), *b),
        _ if n == 0 => {}
        Damage::Cut(i) => message.truncate(i.index(n)),
        Damage::Remove(i) => {
            message.remove(i.index(n));
        }
        Damage::Replace(i, b) => message[i.index(n)] = *b,
        Damage::Flip(i, bit) => message[i.index(n)] ^= bit,
        Damage::Swap(i, j) => message.swap(i.index(n), j.index(n)),
    }
    message
}
