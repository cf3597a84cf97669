//! What follows from a panic: those whose shard fell hear so, and a command that panicked twice is
//! quarantined.

use std::collections::BTreeMap;

use super::{Auditor, Open, Told};

/// A command that panicked so often is never tried again by the same shard.
const PANICS_MAX: u32 = 2;

/// Who panicked how often, since the last start.
#[derive(Debug, Default)]
pub(super) struct Panics(BTreeMap<(usize, u16, u64), u32>);

impl Panics {
    /// A start forgets.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Whether expiry may be quarantined in a slot: there holds end as commands meet them.
    pub(super) fn has_quarantined(&self, slot: u16) -> bool {
        self.0.iter().any(|((_, at, _), panics)| *at == slot && *panics >= PANICS_MAX)
    }

    fn is_quarantined(&self, slot: u16, likeness: u64) -> bool {
        let same = |(_, at, what): &(usize, u16, u64)| (*at, *what) == (slot, likeness);
        self.0.iter().any(|(key, panics)| same(key) && *panics >= PANICS_MAX)
    }
}

impl Auditor {
    /// A command made a shard panic.
    ///
    /// # Errors
    /// Where it should not have been tried any more.
    pub(crate) fn panicked(
        &mut self,
        shard: usize,
        slot: u16,
        likeness: u64,
    ) -> Result<(), String> {
        let panics = self.panics.0.entry((shard, slot, likeness)).or_default();
        *panics += 1;
        if *panics > PANICS_MAX {
            return Err(format!("shard {shard} tried what had panicked {PANICS_MAX} times"));
        }
        Ok(())
    }

    /// A shard fell; what waits for these slots may have been undone.
    pub(crate) fn fell(&mut self, slots: &[u16]) {
        for open in self.open.values_mut() {
            open.may_be_undone |= slots.contains(&open.asked.slot);
        }
        self.promises.values_mut().for_each(|promise| promise.over_before = None);
    }

    /// Whether somebody may be told so.
    pub(super) fn is_excused(&self, open: &Open, told: &Told) -> Result<(), String> {
        let asked = &open.asked;
        match told {
            Told::Rebuilding if !open.may_be_undone => {
                Err(format!("told of a panic in a shard that had none: {asked:?}"))
            }
            Told::Quarantined if !self.panics.is_quarantined(asked.slot, asked.likeness) => {
                Err(format!("quarantined without two panics: {asked:?}"))
            }
            Told::Done { .. } | Told::Refused { .. } if asked.is_cursed => {
                Err(format!("decided although it panics each time: {asked:?}"))
            }
            _ => Ok(()),
        }
    }
}
