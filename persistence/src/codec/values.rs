//! How single values and lists lie on disk, where MessagePack leaves a choice.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use usher_engine::id::{HoldNo, ShowKey, TicketNonce};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan};
use usher_engine::{BuyerId, Cents, Currency, Timestamp};

use super::CodecError;
use super::layout::{Elements, FromArray, Loading, OnDisk, Stored, load_array};

/// What MessagePack and serde agree on by themselves. A text cannot be longer than the payload
/// that it is in, which `frame` bounds.
macro_rules! as_in_serde {
    ($($name:ty),+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.serialize(to)
            }

            #[inline]
            fn load<'de, D: Deserializer<'de>>(from: D, _: &Loading<'_>) -> Result<Self, D::Error> {
                Self::deserialize(from)
            }
        }
    )+ };
}

as_in_serde!(bool, u8, u16, u32, u64, i64, String, Box<str>);

/// A newtype is what it wraps.
macro_rules! as_inside {
    ($($name:ident),+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.store(to)
            }

            #[inline]
            fn load<'de, D: Deserializer<'de>>(
                from: D,
                with: &Loading<'_>,
            ) -> Result<Self, D::Error> {
                OnDisk::load(from, with).map(Self)
            }
        }
    )+ };
}

as_inside!(Cents, HoldNo, PlanId, SeatIx, ShowKey, TicketNonce, Timestamp);

/// 16 bytes, most significant first.
impl OnDisk for BuyerId {
    #[inline]
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.to_be_bytes().store(to)
    }

    #[inline]
    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        Ok(Self(u128::from_be_bytes(OnDisk::load(from, with)?)))
    }
}

/// Its three letters.
impl OnDisk for Currency {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        let code = String::deserialize(from)?;
        Self::new(&code).ok_or_else(|| with.refuse(CodecError::Impossible { what: "currency" }))
    }
}

/// A plan is kept elsewhere; here is its id.
impl OnDisk for Arc<SeatPlan> {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.id().store(to)
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        let id = PlanId::load(from, with)?;
        with.plan(id).ok_or_else(|| with.refuse(CodecError::UnknownPlan(id)))
    }
}

/// Seats in their order, each as the distance from the one before; neighbours take one byte.
impl OnDisk for Box<[SeatIx]> {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.len()))?;
        let mut before = 0;
        for seat in self {
            let here = i64::from(seat.0);
            list.serialize_element(&(here - before))?;
            before = here;
        }
        list.end()
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        load_array(from, with)
    }
}

impl FromArray for Box<[SeatIx]> {
    fn from_array<'de, A: SeqAccess<'de>>(from: &mut Elements<'_, A>) -> Result<Self, A::Error> {
        let mut seats = from.reserve();
        let mut before = 0_i64;
        while let Some(distance) = from.next_if_any::<i64>()? {
            let seat = before.checked_add(distance).and_then(|here| u32::try_from(here).ok());
            let Some(seat) = seat else {
                return Err(from.with.refuse(CodecError::Impossible { what: "seat" }));
            };
            seats.push(SeatIx(seat));
            before = i64::from(seat);
        }
        Ok(seats.into_boxed_slice())
    }
}

impl<T: OnDisk> OnDisk for Box<T> {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (**self).store(to)
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        T::load(from, with).map(Self::new)
    }
}

impl<T: OnDisk> OnDisk for Vec<T> {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.len()))?;
        for element in self {
            list.serialize_element(&Stored(element))?;
        }
        list.end()
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        load_array(from, with)
    }
}

impl<T: OnDisk> FromArray for Vec<T> {
    fn from_array<'de, A: SeqAccess<'de>>(from: &mut Elements<'_, A>) -> Result<Self, A::Error> {
        let mut list = from.reserve();
        while let Some(element) = from.next_if_any()? {
            list.push(element);
        }
        Ok(list)
    }
}

impl<T: OnDisk, U: OnDisk> OnDisk for (T, U) {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut pair = to.serialize_tuple(2)?;
        pair.serialize_element(&Stored(&self.0))?;
        pair.serialize_element(&Stored(&self.1))?;
        pair.end()
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        load_array(from, with)
    }
}

impl<T: OnDisk, U: OnDisk> FromArray for (T, U) {
    fn from_array<'de, A: SeqAccess<'de>>(from: &mut Elements<'_, A>) -> Result<Self, A::Error> {
        Ok((from.next()?, from.next()?))
    }
}

/// Key, value, key, value, in the order of the keys.
impl<K: OnDisk + Ord, V: OnDisk> OnDisk for BTreeMap<K, V> {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(2 * self.len()))?;
        for (key, value) in self {
            list.serialize_element(&Stored(key))?;
            list.serialize_element(&Stored(value))?;
        }
        list.end()
    }

    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        load_array(from, with)
    }
}

impl<K: OnDisk + Ord, V: OnDisk> FromArray for BTreeMap<K, V> {
    fn from_array<'de, A: SeqAccess<'de>>(from: &mut Elements<'_, A>) -> Result<Self, A::Error> {
        let mut map = Self::new();
        while let Some(key) = from.next_if_any()? {
            if map.insert(key, from.next()?).is_some() {
                return Err(from.with.refuse(CodecError::Impossible { what: "doubled key" }));
            }
        }
        Ok(map)
    }
}

/// `nil`, or the value.
impl<T: OnDisk> OnDisk for Option<T> {
    #[inline]
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            None => to.serialize_none(),
            Some(value) => value.store(to),
        }
    }

    #[inline]
    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error> {
        from.deserialize_option(OptionVisitor(with, PhantomData))
    }
}

struct OptionVisitor<'a, T>(&'a Loading<'a>, PhantomData<T>);

impl<'de, T: OnDisk> Visitor<'de> for OptionVisitor<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nil or a value")
    }

    #[inline]
    fn visit_none<E: serde::de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
        T::load(from, self.0).map(Some)
    }
}

impl OnDisk for Box<[u8]> {
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self)
    }

    fn load<'de, D: Deserializer<'de>>(from: D, _: &Loading<'_>) -> Result<Self, D::Error> {
        from.deserialize_bytes(BytesVisitor(PhantomData))
    }
}

impl<const N: usize> OnDisk for [u8; N] {
    #[inline]
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self)
    }

    #[inline]
    fn load<'de, D: Deserializer<'de>>(from: D, _: &Loading<'_>) -> Result<Self, D::Error> {
        from.deserialize_bytes(BytesVisitor(PhantomData))
    }
}

/// Makes of bytes whatever can be made of a slice.
struct BytesVisitor<T>(PhantomData<T>);

impl<'de, T: for<'a> TryFrom<&'a [u8]>> Visitor<'de> for BytesVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, as many as belong here")
    }

    #[inline]
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        T::try_from(bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}
