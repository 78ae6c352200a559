//! How far bytes of one kind reach: sixteen at a time.

/// Bytes that are looked at at once.
const BLOCK: usize = 16;

/// How many bytes of a text stand before the first quotation mark, backslash or control character.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    run(bytes, block::plain, |b| {
        !matches!(b, b'"' | b'\\' | 0..0x20)
    })
}

/// With how many digits `bytes` begins.
#[inline]
pub(super) fn digits(bytes: &[u8]) -> usize {
    run(bytes, block::digits, |b| b.is_ascii_digit())
}

/// How many bytes at the beginning are of a kind: `of_block` tells how many of a block.
#[inline(always)]
fn run(
    bytes: &[u8],
    of_block: impl Fn(&[u8; BLOCK]) -> usize,
    is_of_kind: impl Fn(u8) -> bool,
) -> usize {
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk() {
        let found = of_block(block);
        at += found;
        if found < BLOCK {
            return at;
        }
    }
    let rest = &bytes[at..];
    at + rest.iter().take_while(|b| is_of_kind(**b)).count()
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "sixteen bytes at once: SSE2, which every x86-64 has"
)]
mod block {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8, _mm_sub_epi8,
    };

    use super::BLOCK;

    #[inline(always)]
    pub(super) fn plain(block: &[u8; BLOCK]) -> usize {
        // SAFETY: SSE2 is part of x86-64; nothing else is asked of the caller.
        unsafe { first_but_plain(block) }
    }

    #[inline(always)]
    pub(super) fn digits(block: &[u8; BLOCK]) -> usize {
        // SAFETY: SSE2 is part of x86-64; nothing else is asked of the caller.
        unsafe { first_but_digits(block) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn first_but_plain(block: &[u8; BLOCK]) -> usize {
        let bytes = loaded(block);
        let is_quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
        let is_backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
        let is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        first(_mm_or_si128(
            _mm_or_si128(is_quote, is_backslash),
            is_control,
        ))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn first_but_digits(block: &[u8; BLOCK]) -> usize {
        let values = _mm_sub_epi8(loaded(block), _mm_set1_epi8(b'0'.cast_signed()));
        let ten = _mm_set1_epi8(10);
        first(_mm_cmpeq_epi8(_mm_min_epu8(values, ten), ten))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn loaded(block: &[u8; BLOCK]) -> __m128i {
        let both = u128::from_le_bytes(*block);
        _mm_set_epi64x((both >> 64) as i64, both as i64)
    }

    /// How many bytes stand before the first whose bits are set.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn first(bits: __m128i) -> usize {
        let bits = _mm_movemask_epi8(bits) | 1 << BLOCK;
        bits.trailing_zeros() as usize
    }
}

/// Other machines: eight bytes at a time, in an integer.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod word {
    use super::BLOCK;

    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;

    /// Sets the topmost bit of bytes that are less than `limit`, which is 128 at most: of the
    /// first such byte for sure, and of none before it.
    #[inline(always)]
    fn below(bytes: u64, limit: u8) -> u64 {
        bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes & TOPS
    }

    #[inline(always)]
    fn first(block: &[u8; BLOCK], of_word: impl Fn(u64) -> u64) -> usize {
        for at in [0, 8] {
            let half = block[at..at + 8].first_chunk().copied();
            let found = of_word(u64::from_le_bytes(half.unwrap_or_default()));
            if found != 0 {
                return at + found.trailing_zeros() as usize / 8;
            }
        }
        BLOCK
    }

    #[inline(always)]
    pub(super) fn plain(block: &[u8; BLOCK]) -> usize {
        first(block, |bytes| {
            let is = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
            is(b'"') | is(b'\\') | below(bytes, 0x20)
        })
    }

    #[inline(always)]
    pub(super) fn digits(block: &[u8; BLOCK]) -> usize {
        first(block, |bytes| {
            // The digits' bytes are 0 to 9 then, and all others 16 and more, or `:` to `?`.
            let values = bytes ^ (ONES * u64::from(b'0'));
            // No byte carries into the next: their topmost bits are off.
            let above_9 = (values & !TOPS) + ONES * (0x7f - 9);
            (above_9 | values) & TOPS
        })
    }
}

#[cfg(not(target_arch = "x86_64"))]
use word as block;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that are mostly of the kind.
    fn mostly(kind: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![30 => kind, 1 => any::<u8>()], 0..70)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn blocks_and_words_say_what_each_byte_says(
            text in mostly(b'a'..=b'z'),
            number in mostly(b'0'..=b'9'),
        ) {
            let is_plain = |b: u8| b >= 0x20 && b != b'"' && b != b'\\';
            for bytes in [text, number] {
                let first = bytes.iter().take_while(|b| is_plain(**b)).count();
                prop_assert_eq!(plain(&bytes), first);
                prop_assert_eq!(run(&bytes, word::plain, is_plain), first);
                let first = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
                prop_assert_eq!(digits(&bytes), first);
                prop_assert_eq!(run(&bytes, word::digits, |b| b.is_ascii_digit()), first);
            }
        }
    }

    #[test]
    fn each_byte_alone_is_told() {
        for byte in 0..=255u8 {
            for at in 0..BLOCK {
                let mut text = [b'a'; BLOCK];
                let mut number = [b'7'; BLOCK];
                (text[at], number[at]) = (byte, byte);
                let is_plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
                let end = |is_of_kind: bool| if is_of_kind { BLOCK } else { at };
                assert_eq!(
                    [plain(&text), word::plain(&text)],
                    [end(is_plain); 2],
                    "{byte}"
                );
                let is_digit = byte.is_ascii_digit();
                assert_eq!(
                    [digits(&number), word::digits(&number)],
                    [end(is_digit); 2],
                    "{byte}"
                );
            }
        }
    }
}
