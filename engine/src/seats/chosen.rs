//! The seats of one wish or claim.
//!
//! Most are of a few seats, and every hold hands them on three times: from the wish to the event,
//! from there to the hold. So a few lie in place, with a width that does not depend on how many
//! they are: copying them is two moves between registers, where a list of any length (also one that
//! lies in place, such as `SmallVec`) asks for its length and calls `memcpy`.

use std::fmt;
use std::ops::Deref;

use crate::plan::SeatIx;

/// Some seats, in the order in which they were asked for, which is that of the tickets. Reads as a
/// slice; never changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Seats(Kept);

/// What always holds: whatever fits in place is there.
#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// The first `count` of these; the others are seat 0, so that equal seats are equal bytes.
    InPlace {
        count: u32,
        seats: [SeatIx; Seats::IN_PLACE_MAX],
    },
    Boxed(Box<[SeatIx]>),
}

impl Seats {
    /// So many seats take no memory of their own.
    pub const IN_PLACE_MAX: usize = 4;
}

impl Deref for Seats {
    type Target = [SeatIx];

    #[inline]
    fn deref(&self) -> &[SeatIx] {
        match &self.0 {
            Kept::InPlace { count, seats } => &seats[..*count as usize],
            Kept::Boxed(seats) => seats,
        }
    }
}

impl From<&[SeatIx]> for Seats {
    #[inline]
    fn from(seats: &[SeatIx]) -> Self {
        if seats.len() > Self::IN_PLACE_MAX {
            return Self(Kept::Boxed(seats.into()));
        }
        let in_place = std::array::from_fn(|i| seats.get(i).copied().unwrap_or(SeatIx(0)));
        Self(Kept::InPlace { count: seats.len() as u32, seats: in_place })
    }
}

impl From<Vec<SeatIx>> for Seats {
    fn from(seats: Vec<SeatIx>) -> Self {
        match seats.len() {
            ..=Self::IN_PLACE_MAX => Self::from(&*seats),
            _ => Self(Kept::Boxed(seats.into())),
        }
    }
}

impl<const N: usize> From<[SeatIx; N]> for Seats {
    fn from(seats: [SeatIx; N]) -> Self {
        Self::from(&seats[..])
    }
}

impl FromIterator<SeatIx> for Seats {
    fn from_iter<I: IntoIterator<Item = SeatIx>>(seats: I) -> Self {
        Self::from(seats.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a Seats {
    type Item = &'a SeatIx;
    type IntoIter = std::slice::Iter<'a, SeatIx>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&**self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_they_were_made_of() {
        for count in 0..=9 {
            let made_of: Vec<SeatIx> = (0..count).map(|i| SeatIx(100 - i)).collect();
            let seats = Seats::from(&made_of[..]);
            assert_eq!(*seats, made_of);
            assert!(seats.iter().eq(&made_of) && (&seats).into_iter().eq(&made_of));
            assert_eq!(seats, Seats::from(made_of.clone()), "from a list");
            assert_eq!(seats, made_of.iter().copied().collect(), "one by one");
            assert_eq!(seats, seats.clone());
            assert_eq!(format!("{seats:?}"), format!("{made_of:?}"));
            let is_in_place = matches!(seats.0, Kept::InPlace { .. });
            assert_eq!(is_in_place, count as usize <= Seats::IN_PLACE_MAX);
        }
        assert_eq!(Seats::from([7, 8].map(SeatIx)), Seats::from(vec![SeatIx(7), SeatIx(8)]));
        assert_ne!(Seats::from([SeatIx(0)]), Seats::from([SeatIx(0); 2]), "seat 0 counts as well");
    }

    /// A claim with its kind is no larger than its seats.
    #[test]
    fn they_take_little_room() {
        assert_eq!((size_of::<Seats>(), size_of::<crate::inventory::Claim>()), (24, 24));
    }
}
