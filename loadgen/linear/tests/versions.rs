//! What versions must not do.

use usher_linear::SeatStatus::{self, Available as A, Held as H};
use usher_linear::{Broken, Told, check_versions};

fn told(from: u64, to: u64, version: u64, map: &[SeatStatus]) -> Told {
    let map = (!map.is_empty()).then(|| map.to_vec());
    Told { client: 1, what: "map", invoked_ns: from, returned_ns: to, version, map }
}

#[test]
fn answers_at_once_may_be_of_any_order() {
    let fine = [
        told(0, 10, 5, &[A, A]),
        told(5, 20, 4, &[A, A]),
        told(8, 30, 6, &[A, H]),
        told(31, 40, 6, &[A, H]),
        told(31, 50, 9, &[]),
    ];
    assert_eq!(check_versions(&fine), Ok(()));
}

#[test]
fn a_version_that_goes_back_is_found() {
    let map = told(40, 45, 6, &[A]);
    let hold = told(10, 20, 7, &[]);
    let slow = told(15, 60, 3, &[A]);
    let all = [map.clone(), hold.clone(), slow];
    assert_eq!(check_versions(&all), Err(Broken::WentBack(&hold, &map)), "a write is not seen");
}

#[test]
fn two_maps_of_one_version_are_found() {
    let (one, other) = (told(0, 10, 5, &[A, A]), told(0, 12, 5, &[A, H]));
    assert_eq!(
        check_versions(&[one.clone(), other.clone()]),
        Err(Broken::TwoMaps(&one, &other, 1))
    );
}
