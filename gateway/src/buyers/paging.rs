//! Pages of lists: numbered from 1, of a bounded size.

use crate::http::problem::ApiError;

/// Entries on a page where nobody says.
pub const SIZE_DEFAULT: u32 = 20;
/// The most entries on a page.
pub const SIZE_MAX: u32 = 100;

/// One page of a list, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// At most [`SIZE_MAX`].
    pub size: u32,
}

impl Page {
    /// Checks what a query said.
    ///
    /// # Errors
    /// [`crate::http::Code::InvalidParameter`] naming `page` or `size`.
    pub fn check(number: Option<u32>, size: Option<u32>) -> Result<Self, ApiError> {
        let number = number.unwrap_or(1);
        if number == 0 {
            return Err(ApiError::parameter("page", "pages are counted from 1"));
        }
        let size = size.unwrap_or(SIZE_DEFAULT);
        if !(1..=SIZE_MAX).contains(&size) {
            return Err(ApiError::parameter("size", format!("it must be 1 to {SIZE_MAX}")));
        }
        Ok(Self { number, size })
    }

    /// Entries before this page.
    pub fn skip(self) -> usize {
        (self.number as usize - 1).saturating_mul(self.size as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded() {
        assert_eq!(Page::check(None, None).expect("good"), Page { number: 1, size: 20 });
        assert_eq!(Page::check(Some(3), Some(100)).expect("good").skip(), 200);
        assert_eq!(Page::check(Some(u32::MAX), Some(1)).expect("good").skip(), 4_294_967_294);
        for (number, size) in [(Some(0), None), (None, Some(0)), (None, Some(101))] {
            assert!(Page::check(number, size).is_err(), "{number:?} {size:?}");
        }
    }
}
