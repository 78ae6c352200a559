//! Arithmetic of decimals, with PostgreSQL's scales.

use num_bigint::{BigInt, Sign};

use super::{Answer, Numeric, SCALE_MAX, big_power, small_power};

/// Digits that a quotient has at least, and after its point at most: as PostgreSQL chooses them.
const QUOTIENT_DIGITS_MIN: i64 = 16;
const DISPLAY_SCALE_MAX: i64 = 1000;
/// Rounding is to no more places than these.
const ROUND_SCALE_MAX: i64 = 2000;

impl Numeric {
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Small(units, scale) => match units.checked_neg() {
                Some(units) => Self::Small(units, scale),
                None => Self::Big(Box::new((-BigInt::from(units), scale))),
            },
            Self::Big(big) => Self::of_parts(-big.0, big.1.into()).unwrap_or(Self::NaN),
            Self::Infinity => Self::NegativeInfinity,
            Self::NegativeInfinity => Self::Infinity,
            Self::NaN => Self::NaN,
        }
    }

    pub(crate) fn abs(self) -> Self {
        if self.signum() < 0 {
            self.negate()
        } else {
            self
        }
    }

    pub(crate) fn add(&self, other: &Self) -> Answer {
        if let (Self::Small(a, x), Self::Small(b, y)) = (self, other) {
            let scale = *x.max(y);
            let raise = |units: &i128, own| {
                small_power(u32::from(scale - own)).and_then(|power| units.checked_mul(power))
            };
            let sum = raise(a, *x).and_then(|a| a.checked_add(raise(b, *y)?));
            if let Some(sum) = sum {
                return Ok(Self::Small(sum, scale));
            }
        }
        match (self.parts(), other.parts()) {
            (Some((a, x)), Some((b, y))) => {
                let scale = x.max(y);
                let a = a * big_power((scale - x).into());
                Self::of_parts(a + b * big_power((scale - y).into()), scale.into())
            }
            _ => Ok(match (self, other) {
                (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
                (Self::Infinity, Self::NegativeInfinity)
                | (Self::NegativeInfinity, Self::Infinity) => Self::NaN,
                (Self::Infinity | Self::NegativeInfinity, _) => self.clone(),
                _ => other.clone(),
            }),
        }
    }

    pub(crate) fn subtract(&self, other: &Self) -> Answer {
        self.add(&other.clone().negate())
    }

    pub(crate) fn multiply(&self, other: &Self) -> Answer {
        if let (Self::Small(a, x), Self::Small(b, y)) = (self, other)
            && let Some(product) = a.checked_mul(*b)
            && i64::from(x + y) <= SCALE_MAX
        {
            return Ok(Self::Small(product, x + y));
        }
        match (self.parts(), other.parts()) {
            (Some((a, x)), Some((b, y))) => {
                let (mut units, mut scale) = (a * b, i64::from(x) + i64::from(y));
                if scale > SCALE_MAX {
                    units = divide_rounded(units, &big_power((scale - SCALE_MAX) as u32));
                    scale = SCALE_MAX;
                }
                Self::of_parts(units, scale)
            }
            _ => Ok(match self.signum() * other.signum() {
                _ if self.is_nan() || other.is_nan() => Self::NaN,
                0 => Self::NaN,
                1 => Self::Infinity,
                _ => Self::NegativeInfinity,
            }),
        }
    }

    pub(crate) fn divide(&self, other: &Self) -> Answer {
        if self.is_nan() || other.is_nan() {
            return Ok(Self::NaN);
        }
        match (self.parts(), other.parts()) {
            (_, Some((b, _))) if b.sign() == Sign::NoSign => Err("division by zero"),
            (Some((a, x)), Some((b, y))) => {
                let scale = self.quotient_scale(other);
                // a / 10^x / (b / 10^y), in units of 10^-scale.
                let power = scale + i64::from(y) - i64::from(x);
                let quotient = match power >= 0 {
                    true => divide_rounded(a * big_power(power as u32), &b),
                    false => divide_rounded(a, &(b * big_power(-power as u32))),
                };
                Self::of_parts(quotient, scale)
            }
            (None, Some(_)) => Ok(match self.signum() * other.signum() {
                1 => Self::Infinity,
                _ => Self::NegativeInfinity,
            }),
            (Some(_), None) => Ok(Self::default()),
            (None, None) => Ok(Self::NaN),
        }
    }

    /// At least sixteen digits, and the larger scale of both.
    fn quotient_scale(&self, other: &Self) -> i64 {
        let (weight, first) = self.leading();
        let (other_weight, other_first) = other.leading();
        let weight = weight - other_weight - i64::from(first <= other_first);
        (QUOTIENT_DIGITS_MIN - weight * 4)
            .max(self.scale().into())
            .max(other.scale().into())
            .clamp(0, DISPLAY_SCALE_MAX)
    }

    /// The first digit to the base of 10,000, and its power: PostgreSQL computes to that base.
    fn leading(&self) -> (i64, i64) {
        let digits = match self {
            Self::Small(0, _) => return (0, 0),
            Self::Small(units, _) => units.unsigned_abs().to_string(),
            Self::Big(big) => big.0.magnitude().to_string(),
            _ => return (0, 0),
        };
        let power = digits.len() as i64 - 1 - i64::from(self.scale());
        let width = power.rem_euclid(4) as usize + 1;
        let padded = format!("{digits:0<width$}");
        (power.div_euclid(4), padded[..width].parse().unwrap_or(0))
    }

    pub(crate) fn modulo(&self, other: &Self) -> Answer {
        if self.is_nan() || other.is_nan() {
            return Ok(Self::NaN);
        }
        match (self.parts(), other.parts()) {
            (_, Some((b, _))) if b.sign() == Sign::NoSign => Err("division by zero"),
            (Some((a, x)), Some((b, y))) => {
                let scale = x.max(y);
                let a = a * big_power((scale - x).into());
                Self::of_parts(a % (b * big_power((scale - y).into())), scale.into())
            }
            (None, _) => Ok(Self::NaN),
            (Some(_), None) => Ok(self.clone()),
        }
    }

    /// Halves away from zero. A negative number of places rounds before the point.
    pub(crate) fn round(&self, places: i64) -> Answer {
        self.cut(places, divide_rounded, |units, unit| {
            let half = unit / 2;
            let whole = units / unit;
            match (units % unit).abs() >= half {
                true => whole + units.signum(),
                false => whole,
            }
        })
    }

    /// Toward zero.
    pub(crate) fn truncate(&self, places: i64) -> Answer {
        self.cut(
            places,
            |units, unit| units / unit,
            |units, unit| units / unit,
        )
    }

    fn cut(
        &self,
        places: i64,
        big: impl Fn(BigInt, &BigInt) -> BigInt,
        small: impl Fn(i128, i128) -> i128,
    ) -> Answer {
        let places = places.clamp(-ROUND_SCALE_MAX, ROUND_SCALE_MAX);
        let shown = places.max(0);
        let less = i64::from(self.scale()) - places;
        if let Self::Small(units, _) = self {
            // What is cut off, and what is put back before the point.
            let unit = u32::try_from(less).ok().and_then(small_power);
            let back = u32::try_from(-places).ok().map_or(Some(1), small_power);
            let kept = unit.map(|unit| {
                if unit == 1 {
                    *units
                } else {
                    small(*units, unit)
                }
            });
            if let Some(units) = kept.and_then(|units| units.checked_mul(back?)) {
                return Ok(Self::Small(units, shown as u16));
            }
        }
        let Some((units, _)) = self.parts() else {
            return Ok(self.clone());
        };
        match u32::try_from(less) {
            Ok(0) => Self::of_parts(units * big_power((-places).max(0) as u32), shown),
            Ok(less) => {
                let kept = big(units, &big_power(less));
                Self::of_parts(kept * big_power((-places).max(0) as u32), shown)
            }
            Err(_) => Self::of_parts(units * big_power(-less as u32), shown),
        }
    }

    /// The whole number above, or below.
    pub(crate) fn whole(&self, is_up: bool) -> Answer {
        let toward_zero = self.truncate(0)?;
        if !self.is_finite() || toward_zero.compare(self).is_eq() {
            return Ok(toward_zero);
        }
        match (self.signum() > 0, is_up) {
            (true, true) => toward_zero.add(&Self::from(1)),
            (false, false) => toward_zero.add(&Self::from(-1)),
            _ => Ok(toward_zero),
        }
    }

    /// As a column of `numeric(precision,scale)` takes it.
    pub(crate) fn fit(&self, precision: u16, scale: u16) -> Answer {
        const OVERFLOW: &str = "numeric field overflow";
        if !self.is_finite() {
            return if self.is_nan() {
                Ok(Self::NaN)
            } else {
                Err(OVERFLOW)
            };
        }
        let rounded = self.round(scale.into())?;
        let limit = Self::of_parts(big_power(precision.into()), scale.into())?;
        match rounded.clone().abs().compare(&limit).is_lt() {
            true => Ok(rounded),
            false => Err(OVERFLOW),
        }
    }
}

/// The quotient, halves away from zero.
fn divide_rounded(units: BigInt, by: &BigInt) -> BigInt {
    let is_negative = (units.sign() == Sign::Minus) != (by.sign() == Sign::Minus);
    let (units, by) = (units.magnitude(), by.magnitude());
    let (mut whole, rest) = (units / by, units % by);
    if rest * 2_u32 >= *by {
        whole += 1_u32;
    }
    let sign = if is_negative { Sign::Minus } else { Sign::Plus };
    BigInt::from_biguint(sign, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        Numeric::parse(text).unwrap()
    }

    #[test]
    fn quotients_have_the_scale_of_postgres() {
        for (a, b, expected) in [
            ("1", "3", "0.33333333333333333333"),
            ("10", "3", "3.3333333333333333"),
            ("1", "30000", "0.000033333333333333333333"),
            ("2.50", "0.5", "5.0000000000000000"),
            ("-7", "2", "-3.5000000000000000"),
        ] {
            assert_eq!(number(a).divide(&number(b)).unwrap().to_string(), expected);
        }
        assert_eq!(
            number("1").divide(&number("0.0")).unwrap_err(),
            "division by zero"
        );
    }

    #[test]
    fn rounding_is_away_from_zero_and_keeps_places() {
        for (text, places, expected) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.449", 1, "2.4"),
            ("1550", -2, "1600"),
            ("1.5", 3, "1.500"),
            ("1e40", -40, "10000000000000000000000000000000000000000"),
        ] {
            assert_eq!(number(text).round(places).unwrap().to_string(), expected);
        }
    }
}
