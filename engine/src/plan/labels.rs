//! Many short texts in little memory, and a table that finds one of them.
//!
//! A hundred thousand `String`s cost 24 bytes each plus an allocation each; one long text with
//! end offsets costs 4. The index over them is open addressing with linear probing and a fixed
//! hash: a look-up touches one or two cache lines where a binary search would touch seventeen.
//! The hash has no secret. Labels come from an organiser with a key, who could only slow down
//! the import of the organiser's own plan.

/// Texts by dense number, in the order in which they were pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    text: String,
    /// Where each text ends; it begins where the one before it ends.
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("the number of texts is bounded")
    }

    pub(super) fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let end = self.ends[number] as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        &self.text[start..end]
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).expect("texts are bounded"));
    }

    /// Makes room for so many more texts; their letters make room as they come.
    pub(super) fn reserve_exact(&mut self, count: usize) {
        self.ends.reserve_exact(count);
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Finds the number of a text. Holds numbers only, so every call is given the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelIndex {
    /// A power of two of them, at most three quarters in use.
    slots: Vec<u32>,
    used: usize,
}

/// Marks an unused slot; numbers of seats stay far below.
const UNUSED: u32 = u32::MAX;

impl LabelIndex {
    pub(super) fn new() -> Self {
        LabelIndex { slots: vec![UNUSED; 16], used: 0 }
    }

    pub(super) fn find(&self, texts: &Texts, text: &str) -> Option<u32> {
        let number = self.slots[self.slot_of(texts, text)];
        (number != UNUSED).then_some(number)
    }

    /// Adds the text with this number, which must not be in the index yet.
    pub(super) fn insert(&mut self, texts: &Texts, number: u32) {
        self.reserve(texts, 1);
        let slot = self.slot_of(texts, texts.get(number));
        assert!(self.slots[slot] == UNUSED, "a text is indexed once");
        self.slots[slot] = number;
        self.used += 1;
    }

    /// Makes room for so many more texts.
    pub(super) fn reserve(&mut self, texts: &Texts, count: usize) {
        let mut slots = self.slots.len();
        while (self.used + count) * 4 > slots * 3 {
            slots *= 2;
        }
        if slots > self.slots.len() {
            self.grow(texts, slots);
        }
    }

    fn grow(&mut self, texts: &Texts, slots: usize) {
        let larger = vec![UNUSED; slots];
        let numbers = std::mem::replace(&mut self.slots, larger);
        for number in numbers.into_iter().filter(|&number| number != UNUSED) {
            let slot = self.slot_of(texts, texts.get(number));
            self.slots[slot] = number;
        }
    }

    /// The slot that holds the text, or the unused slot where it belongs.
    fn slot_of(&self, texts: &Texts, text: &str) -> usize {
        let mask = self.slots.len() - 1;
        // Truncation is fine: the low bits of the hash are as good as any.
        let mut slot = hash(text) as usize & mask;
        while self.slots[slot] != UNUSED && texts.get(self.slots[slot]) != text {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// FNV-1a, then a finalising mix, since labels differ in their last digits only.
fn hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(labels: impl Iterator<Item = String>, check: impl Fn(&LabelIndex)) {
        let (mut texts, mut index) = (Texts::default(), LabelIndex::new());
        let labels: Vec<String> = labels.collect();
        for (number, label) in (0..).zip(&labels) {
            texts.push(label);
            index.insert(&texts, number);
            check(&index);
        }
        for (number, label) in (0..).zip(&labels) {
            assert_eq!(index.find(&texts, label), Some(number));
        }
        // From where its hash points to where it is.
        let slots = index.slots.len();
        let place = |number: u32| index.slots.iter().position(|&slot| slot == number);
        let away = |(number, label): (u32, &String)| {
            let place = place(number).expect("it is there");
            (place + slots - (hash(label) as usize & (slots - 1))) % slots
        };
        let sum: usize = (0..).zip(&labels).map(away).sum();
        assert!(sum < 2 * labels.len(), "{sum} steps to {} labels", labels.len());
    }

    #[test]
    fn the_index_grows_when_it_is_three_quarters_full() {
        let check = |index: &LabelIndex| {
            let (used, slots) = (index.used, index.slots.len());
            assert!(slots.is_power_of_two() && used * 4 <= slots * 3, "{used} in {slots}");
            assert!(slots == 16 || used * 8 > slots * 3, "{used} in {slots}");
        };
        indexed((0..1_000).map(|n| n.to_string()), check);
    }

    #[test]
    fn labels_as_halls_have_them_are_found_in_few_steps() {
        let labels = (0..3_000).map(|n| format!("stalls-{}-{}", n / 40, n % 40));
        indexed(labels, |_| ());
        // Nearly as many as fit without growing.
        let rows = (0..3_060).map(|n| format!("{}{}", char::from(b'A' + (n / 120) as u8), n % 120));
        indexed(rows, |_| ());
    }
}
