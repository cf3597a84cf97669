//! What a client knows of one request: when it asked, when it was answered, and what it was told.

/// One request about one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<C, A> {
    /// Who asked.
    pub client: u32,
    /// What was asked.
    pub call: C,
    /// When, in nanoseconds of a clock that never goes back.
    pub invoked_ns: u64,
    /// What came of it.
    pub ending: Ending<A>,
}

/// How a request ended for its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending<A> {
    /// It was answered.
    Answered {
        /// With this.
        answer: A,
        /// When, on the same clock.
        returned_ns: u64,
    },
    /// No answer came: it may have happened at any instant since, or not at all.
    Unknown,
}

impl<C, A> Operation<C, A> {
    /// The answer, where there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&A> {
        match &self.ending {
            Ending::Answered { answer, .. } => Some(answer),
            Ending::Unknown => None,
        }
    }

    /// When it was answered.
    #[must_use]
    pub fn returned_ns(&self) -> Option<u64> {
        match self.ending {
            Ending::Answered { returned_ns, .. } => Some(returned_ns),
            Ending::Unknown => None,
        }
    }
}
