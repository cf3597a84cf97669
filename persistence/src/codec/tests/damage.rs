//! Bytes that nobody wrote: refused, quickly, and without a panic.

use usher_engine::id::HoldNo;
use usher_engine::{Event, MachineId, MachineImage};

use super::Plans;
use super::samples::{self, NOW, SHOW};
use crate::codec::layout::list_len;
use crate::codec::pack::Source;
use crate::codec::{
    CodecError, IMAGE_VERSION, RECORD_VERSION, decode_header, decode_image, decode_record,
    encode_image, encode_record,
};

/// A small generator with a seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Spoils one to four places; tags, small lengths and the ends of widths come up often.
    fn spoil(&mut self, bytes: &mut [u8]) {
        const TELLING: [u8; 12] = [0, 1, 2, 3, 7, 26, 27, 28, 0x7f, 0x80, 0xfe, 0xff];
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            bytes[place] = match self.below(3) {
                0 => self.next() as u8,
                1 => TELLING[self.below(TELLING.len())],
                _ => bytes[place] ^ 1 << self.below(8),
            };
        }
    }
}

fn payload(events: &[Event]) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_record(MachineId::house(SHOW), NOW, events, &mut payload);
    payload
}

fn images() -> Vec<Vec<u8>> {
    [samples::house(), samples::segment()]
        .map(|sale| {
            let mut bytes = Vec::new();
            encode_image(&MachineImage::Inventory(sale.inventory.image()), &mut bytes);
            bytes
        })
        .to_vec()
}

/// Whatever a spoiled payload still says is a value that can be written again.
fn decode_all(bytes: &[u8], plans: &Plans) {
    let _ = decode_header(bytes);
    if let Ok(record) = decode_record(bytes, plans) {
        assert!(record.events.len() <= bytes.len());
        encode_record(record.id, record.at, &record.events, &mut Vec::new());
    }
    if let Ok(image) = decode_image(bytes, plans) {
        encode_image(&image, &mut Vec::new());
    }
}

#[test]
fn no_bytes_make_decoding_panic() {
    let plans = Plans(Some(samples::plan(2)));
    let mut originals: Vec<Vec<u8>> =
        samples::events().into_iter().map(|(_, event)| payload(&[event])).collect();
    originals.extend(images().into_iter().map(|image| image[..image.len().min(2_000)].to_vec()));
    let mut random = Random(20_240_229);
    for _ in 0..4_000 {
        for original in &originals {
            let mut bytes = original.clone();
            random.spoil(&mut bytes);
            decode_all(&bytes, &plans);
        }
        let length = 1 + random.below(80);
        let mut noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        noise[0] = RECORD_VERSION;
        decode_all(&noise, &plans);
    }
}

#[test]
fn a_spoiled_image_does_not_make_decoding_panic() {
    let plans = Plans(Some(samples::plan(50)));
    let mut random = Random(7);
    for original in images() {
        for _ in 0..2_000 {
            let mut bytes = original.clone();
            random.spoil(&mut bytes);
            decode_all(&bytes, &plans);
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_refused() {
    let plans = Plans(Some(samples::plan(50)));
    let records = samples::house().records.into_iter().chain(samples::segment().records);
    for mut bytes in records {
        for length in 0..bytes.len() {
            assert!(decode_record(&bytes[..length], &plans).is_err(), "{length} of {bytes:02x?}");
        }
        assert!(decode_record(&bytes, &plans).is_ok());
        bytes.push(0xc1);
        let error = decode_record(&bytes, &plans).expect_err("one byte more");
        assert!(matches!(error, CodecError::BytesLeft), "{error:?}");
    }
    for mut bytes in images() {
        for length in (0..bytes.len()).step_by(7) {
            assert!(decode_image(&bytes[..length], &plans).is_err(), "{length} bytes of an image");
        }
        bytes.push(0);
        let error = decode_image(&bytes, &plans).expect_err("one byte more");
        assert!(matches!(error, CodecError::BytesLeft), "{error:?}");
    }
}

#[test]
fn other_versions_are_refused() {
    let plans = Plans(None);
    let mut record = payload(&[Event::Released { hold: HoldNo(1) }]);
    let mut image = images().remove(1);
    for found in [0, 1, 3, 0x7f, 0xff] {
        (record[0], image[0]) = (found, found);
        let errors = [
            (decode_record(&record, &plans).expect_err("a version"), RECORD_VERSION),
            (decode_header(&record).expect_err("a version"), RECORD_VERSION),
            (decode_image(&image, &plans).expect_err("a version"), IMAGE_VERSION),
        ];
        for (error, reads) in errors {
            let text = format!("payload version {found} is not known, this build reads {reads}");
            assert_eq!(error.to_string(), text);
        }
    }
    assert!(matches!(decode_record(&[], &plans), Err(CodecError::Empty)));
}

/// Decodes a record whose only event is given as bytes.
fn check_event(event: &[u8], expected: &str) {
    let mut bytes = payload(&[Event::Released { hold: HoldNo(1) }]);
    bytes.truncate(bytes.len() - 5);
    bytes.extend_from_slice(event);
    let error = decode_record(&bytes, &Plans(None)).expect_err(expected);
    assert!(error.to_string().contains(expected), "{event:02x?}: {error}");
}

#[test]
fn what_the_engine_cannot_have_written_is_refused() {
    check_event(&[0, 1], "Event has no variant with tag 0");
    check_event(&[0xff, 1], "Event has no variant with tag 255");
    check_event(&[3, 2, 3], "PausedBy has no variant with tag 3");
    check_event(&[4, 9], "OnSale has no variant with tag 9");
    // A hold with a key that is neither there nor not.
    let mut held = payload(&[samples::held()]);
    let key_at = held.len() - 17;
    assert_eq!(held[key_at], 1, "it has a key");
    held[key_at] = 2;
    let error = decode_record(&held, &Plans(None)).expect_err("neither");
    assert!(error.to_string().contains("true or false"), "{error}");
}

/// A list makes room for what it has, and for 4 KiB at most before its elements were read.
#[test]
fn room_is_made_for_few_elements_only() {
    fn room<T>(length: &[u8]) -> (u32, usize) {
        list_len::<T>(&mut Source::new(length, &Plans(None))).expect("a length")
    }
    let (three, huge) = (&[3, 0, 0, 0], &[0xff; 4]);
    assert_eq!(room::<u64>(three), (3, 3));
    assert_eq!(room::<u64>(huge), (u32::MAX, 512));
    assert_eq!(room::<[u8; 1_000]>(huge), (u32::MAX, 4));
    assert_eq!(room::<[u8; 5_000]>(three), (3, 0));
}

/// A length that promises more than there is must not be believed.
#[test]
fn a_huge_length_reserves_nothing() {
    let huge = [0xff; 4];
    for before in [&[9][..], &[4, 2][..]] {
        check_event(&[before, &huge].concat(), "malformed payload");
    }
    // More events than there are.
    let mut bytes = payload(&[Event::Released { hold: HoldNo(1) }]);
    let count_at = bytes.len() - 7;
    bytes[count_at..count_at + 2].fill(0xff);
    assert!(decode_record(&bytes, &Plans(None)).is_err());
    // A contact of 4 GiB.
    check_event(&[&[10][..], &[0; 12], &huge].concat(), "malformed payload");
    let mut image = vec![IMAGE_VERSION, 1];
    image.extend([0xff; 50]);
    assert!(decode_image(&image, &Plans(None)).is_err());
}
