//! The record frame as a table: what is whole, and what each kind of damage is called.

use super::*;

fn three() -> (Vec<u8>, Chain) {
    let mut chain = Chain::genesis();
    let mut bytes = Vec::new();
    chain.frame(7, 1, b"one", &mut bytes).unwrap();
    chain.frame(9, 1, b"", &mut bytes).unwrap();
    chain.frame(7, 2, &[3; 300], &mut bytes).unwrap();
    (bytes, chain)
}

fn replay(mut bytes: &[u8], mut chain: Chain) -> Result<(Chain, u64), FrameError> {
    let mut records = 0;
    while !bytes.is_empty() {
        let (record, taken) = decode(bytes)?;
        chain.admit(&record)?;
        bytes = &bytes[taken..];
        records += 1;
    }
    Ok((chain, records))
}

#[test]
fn what_is_framed_is_decoded() {
    let (bytes, end) = three();
    let (record, taken) = decode(&bytes).unwrap();
    assert_eq!(taken, FRAME_HEADER_BYTES + 3);
    assert_eq!((record.seq, record.partition, record.partition_seq), (1, 7, 1));
    assert_eq!((record.previous, record.payload), (0, b"one".as_slice()));
    let (chain, records) = replay(&bytes, Chain::genesis()).unwrap();
    assert_eq!((chain, records), (end.clone(), 3));
    assert_eq!(end.heads().collect::<Vec<_>>(), [(7, 2), (9, 1)]);
    assert_eq!(Chain::at(end.seq(), end.checksum(), end.heads()).heads().count(), 2);
}

#[test]
fn every_flipped_bit_is_found() {
    let (bytes, _) = three();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(replay(&flipped, Chain::genesis()).is_err(), "bit {bit}");
    }
}

#[test]
fn damage_is_named() {
    let check = |damage: &dyn Fn(&mut Vec<u8>), expected: FrameError| {
        let (mut bytes, _) = three();
        damage(&mut bytes);
        assert_eq!(replay(&bytes, Chain::genesis()), Err(expected));
    };
    let second = FRAME_HEADER_BYTES + 3;
    let third = second + FRAME_HEADER_BYTES;
    let all = third + FRAME_HEADER_BYTES + 300;
    let last = FRAME_HEADER_BYTES + 300;
    check(&|bytes| bytes[0] = 0, FrameError::BadMagic);
    check(&|bytes| bytes[12] = 2, FrameError::UnknownVersion { found: 2 });
    check(&|bytes| bytes[12] = 0, FrameError::UnknownVersion { found: 0 });
    check(&|bytes| bytes[second - 1] ^= 1, FrameError::Checksum { seq: 1 });
    check(&|bytes| bytes[second + 4] ^= 1, FrameError::Checksum { seq: 2 });
    let torn = FrameError::Length { needed: last, available: last - 1 };
    check(&|bytes| bytes.truncate(all - 1), torn);
    let torn = FrameError::Length { needed: FRAME_HEADER_BYTES, available: 3 };
    check(&|bytes| bytes.truncate(third + 3), torn);
    let huge = FrameError::Length { needed: u32::MAX as usize + 44, available: all };
    check(&|bytes| bytes[16..20].fill(0xFF), huge);
    let missing = FrameError::SequenceGap { expected: 2, found: 3 };
    check(&|bytes| drop(bytes.drain(second..third)), missing);
    let doubled = FrameError::SequenceGap { expected: 2, found: 1 };
    check(&|bytes| bytes.splice(..0, bytes[..second].to_vec()).for_each(drop), doubled);
    check(&|bytes| bytes.extend_from_slice(b"no frame"), FrameError::BadMagic);
}

#[test]
fn a_record_of_another_history_does_not_chain_on() {
    let mut mine = Chain::genesis();
    let mut other = Chain::genesis();
    let (mut mine_bytes, mut other_bytes) = (Vec::new(), Vec::new());
    mine.frame(1, 1, b"mine", &mut mine_bytes).unwrap();
    other.frame(1, 1, b"other", &mut other_bytes).unwrap();
    let start = other_bytes.len();
    other.frame(1, 2, b"next", &mut other_bytes).unwrap();
    mine_bytes.extend_from_slice(&other_bytes[start..]);
    let error = replay(&mine_bytes, Chain::genesis()).unwrap_err();
    assert!(matches!(error, FrameError::Chain { seq: 2, .. }), "{error}");
}

#[test]
fn a_partition_has_no_gaps_where_its_head_is_known() {
    let mut bytes = Vec::new();
    let mut chain = Chain::at(10, 99, [(5, 3)]);
    let gap = |expected, found| FrameError::PartitionGap { partition: 5, expected, found };
    let before = chain.clone();
    assert_eq!(chain.frame(5, 5, b"", &mut bytes), Err(gap(4, 5)));
    assert_eq!(chain.frame(5, 3, b"", &mut bytes), Err(gap(4, 3)));
    // A partition that was never heard of leaves nothing behind either.
    assert!(chain.frame(900, 2, b"", &mut bytes).is_err());
    assert_eq!((&chain, bytes.len()), (&before, 0));
    chain.frame(5, 4, b"", &mut bytes).unwrap();
    assert_eq!(replay(&bytes, Chain::at(10, 99, [(5, 2)])), Err(gap(3, 4)));
    assert_eq!(replay(&bytes, Chain::resume(10, 99)).unwrap().1, 1);
}

#[test]
fn a_payload_has_16_mib_at_most() {
    let largest = vec![7; 16 << 20];
    let mut bytes = Vec::new();
    let mut chain = Chain::genesis();
    chain.frame(0, 1, &largest, &mut bytes).unwrap();
    let (record, taken) = decode(&bytes).unwrap();
    assert_eq!((record.payload, taken), (largest.as_slice(), bytes.len()));

    // More is not written, and where a header says more it is damage, though the bytes are there.
    let needed = FRAME_HEADER_BYTES + largest.len() + 1;
    let before = (bytes.len(), chain.clone());
    let refused = chain.frame(0, 2, &[largest, vec![7]].concat(), &mut bytes);
    assert_eq!(refused, Err(FrameError::Length { needed, available: 16 << 20 }));
    assert_eq!((bytes.len(), chain), before);
    bytes[16..20].copy_from_slice(&((16_u32 << 20) + 1).to_le_bytes());
    bytes.push(7);
    assert_eq!(decode(&bytes), Err(FrameError::Length { needed, available: needed }));
}

#[test]
fn several_records_are_framed_together_or_not_at_all() {
    let pending = |partition, partition_seq| Pending { partition, partition_seq, payload: b"p" };
    let mut chain = Chain::at(10, 99, [(5, 3)]);
    let mut bytes = b"before".to_vec();
    let before = (chain.clone(), bytes.clone());
    let gap = [pending(5, 4), pending(5, 5), pending(6, 1), pending(5, 7)];
    assert!(chain.frame_all(&gap, &mut bytes).is_err());
    assert_eq!((&chain, &bytes), (&before.0, &before.1));
    chain.frame_all(&gap[..3], &mut bytes).unwrap();
    assert_eq!(chain.heads().collect::<Vec<_>>(), [(5, 5), (6, 1)]);
    assert_eq!(replay(&bytes[6..], before.0), Ok((chain, 3)));
}
