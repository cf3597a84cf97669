//! Memory for what is large and there for a moment only: the document of a seating plan.
//!
//! The allocator gives back what was free for a second, and until then hands it out again. A
//! document of 14 MB was written to from end to end, so whoever is given a part of it keeps all of
//! that part in memory, however little of it is used: 5 MB, for ever, where shows are made right
//! after their plan came. Here memory comes from the system and goes back when it is let go of.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Deref;
use std::path::Path;

use memmap2::MmapMut;

/// Bytes in memory of their own.
pub struct OwnPages {
    /// Only what was written to takes memory.
    room: MmapMut,
    used: usize,
}

impl OwnPages {
    /// Nothing yet, and room for so many bytes.
    ///
    /// # Errors
    /// Where the system has not as much.
    pub fn with_room(bytes: usize) -> io::Result<Self> {
        // There is no mapping of nothing.
        Ok(Self { room: MmapMut::map_anon(bytes.max(1))?, used: 0 })
    }

    /// All that is in a file, which must not change meanwhile.
    ///
    /// # Errors
    /// Where it cannot be read, or there is no memory for it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut pages = Self::with_room(bytes)?;
        file.read_exact(&mut pages.room[..bytes])?;
        pages.used = bytes;
        Ok(pages)
    }

    /// Adds bytes at the end.
    ///
    /// # Panics
    /// Where there is no room for them.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        self.room[self.used..end].copy_from_slice(bytes);
        self.used = end;
    }
}

impl Deref for OwnPages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[..self.used]
    }
}

impl AsRef<[u8]> for OwnPages {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for OwnPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnPages").field("used", &self.used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there() {
        let mut pages = OwnPages::with_room(10_000).unwrap();
        assert_eq!(&*pages, b"");
        pages.extend_from_slice(b"one ");
        pages.extend_from_slice(&[b'x'; 9_000]);
        assert_eq!(pages.len(), 9_004);
        assert_eq!(&pages[..6], b"one xx");
        assert!(OwnPages::with_room(0).unwrap().is_empty());
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn there_is_no_more_room_than_was_asked_for() {
        OwnPages::with_room(3).unwrap().extend_from_slice(b"four");
    }

    #[test]
    fn a_file_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for content in [vec![], vec![7; 5], vec![9; 100_000]] {
            std::fs::write(&path, &content).unwrap();
            assert_eq!(*OwnPages::read(&path).unwrap(), content[..]);
        }
        let missing = OwnPages::read(&dir.path().join("none")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
