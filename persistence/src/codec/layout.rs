//! How values of the engine lie on disk: the means with which the tables in `events` and `image`
//! are written.
//!
//! The engine knows no format. [`OnDisk`] gives its types one, and three macros write it for whole
//! types from a table:
//!
//! - [`row!`]: a struct is an array of its fields, in the order of the table;
//! - [`tagged!`]: an enum is an array of the variant's tag and its fields;
//! - [`numbered!`]: an enum without fields is its tag alone.
//!
//! What always holds: the tables name every field and every variant, in patterns and expressions
//! without a rest, so a type that grows does not compile until its table has grown. An array of
//! another length than the table says is refused. Memory follows what was really read, at most
//! [`AHEAD_BYTES_MAX`] ahead of it, whatever length the bytes claim.

use super::CodecError;
use super::pack::Source;

/// Memory that a list may reserve on the word of its length alone.
const AHEAD_BYTES_MAX: usize = 4_096;

/// A value that has a place on disk.
pub(super) trait OnDisk: Sized {
    /// Writes the value behind `out`.
    fn store(&self, out: &mut Vec<u8>);

    /// Reads what [`OnDisk::store`] wrote.
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError>;
}

/// Reads the length of a list, and says for how many of its elements to make room at once.
pub(super) fn list_len<T>(from: &mut Source<'_>) -> Result<(u32, usize), CodecError> {
    let len = from.array()?;
    let at_most = AHEAD_BYTES_MAX / size_of::<T>().max(1);
    Ok((len, (len as usize).min(at_most)))
}

/// Refuses an array of another length than its table has.
#[inline]
pub(super) fn check_len(found: u32, wanted: usize) -> Result<(), CodecError> {
    let found = found as usize;
    if found == wanted { Ok(()) } else { Err(CodecError::WrongLength { found, wanted }) }
}

/// A struct as an array of its fields.
macro_rules! row {
    ($($name:ident { $($field:ident),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                put_array(out, [$(stringify!($field)),+].len());
                $( $field.store(out); )+
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                check_len(from.array()?, [$(stringify!($field)),+].len())?;
                $( let $field = OnDisk::load(from)?; )+
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
            fn store(&self, out: &mut Vec<u8>) {
                match self { $(
                    Self::$variant { $($($field),+)? $(0: $inner)? } => {
                        let fields: &[&str] =
                            &[$($(stringify!($field)),+)? $(stringify!($inner))?];
                        put_array(out, 1 + fields.len());
                        put_unsigned(out, $tag);
                        $($( $field.store(out); )+)?
                        $( $inner.store(out); )?
                    }
                )+ }
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                let len = from.array()?;
                match from.unsigned::<u8>()? {
                    $( $tag => {
                        let fields: &[&str] =
                            &[$($(stringify!($field)),+)? $(stringify!($inner))?];
                        check_len(len, 1 + fields.len())?;
                        $($( let $field = OnDisk::load(from)?; )+)?
                        $( let $inner = OnDisk::load(from)?; )?
                        Ok(Self::$variant { $($($field),+)? $(0: $inner)? })
                    } )+
                    tag => Err(CodecError::UnknownTag { of: stringify!($name), tag }),
                }
            }
        }
    )+ };
}

/// An enum without fields as its tag. A tag is never used again.
macro_rules! numbered {
    ($($name:ident { $($tag:literal = $variant:ident),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            fn store(&self, out: &mut Vec<u8>) {
                put_unsigned(out, match self { $( Self::$variant => $tag, )+ });
            }

            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                match from.unsigned::<u8>()? {
                    $( $tag => Ok(Self::$variant), )+
                    tag => Err(CodecError::UnknownTag { of: stringify!($name), tag }),
                }
            }
        }
    )+ };
}

pub(super) use {numbered, row, tagged};
