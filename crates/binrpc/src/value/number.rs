//! Numbers as BINRPC transmits them.

use std::fmt;

/// A whole number of 0 to 8 bytes.
///
/// Kamailio writes a C `int` in the fewest bytes and casts unsigned counters to `int` (`ctl/binrpc.h`, `binrpc_write_int`).
/// Four bytes are therefore either a negative number or a number from 2³¹ up, and only the caller knows which of the two
/// the field holds:
///
/// ```
/// use kamailio_binrpc::Int;
///
/// let total = Int::from(3_145_728_000_u32);
/// assert_eq!(total.as_u64(), 3_145_728_000);
/// assert_eq!(total.as_i64(), -1_149_239_296);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Int {
    bits: u64,
    size: u8,
}

impl Int {
    /// An int of at most 8 bytes, big endian.
    #[inline]
    pub(super) fn from_wire(bytes: &[u8]) -> Self {
        Self { bits: big_endian(bytes), size: bytes.len() as u8 }
    }

    fn new(bits: u64) -> Self {
        Self { bits, size: 8 - (bits.leading_zeros() / 8) as u8 }
    }

    /// The number in five bytes if its four bytes could be read as a negative number.
    fn unambiguous(bits: u64) -> Self {
        let int = Self::new(bits);
        if int.as_i64() < 0 && int.size == 4 { Self { size: 5, ..int } } else { int }
    }

    /// Returns the number of a field that is never negative, such as a counter or a size.
    pub fn as_u64(self) -> u64 {
        self.bits
    }

    /// Returns the number of a field that may be negative. Kamailio drops leading zeros and does not extend the sign, so
    /// only numbers of 4 and 8 bytes can be negative.
    pub fn as_i64(self) -> i64 {
        match self.size {
            4 => i64::from(self.bits as u32 as i32),
            _ => self.bits as i64,
        }
    }

    /// Returns the number of bytes on the wire, 0 to 8.
    pub fn size(self) -> u8 {
        self.size
    }
}

impl From<i32> for Int {
    fn from(number: i32) -> Self {
        Self::new(u64::from(number as u32))
    }
}

/// A number from 2³¹ up has four bytes, as Kamailio sends its counters: [`Int::as_i64`] is negative.
impl From<u32> for Int {
    fn from(number: u32) -> Self {
        Self::new(number.into())
    }
}

/// A number that fits into an `i32` becomes the same `Int` as the `i32`, as Kamailio would send it. No number changes its sign:
/// those from 2³¹ to 2³² have five bytes.
impl From<i64> for Int {
    fn from(number: i64) -> Self {
        i32::try_from(number).map_or_else(|_| Self::unambiguous(number as u64), Self::from)
    }
}

/// Numbers from 2³¹ to 2³² have five bytes, so that none is read as negative.
impl From<u64> for Int {
    fn from(number: u64) -> Self {
        Self::unambiguous(number)
    }
}

/// Both readings if they differ: `Int(4294967291 or -5)`.
impl fmt::Debug for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_u64(), self.as_i64()) {
            (unsigned, signed @ ..0) => write!(f, "Int({unsigned} or {signed})"),
            (unsigned, _) => write!(f, "Int({unsigned})"),
        }
    }
}

/// A fixed-point number: thousandths in 0 to 8 bytes, signed only in 8 bytes (`ctl/binrpc.h`, `binrpc_add_double_type`).
///
/// ```
/// use kamailio_binrpc::Double;
///
/// assert_eq!(Double::from_milli(1_500).as_f64(), Some(1.5));
/// assert_eq!(Double::from_milli(i64::MIN).as_f64(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Double {
    milli: i64,
}

impl Double {
    /// A double of at most 8 bytes, big endian.
    #[inline]
    pub(super) fn from_wire(bytes: &[u8]) -> Self {
        Self { milli: big_endian(bytes) as i64 }
    }

    /// Creates a double from thousandths.
    pub fn from_milli(milli: i64) -> Self {
        Self { milli }
    }

    /// Returns the number in thousandths, as it is on the wire.
    pub fn milli(self) -> i64 {
        self.milli
    }

    /// Returns the number, or `None` for `i64::MIN` thousandths and for 2³¹: Kamailio's cast turns infinity, NaN and any
    /// number too large for the wire into the first, and up to Kamailio 5.4, where the cast is to `int`, into the second.
    pub fn as_f64(self) -> Option<f64> {
        (!NO_VALUE.contains(&self.milli)).then(|| self.milli as f64 / 1000.0)
    }

    /// The number, if it has a value and no fraction.
    pub(super) fn whole(self) -> Option<i64> {
        (self.milli % 1000 == 0).then_some(self.milli / 1000)
    }
}

/// `i64::MIN`, and `i32::MIN` as its four bytes are read. The latter may also be a true 2147483.648, which no field of
/// Kamailio is known to reach.
const NO_VALUE: [i64; 2] = [i64::MIN, 1 << 31];

/// The number, or `Double(no value)`.
impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_f64() {
            Some(number) => write!(f, "Double({number})"),
            None => f.write_str("Double(no value)"),
        }
    }
}

/// At most 8 bytes as a number.
#[inline]
pub(crate) fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_int_has_the_size_that_kamailio_would_send() {
        for (int, size, unsigned, signed) in [
            (Int::from(0), 0, 0, 0),
            (Int::from(127_u32), 1, 127, 127),
            (Int::from(255), 1, 255, 255),
            (Int::from(-5), 4, 0xffff_fffb, -5),
            (Int::from(u32::MAX), 4, 0xffff_ffff, -1),
            (Int::from(-5_i64), 4, 0xffff_fffb, -5),
            (Int::from(1_i64 << 40), 6, 1 << 40, 1 << 40),
            (Int::from(i64::MIN), 8, 1 << 63, i64::MIN),
            (Int::from(u64::MAX), 8, u64::MAX, -1),
            (Int::from(3_000_000_000_u32), 4, 3_000_000_000, -1_294_967_296),
            (Int::from(3_000_000_000_i64), 5, 3_000_000_000, 3_000_000_000),
            (Int::from(3_000_000_000_u64), 5, 3_000_000_000, 3_000_000_000),
            (Int::from(u64::from(u32::MAX) + 1), 5, 1 << 32, 1 << 32),
            (Int::from((1_u64 << 31) - 1), 4, (1 << 31) - 1, (1 << 31) - 1),
        ] {
            assert_eq!((int.size(), int.as_u64(), int.as_i64()), (size, unsigned, signed));
        }
    }

    #[test]
    fn a_double_without_a_value_has_no_whole_number_either() {
        assert_eq!(Double::from_milli(i64::MIN).whole(), None);
        assert_eq!(Double::from_milli(-2_000).whole(), Some(-2));
        assert_eq!(Double::from_milli(2_001).whole(), None);
    }
}
