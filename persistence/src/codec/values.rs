//! How single values and lists lie on disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use usher_engine::accounts::{ApiKeyNo, LoginHash, Proof, SessionNo};
use usher_engine::id::{AccountNo, DocumentHash, HoldNo, PlaceNo, ShowKey, TicketNonce};
use usher_engine::inventory::{KeyEntry, Keys, Payment, Payments, Ticket, Tickets};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan};
use usher_engine::planted::planted;
use usher_engine::room::{EntryId, PassGoods, PassNo};
use usher_engine::seats::Seats;
use usher_engine::{BuyerId, Cents, Currency, Timestamp};

use super::CodecError;
use super::layout::{OnDisk, list_len};
use super::pack::{Pen, Source, put_bytes, put_len};

/// A number has the width of its type, and its least significant byte first.
macro_rules! as_number {
    ($($name:ty),+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline(always)]
            fn store_with(&self, pen: &mut Pen<'_>) {
                pen.put(self.to_le_bytes());
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                from.fixed("a number").map(Self::from_le_bytes)
            }
        }
    )+ };
}

as_number!(u8, u16, u32, u64, i64);

impl OnDisk for bool {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    #[inline(always)]
    fn store_with(&self, pen: &mut Pen<'_>) {
        pen.put([u8::from(*self)]);
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let wanted = "true or false";
        match from.byte(wanted)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Malformed { wanted }),
        }
    }
}

/// A text cannot be longer than the payload that it is in, which `frame` bounds.
macro_rules! as_text {
    ($($name:ty),+) => { $(
        impl OnDisk for $name {
            fn store(&self, out: &mut Vec<u8>) {
                put_bytes(out, self.as_bytes());
            }

            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                let wanted = "a text";
                let text = str::from_utf8(from.bytes(wanted)?);
                text.map(Self::from).map_err(|_| CodecError::Malformed { wanted })
            }
        }
    )+ };
}

as_text!(String, Box<str>);

/// A newtype is what it wraps.
macro_rules! as_inside {
    ($($name:ident),+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store(&self, out: &mut Vec<u8>) {
                self.0.store(out);
            }

            #[inline(always)]
            fn store_with(&self, pen: &mut Pen<'_>) {
                self.0.store_with(pen);
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                OnDisk::load(from).map(Self)
            }
        }
    )+ };
}

as_inside!(
    AccountNo,
    ApiKeyNo,
    BuyerId,
    Cents,
    DocumentHash,
    EntryId,
    HoldNo,
    LoginHash,
    PassGoods,
    PassNo,
    PlaceNo,
    PlanId,
    Proof,
    SeatIx,
    SessionNo,
    ShowKey,
    TicketNonce,
    Timestamp
);

/// 16 bytes, most significant first.
impl OnDisk for u128 {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        self.to_be_bytes().store(out);
    }

    #[inline(always)]
    fn store_with(&self, pen: &mut Pen<'_>) {
        pen.put(self.to_be_bytes());
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        OnDisk::load(from).map(Self::from_be_bytes)
    }
}

/// Its three letters.
impl OnDisk for Currency {
    fn store(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.code().as_bytes());
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let letters: [u8; 3] = from.fixed("a currency")?;
        let currency = str::from_utf8(&letters).ok().and_then(Self::new);
        currency.ok_or(CodecError::Impossible { what: "currency" })
    }
}

/// A plan is kept elsewhere; here is its id.
impl OnDisk for Arc<SeatPlan> {
    fn store(&self, out: &mut Vec<u8>) {
        self.id().store(out);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let id = PlanId::load(from)?;
        from.plans.plan(id).ok_or(CodecError::UnknownPlan(id))
    }
}

/// Seats in their order, which is that of the tickets.
impl OnDisk for Seats {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        self.store_with(&mut Pen::new(out));
    }

    #[inline(always)]
    fn store_with(&self, pen: &mut Pen<'_>) {
        let len = u32::try_from(self.len()).expect("payloads are far smaller");
        len.store_with(pen);
        let out = pen.behind();
        let mut before = 0;
        for seat in self {
            match planted("seats-kept-without-direction") {
                true => (before + seat.0.abs_diff(before)).store(out),
                false => seat.store(out),
            }
            before = seat.0;
        }
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let (len, room) = list_len::<SeatIx>(from)?;
        let mut few = [SeatIx(0); Self::IN_PLACE_MAX];
        if let Some(few) = few.get_mut(..len as usize) {
            for seat in &mut *few {
                *seat = SeatIx::load(from)?;
            }
            return Ok(Self::from(&*few));
        }
        let mut seats = Vec::with_capacity(room);
        for _ in 0..len {
            seats.push(SeatIx::load(from)?);
        }
        Ok(Self::from(seats))
    }
}

impl<T: OnDisk> OnDisk for Box<T> {
    fn store(&self, out: &mut Vec<u8>) {
        (**self).store(out);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        T::load(from).map(Self::new)
    }
}

impl<T: OnDisk> OnDisk for Vec<T> {
    fn store(&self, out: &mut Vec<u8>) {
        put_len(out, self.len());
        for element in self {
            element.store(out);
        }
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let (len, room) = list_len::<T>(from)?;
        let mut list = Self::with_capacity(room);
        for _ in 0..len {
            list.push(T::load(from)?);
        }
        Ok(list)
    }
}

/// As any list.
impl<T: OnDisk> OnDisk for VecDeque<T> {
    fn store(&self, out: &mut Vec<u8>) {
        put_len(out, self.len());
        for element in self {
            element.store(out);
        }
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        Vec::load(from).map(Self::from)
    }
}

/// As any list: their memory is another matter.
macro_rules! as_list {
    ($($name:ty: $element:ty),+) => { $(
        impl OnDisk for $name {
            fn store(&self, out: &mut Vec<u8>) {
                put_len(out, self.len());
                for element in self {
                    element.store(out);
                }
            }

            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                let (len, room) = list_len::<$element>(from)?;
                let mut list = Self::with_capacity(room);
                for _ in 0..len {
                    list.push(<$element>::load(from)?);
                }
                Ok(list)
            }
        }
    )+ };
}

as_list!(Keys: KeyEntry, Payments: Payment, Tickets: Ticket);

impl<T: OnDisk, U: OnDisk> OnDisk for (T, U) {
    fn store(&self, out: &mut Vec<u8>) {
        self.0.store(out);
        self.1.store(out);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        Ok((T::load(from)?, U::load(from)?))
    }
}

/// As a list of pairs, in the order of the keys.
impl<K: OnDisk + Ord, V: OnDisk> OnDisk for BTreeMap<K, V> {
    fn store(&self, out: &mut Vec<u8>) {
        put_len(out, self.len());
        for (key, value) in self {
            key.store(out);
            value.store(out);
        }
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let mut map = Self::new();
        for _ in 0..from.len()? {
            if map.insert(K::load(from)?, V::load(from)?).is_some() {
                return Err(CodecError::Impossible { what: "doubled key" });
            }
        }
        Ok(map)
    }
}

/// 0, or 1 and the value.
impl<T: OnDisk> OnDisk for Option<T> {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        self.store_with(&mut Pen::new(out));
    }

    #[inline(always)]
    fn store_with(&self, pen: &mut Pen<'_>) {
        self.is_some().store_with(pen);
        // Written at the end of either branch: where they meet, the pen has one length.
        match self {
            Some(value) => {
                value.store_with(pen);
                pen.behind();
            }
            None => {
                pen.behind();
            }
        }
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        if bool::load(from)? { T::load(from).map(Some) } else { Ok(None) }
    }
}

impl OnDisk for Box<[u8]> {
    fn store(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        from.bytes("bytes").map(Self::from)
    }
}

/// As they are: everybody knows how many there are.
impl<const N: usize> OnDisk for [u8; N] {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        from.fixed("bytes")
    }
}
