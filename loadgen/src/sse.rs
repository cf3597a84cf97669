//! Server-sent events, as much of the HTML standard as a reader of seat maps needs: bytes in,
//! whole frames out, wherever the network cut them.

/// The largest frame that is collected before the stream is given up.
const FRAME_BYTES_MAX: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The last id that was set, in this frame or before.
    pub id: String,
    /// The event's name, empty where it has none.
    pub event: String,
    /// The lines of data, joined.
    pub data: String,
    /// How many bytes it had on the wire.
    pub bytes: usize,
}

/// Collects bytes into frames.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    frame: Frame,
    has_data: bool,
    after_cr: bool,
}

impl Reader {
    /// Takes bytes and gives the frames that they completed.
    ///
    /// # Errors
    ///
    /// When a frame is larger than any that makes sense.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, String> {
        let mut frames = Vec::new();
        for &byte in bytes {
            self.frame.bytes += 1;
            match byte {
                // The line feed of a pair ends no second line.
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    frames.extend(self.end_line());
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
            if self.frame.bytes > FRAME_BYTES_MAX {
                return Err("a frame of the stream is too large".into());
            }
        }
        Ok(frames)
    }

    fn end_line(&mut self) -> Option<Frame> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            let next = Frame { id: self.frame.id.clone(), ..Frame::default() };
            let frame = std::mem::replace(&mut self.frame, next);
            return std::mem::take(&mut self.has_data).then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => self.frame.id = value.into(),
            "event" => self.frame.event = value.into(),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // A comment, a retry time, or a field that the standard says to ignore.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &str, chunk_bytes: usize) -> Vec<(String, String, String)> {
        let mut reader = Reader::default();
        let chunks = stream.as_bytes().chunks(chunk_bytes);
        let frames = chunks.flat_map(|chunk| reader.push(chunk).expect("small frames"));
        frames.map(|frame| (frame.id, frame.event, frame.data)).collect()
    }

    #[test]
    fn frames_come_out_whole_wherever_they_were_cut() {
        let stream = ": hello\n\nid: 7\nevent: seats\ndata: a\ndata:b\n\ndata: c\r\n\r\nid:9\r\rdata\n\n\
                      data: torn";
        let frame = |id: &str, event: &str, data: &str| (id.into(), event.into(), data.into());
        let want = [frame("7", "seats", "a\nb"), frame("7", "", "c"), frame("9", "", "")];
        for chunk_bytes in [1, 2, 3, 7, 1_000] {
            assert_eq!(read(stream, chunk_bytes), want, "in pieces of {chunk_bytes}");
        }
    }

    #[test]
    fn a_frame_without_an_end_is_given_up() {
        let mut reader = Reader::default();
        let piece = vec![b'x'; FRAME_BYTES_MAX];
        assert!(reader.push(&piece).is_ok());
        assert!(reader.push(b"x").is_err());
    }
}
