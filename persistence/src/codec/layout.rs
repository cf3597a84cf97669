//! How values of the engine lie on disk: the means with which the tables in `events` and `image`
//! are written.
//!
//! The engine knows no format. [`OnDisk`] gives its types one, and three macros write it for whole
//! types from a table:
//!
//! - [`row!`]: a struct is its fields, in the order of the table;
//! - [`tagged!`]: an enum is the variant's tag, a byte, and its fields;
//! - [`numbered!`]: an enum without fields is its tag alone.
//!
//! What always holds: the tables name every field and every variant, in patterns and expressions
//! without a rest, so a type that grows does not compile until its table has grown. Memory follows
//! what was really read, at most [`AHEAD_BYTES_MAX`] ahead of it, whatever length the bytes claim.

use super::CodecError;
use super::pack::{Pen, Source};

/// Memory that a list may reserve on the word of its length alone.
const AHEAD_BYTES_MAX: usize = 4_096;

/// A value that has a place on disk.
pub(super) trait OnDisk: Sized {
    /// Writes the value behind `out`.
    fn store(&self, out: &mut Vec<u8>);

    /// Writes the value behind what the pen has written. A value that is always as wide writes
    /// itself with the pen.
    #[inline(always)]
    fn store_with(&self, pen: &mut Pen<'_>) {
        self.store(pen.behind());
    }

    /// Reads what [`OnDisk::store`] wrote.
    fn load(from: &mut Source<'_>) -> Result<Self, CodecError>;
}

/// Reads the length of a list, and says for how many of its elements to make room at once.
pub(super) fn list_len<T>(from: &mut Source<'_>) -> Result<(u32, usize), CodecError> {
    let len = from.len()?;
    let at_most = AHEAD_BYTES_MAX / size_of::<T>().max(1);
    Ok((len, (len as usize).min(at_most)))
}

/// A struct as its fields.
macro_rules! row {
    ($($name:ident { $($field:ident),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store(&self, out: &mut Vec<u8>) {
                let mut pen = Pen::new(out);
                self.store_with(&mut pen);
                pen.behind();
            }

            #[inline(always)]
            fn store_with(&self, pen: &mut Pen<'_>) {
                let Self { $($field),+ } = self;
                $( $field.store_with(pen); )+
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                $( let $field = OnDisk::load(from)?; )+
                Ok(Self { $($field),+ })
            }
        }
    )+ };
}

/// An enum as a tag and the fields of the variant. A tag is never used again.
macro_rules! tagged {
    ($($name:ident { $(
        $tag:literal = $variant:ident $({ $($field:ident),+ $(,)? })? $(($inner:ident))?
    ),+ $(,)? })+) => { $(
        impl OnDisk for $name {
            #[inline]
            fn store(&self, out: &mut Vec<u8>) {
                match self { $(
                    Self::$variant { $($($field),+)? $(0: $inner)? } => {
                        let mut pen = Pen::new(out);
                        pen.put([$tag]);
                        $($( $field.store_with(&mut pen); )+)?
                        $( $inner.store_with(&mut pen); )?
                        pen.behind();
                    }
                )+ }
            }

            #[inline]
            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                match from.byte("a tag")? {
                    $( $tag => {
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
                out.push(match self { $( Self::$variant => $tag, )+ });
            }

            fn load(from: &mut Source<'_>) -> Result<Self, CodecError> {
                match from.byte("a tag")? {
                    $( $tag => Ok(Self::$variant), )+
                    tag => Err(CodecError::UnknownTag { of: stringify!($name), tag }),
                }
            }
        }
    )+ };
}

pub(super) use {numbered, row, tagged};
