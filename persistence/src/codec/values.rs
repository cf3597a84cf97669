//! How single values and lists lie on disk, where MessagePack leaves a choice.

use std::collections::BTreeMap;
use std::sync::Arc;

use usher_engine::id::{HoldNo, ShowKey, TicketNonce};
use usher_engine::inventory::{KeyEntry, Keys, Seats};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan};
use usher_engine::planted::planted;
use usher_engine::{BuyerId, Cents, Currency, Timestamp};

use super::CodecError;
use super::layout::{OnDisk, check_len, list_len};
use super::pack::{
    Source, put_array, put_boolean, put_bytes, put_nil, put_signed, put_text, put_unsigned,
};

macro_rules! as_number {
    ($($name:ty: $put:ident, $take:ident);+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store(&self, out: &mut Vec<u8>) {
                $put(out, (*self).into());
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                from.$take()
            }
        }
    )+ };
}

as_number! {
    u8: put_unsigned, unsigned;
    u16: put_unsigned, unsigned;
    u32: put_unsigned, unsigned;
    u64: put_unsigned, unsigned;
    i64: put_signed, signed
}

impl OnDisk for bool {
    fn store(&self, out: &mut Vec<u8>) {
        put_boolean(out, *self);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        from.boolean()
    }
}

/// A text cannot be longer than the payload that it is in, which `frame` bounds.
macro_rules! as_text {
    ($($name:ty),+) => { $(
        impl OnDisk for $name {
            fn store(&self, out: &mut Vec<u8>) {
                put_text(out, self);
            }

            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                from.text().map(Self::from)
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

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                OnDisk::load(from).map(Self)
            }
        }
    )+ };
}

as_inside!(BuyerId, Cents, HoldNo, PlanId, SeatIx, ShowKey, TicketNonce, Timestamp);

/// 16 bytes, most significant first.
impl OnDisk for u128 {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        self.to_be_bytes().store(out);
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        OnDisk::load(from).map(Self::from_be_bytes)
    }
}

/// Its three letters.
impl OnDisk for Currency {
    fn store(&self, out: &mut Vec<u8>) {
        put_text(out, self.code());
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        Self::new(from.text()?).ok_or(CodecError::Impossible { what: "currency" })
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

/// Seats in their order, each as the distance from the one before; neighbours take one byte.
impl OnDisk for Seats {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        put_array(out, self.len());
        let mut before = 0;
        for seat in self {
            let here = i64::from(seat.0);
            let is_unsigned = planted("seats-kept-without-direction");
            let distance = if is_unsigned { (here - before).abs() } else { here - before };
            put_signed(out, distance);
            before = here;
        }
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let (len, room) = list_len::<SeatIx>(from)?;
        let mut seats = Self::with_capacity(room);
        let mut before = 0_i64;
        for _ in 0..len {
            let distance = from.signed()?;
            let seat = before.checked_add(distance).and_then(|here| u32::try_from(here).ok());
            let seat = seat.ok_or(CodecError::Impossible { what: "seat" })?;
            seats.push(SeatIx(seat));
            before = i64::from(seat);
        }
        Ok(seats)
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
        put_array(out, self.len());
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
impl OnDisk for Keys {
    fn store(&self, out: &mut Vec<u8>) {
        put_array(out, self.len());
        for key in self {
            key.store(out);
        }
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let (len, room) = list_len::<KeyEntry>(from)?;
        let mut keys = Self::with_capacity(room);
        for _ in 0..len {
            keys.push(KeyEntry::load(from)?);
        }
        Ok(keys)
    }
}

impl<T: OnDisk, U: OnDisk> OnDisk for (T, U) {
    fn store(&self, out: &mut Vec<u8>) {
        put_array(out, 2);
        self.0.store(out);
        self.1.store(out);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        check_len(from.array()?, 2)?;
        Ok((T::load(from)?, U::load(from)?))
    }
}

/// Key, value, key, value, in the order of the keys.
impl<K: OnDisk + Ord, V: OnDisk> OnDisk for BTreeMap<K, V> {
    fn store(&self, out: &mut Vec<u8>) {
        put_array(out, 2 * self.len());
        for (key, value) in self {
            key.store(out);
            value.store(out);
        }
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let len = from.array()?;
        check_len(len % 2, 0)?;
        let mut map = Self::new();
        for _ in 0..len / 2 {
            if map.insert(K::load(from)?, V::load(from)?).is_some() {
                return Err(CodecError::Impossible { what: "doubled key" });
            }
        }
        Ok(map)
    }
}

/// `nil`, or the value.
impl<T: OnDisk> OnDisk for Option<T> {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        match self {
            None => put_nil(out),
            Some(value) => value.store(out),
        }
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        if from.nil_if_any() { Ok(None) } else { T::load(from).map(Some) }
    }
}

impl OnDisk for Box<[u8]> {
    fn store(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }

    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        from.bytes().map(Self::from)
    }
}

impl<const N: usize> OnDisk for [u8; N] {
    #[inline]
    fn store(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }

    #[inline]
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
        let bytes = from.bytes()?;
        bytes.try_into().map_err(|_| CodecError::WrongLength { found: bytes.len(), wanted: N })
    }
}
