//! How values of the engine lie on disk: the means with which the tables in `events` and `image`
//! are written.
//!
//! The engine knows no format, so serde's own traits cannot be derived there. [`OnDisk`] is their
//! counterpart in this crate, and three macros write it for whole types from a table:
//!
//! - [`row!`]: a struct is an array of its fields, in the order of the table;
//! - [`tagged!`]: an enum is an array of the variant's tag and its fields;
//! - [`numbered!`]: an enum without fields is its tag alone.
//!
//! What always holds: the tables name every field and every variant, in patterns and expressions
//! without a rest, so a type that grows does not compile until its table has grown. An array of
//! another length than the table says is refused. Memory follows what was really read, at most
//! [`AHEAD_BYTES_MAX`] ahead of it, whatever length the bytes claim.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use usher_engine::plan::{PlanId, SeatPlan};

use super::{CodecError, Payload, PlanSource};

/// Memory that a list may reserve on the word of its length alone.
const AHEAD_BYTES_MAX: usize = 4_096;

/// A value that has a place on disk.
pub(super) trait OnDisk: Sized {
    /// Writes the value.
    fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;

    /// Reads what [`OnDisk::store`] wrote.
    fn load<'de, D: Deserializer<'de>>(from: D, with: &Loading<'_>) -> Result<Self, D::Error>;
}

/// What reading needs besides the bytes.
pub(super) struct Loading<'a> {
    plans: &'a dyn PlanSource,
    /// A refusal with more to say than serde's error type can carry.
    refusal: Cell<Option<CodecError>>,
}

impl<'a> Loading<'a> {
    pub(super) fn new(plans: &'a dyn PlanSource) -> Self {
        Self { plans, refusal: Cell::new(None) }
    }

    /// Reads one value, and turns serde's error back into what it stands for.
    pub(super) fn read<T: OnDisk>(&self, from: &mut Payload<'_>) -> Result<T, CodecError> {
        T::load(from, self)
            .map_err(|error| self.refusal.take().unwrap_or(CodecError::Malformed(error)))
    }

    /// A plan by its id, if it is at hand.
    pub(super) fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        self.plans.plan(id)
    }

    /// Keeps the reason and gives serde the error that it wants.
    pub(super) fn refuse<E: serde::de::Error>(&self, reason: CodecError) -> E {
        let error = E::custom(&reason);
        self.refusal.set(Some(reason));
        error
    }
}

/// Lends a value's [`OnDisk::store`] to serde.
pub(super) struct Stored<'a, T>(pub(super) &'a T);

impl<T: OnDisk> Serialize for Stored<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.store(to)
    }
}

/// Lends a type's [`OnDisk::load`] to serde.
struct Load<'a, T>(&'a Loading<'a>, PhantomData<T>);

impl<'de, T: OnDisk> DeserializeSeed<'de> for Load<'_, T> {
    type Value = T;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        T::load(from, self.0)
    }
}

/// The elements of an array, read one after the other.
pub(super) struct Elements<'a, A> {
    seq: A,
    pub(super) with: &'a Loading<'a>,
}

impl<'de, A: SeqAccess<'de>> Elements<'_, A> {
    /// The next element, `None` behind the last one.
    #[inline]
    pub(super) fn next_if_any<T: OnDisk>(&mut self) -> Result<Option<T>, A::Error> {
        self.seq.next_element_seed(Load(self.with, PhantomData))
    }

    /// The next element, which must be there.
    #[inline]
    pub(super) fn next<T: OnDisk>(&mut self) -> Result<T, A::Error> {
        self.next_if_any()?.ok_or_else(|| A::Error::custom("an array is too short"))
    }

    /// Room for the elements still to come, within [`AHEAD_BYTES_MAX`].
    pub(super) fn reserve<T>(&self) -> Vec<T> {
        let at_most = AHEAD_BYTES_MAX / size_of::<T>().max(1);
        Vec::with_capacity(self.seq.size_hint().unwrap_or(0).min(at_most))
    }
}

/// What can be read from the elements of an array.
pub(super) trait FromArray: Sized {
    /// Reads all elements that the value has; serde refuses an array with more.
    fn from_array<'de, A: SeqAccess<'de>>(from: &mut Elements<'_, A>) -> Result<Self, A::Error>;
}

/// Reads an array.
#[inline]
pub(super) fn load_array<'de, T: FromArray, D: Deserializer<'de>>(
    from: D,
    with: &Loading<'_>,
) -> Result<T, D::Error> {
    from.deserialize_seq(ArrayVisitor(with, PhantomData))
}

struct ArrayVisitor<'a, T>(&'a Loading<'a>, PhantomData<T>);

impl<'de, T: FromArray> Visitor<'de> for ArrayVisitor<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::from_array(&mut Elements { seq, with: self.0 })
    }
}

/// A struct as an array of its fields.
macro_rules! row {
    ($($name:ident { $($field:ident),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let Self { $($field),+ } = self;
                let mut row = to.serialize_tuple([$(stringify!($field)),+].len())?;
                $( row.serialize_element(&Stored($field))?; )+
                row.end()
            }

            #[inline]
            fn load<'de, D: Deserializer<'de>>(
                from: D,
                with: &Loading<'_>,
            ) -> Result<Self, D::Error> {
                load_array(from, with)
            }
        }

        impl FromArray for $name {
            #[inline]
            fn from_array<'de, A: SeqAccess<'de>>(
                from: &mut Elements<'_, A>,
            ) -> Result<Self, A::Error> {
                $( let $field = from.next()?; )+
                Ok(Self { $($field),+ })
            }
        }
    )+ };
}

/// An enum as an array of a tag and the fields of the variant. A tag is never used again.
macro_rules! tagged {
    ($($name:ident { $(
        $tag:literal = $variant:ident $({ $($field:ident),+ $(,)? })? $(($inner:ident))?
    ),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self { $(
                    Self::$variant { $($($field),+)? $(0: $inner)? } => {
                        let fields: &[&str] =
                            &[$($(stringify!($field)),+)? $(stringify!($inner))?];
                        let mut row = to.serialize_tuple(1 + fields.len())?;
                        row.serialize_element::<u8>(&$tag)?;
                        $($( row.serialize_element(&Stored($field))?; )+)?
                        $( row.serialize_element(&Stored($inner))?; )?
                        row.end()
                    }
                )+ }
            }

            #[inline]
            fn load<'de, D: Deserializer<'de>>(
                from: D,
                with: &Loading<'_>,
            ) -> Result<Self, D::Error> {
                load_array(from, with)
            }
        }

        impl FromArray for $name {
            #[inline]
            fn from_array<'de, A: SeqAccess<'de>>(
                from: &mut Elements<'_, A>,
            ) -> Result<Self, A::Error> {
                match from.next::<u8>()? {
                    $( $tag => {
                        $($( let $field = from.next()?; )+)?
                        $( let $inner = from.next()?; )?
                        Ok(Self::$variant { $($($field),+)? $(0: $inner)? })
                    } )+
                    tag => {
                        let of = stringify!($name);
                        Err(from.with.refuse(CodecError::UnknownTag { of, tag }))
                    }
                }
            }
        }
    )+ };
}

/// An enum without fields as its tag. A tag is never used again.
macro_rules! numbered {
    ($($name:ident { $($tag:literal = $variant:ident),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            fn store<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_u8(match self { $( Self::$variant => $tag, )+ })
            }

            fn load<'de, D: Deserializer<'de>>(
                from: D,
                with: &Loading<'_>,
            ) -> Result<Self, D::Error> {
                match u8::deserialize(from)? {
                    $( $tag => Ok(Self::$variant), )+
                    tag => {
                        let of = stringify!($name);
                        Err(with.refuse(CodecError::UnknownTag { of, tag }))
                    }
                }
            }
        }
    )+ };
}

pub(super) use {numbered, row, tagged};
