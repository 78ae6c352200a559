//! Decimals of any size with a scale, as PostgreSQL's `numeric`.

mod arithmetic;
mod text;

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// Digits that a number may have before its point, and after it: PostgreSQL's limits.
const WHOLE_DIGITS_MAX: i64 = 131_072;
const SCALE_MAX: i64 = 16_383;

const OVERFLOW: &str = "value overflows numeric format";

/// A decimal: a whole number of its smallest unit, which is `10^-scale`. Zeros at its end count.
#[derive(Clone, Debug)]
pub(crate) enum Numeric {
    NegativeInfinity,
    /// Nearly all.
    Small(i128, u16),
    /// What no `i128` holds.
    Big(Box<(BigInt, u16)>),
    Infinity,
    NaN,
}

impl Default for Numeric {
    fn default() -> Self {
        Self::Small(0, 0)
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        Self::Small(i128::from(value), 0)
    }
}

pub(crate) type Answer = Result<Numeric, &'static str>;

/// `10^power`, where an `i128` holds it.
fn small_power(power: u32) -> Option<i128> {
    10_i128.checked_pow(power)
}

fn big_power(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

impl Numeric {
    /// What is finite as a number of smallest units.
    fn parts(&self) -> Option<(BigInt, u16)> {
        match self {
            Self::Small(units, scale) => Some((BigInt::from(*units), *scale)),
            Self::Big(big) => Some((big.0.clone(), big.1)),
            _ => None,
        }
    }

    /// A number of smallest units, small where it fits.
    fn of_parts(units: BigInt, scale: i64) -> Answer {
        if scale > SCALE_MAX {
            return Err(OVERFLOW);
        }
        let scale = u16::try_from(scale).unwrap_or(0);
        if let Ok(small) = i128::try_from(&units) {
            return Ok(Self::Small(small, scale));
        }
        // 2^bits has at least 0.301 digits a bit: only the largest are counted.
        if units.bits() as i64 * 301 / 1000 > WHOLE_DIGITS_MAX {
            let digits = units.magnitude().to_string().len() as i64;
            if digits - i64::from(scale) > WHOLE_DIGITS_MAX {
                return Err(OVERFLOW);
            }
        }
        Ok(Self::Big(Box::new((units, scale))))
    }

    /// Digits after the point; none of what is not finite.
    pub(crate) fn scale(&self) -> u16 {
        match self {
            Self::Small(_, scale) => *scale,
            Self::Big(big) => big.1,
            _ => 0,
        }
    }

    pub(crate) fn is_finite(&self) -> bool {
        matches!(self, Self::Small(..) | Self::Big(_))
    }

    pub(crate) fn is_nan(&self) -> bool {
        matches!(self, Self::NaN)
    }

    /// -1, 0 or 1; 0 of what is no number.
    pub(crate) fn signum(&self) -> i64 {
        match self {
            Self::NegativeInfinity => -1,
            Self::Small(units, _) => units.signum() as i64,
            Self::Big(big) => match big.0.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
            Self::Infinity => 1,
            Self::NaN => 0,
        }
    }

    /// Larger than anything is what is no number; it is equal to itself.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        if let (Self::Small(a, x), Self::Small(b, y)) = (self, other) {
            if x == y {
                return a.cmp(b);
            }
            let (more, units) = (x.abs_diff(*y), if x < y { a } else { b });
            let units = small_power(more.into()).and_then(|power| units.checked_mul(power));
            if let Some(units) = units {
                return if x < y { units.cmp(b) } else { a.cmp(&units) };
            }
        }
        let rank = |n: &Self| match n {
            Self::NegativeInfinity => 0,
            Self::Small(..) | Self::Big(_) => 1,
            Self::Infinity => 2,
            Self::NaN => 3,
        };
        match (self.parts(), other.parts()) {
            (Some((a, x)), Some((b, y))) => {
                let scale = x.max(y);
                (a * big_power((scale - x).into())).cmp(&(b * big_power((scale - y).into())))
            }
            _ => rank(self).cmp(&rank(other)),
        }
    }

    /// The whole number next to it, halves away from zero; `type_name` is what cannot hold it.
    pub(crate) fn to_i64(&self, type_name: &str) -> Result<i64, String> {
        match self {
            Self::NaN => return Err(format!("cannot convert NaN to {type_name}")),
            Self::Infinity | Self::NegativeInfinity => {
                return Err(format!("cannot convert infinity to {type_name}"));
            }
            _ => {}
        }
        let whole = self.round(0)?;
        let out_of_range = || format!("{type_name} out of range");
        match whole {
            Self::Small(units, _) => i64::try_from(units).map_err(|_| out_of_range()),
            _ => Err(out_of_range()),
        }
    }

    /// The double next to it.
    pub(crate) fn to_f64(&self) -> Result<f64, String> {
        Ok(match self {
            Self::NaN => f64::NAN,
            Self::Infinity => f64::INFINITY,
            Self::NegativeInfinity => f64::NEG_INFINITY,
            Self::Small(units, 0) if units.unsigned_abs() < 1 << 53 => *units as f64,
            _ => {
                let text = self.to_string();
                let value: f64 = text.parse().unwrap_or(f64::NAN);
                if value.is_infinite() || value == 0.0 && self.signum() != 0 {
                    return Err(format!(
                        "\"{text}\" is out of range for type double precision"
                    ));
                }
                value
            }
        })
    }

    /// The decimal of fifteen digits next to a double.
    pub(crate) fn of_f64(value: f64) -> Answer {
        if value.is_nan() {
            return Ok(Self::NaN);
        }
        if value.is_infinite() {
            return Ok(match value > 0.0 {
                true => Self::Infinity,
                false => Self::NegativeInfinity,
            });
        }
        let text = format!("{value:.14e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        let mut short = String::with_capacity(24);
        short.push_str(digits);
        short.push('e');
        short.push_str(exponent);
        Self::parse(&short).map_err(|_| OVERFLOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        Numeric::parse(text).unwrap()
    }

    #[test]
    fn numbers_compare_by_value() {
        let in_order = [
            "-Infinity",
            "-1e40",
            "-1",
            "0",
            "0.5",
            "1e40",
            "Infinity",
            "NaN",
        ];
        for pair in in_order.windows(2) {
            assert_eq!(number(pair[0]).compare(&number(pair[1])), Ordering::Less);
        }
        assert_eq!(number("1.50").compare(&number("1.5")), Ordering::Equal);
    }

    #[test]
    fn doubles_keep_fifteen_digits() {
        for (value, text) in [
            (0.1 + 0.2, "0.3"),
            (1e20, "100000000000000000000"),
            (-0.0, "0"),
        ] {
            assert_eq!(Numeric::of_f64(value).unwrap().to_string(), text);
        }
    }
}
