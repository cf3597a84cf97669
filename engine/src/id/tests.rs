//! Ids are on disks and in links that buyers keep, so what they stand for is fixed by example.

use super::{MachineId, POOLS_MAX, PartitionId, SEGMENTS_MAX, ShowKey};

#[test]
fn the_partition_of_an_inventory_is_what_it_was() {
    // Computed apart from this code, from the constants of splitmix64's finaliser.
    let expected = [
        (0, 0, 0),
        (1, 0, 1_509),
        (1, 1, 3_104),
        (1, 2, 3_175),
        (0xfedc_ba98_7654_3210, 0, 3_681),
        (0xfedc_ba98_7654_3210, 2_048, 1_151),
        (u64::MAX, u16::MAX, 3_882),
    ];
    for (show, slot, partition) in expected {
        let inventory = MachineId { show: ShowKey(show), slot };
        assert_eq!(inventory.partition(), PartitionId(partition), "{inventory:?}");
    }
}

#[test]
fn every_segment_has_a_slot_of_its_own_and_knows_its_pool() {
    let show = ShowKey(7);
    let mut next = 1;
    for pool in 0..POOLS_MAX {
        for segment in 0..SEGMENTS_MAX {
            let id = MachineId::segment(show, pool, segment);
            assert_eq!((id.show, id.slot), (show, next));
            assert_eq!(id.pool_and_segment(), Some((pool, segment)));
            assert!(!id.is_house());
            next += 1;
        }
    }
    assert!(MachineId::house(show).is_house());
    assert_eq!(MachineId::house(show).pool_and_segment(), None);
    assert_eq!(MachineId { show, slot: next }.pool_and_segment(), None, "one pool too many");
    assert_eq!(MachineId::STRAYS.pool_and_segment(), None);
}
