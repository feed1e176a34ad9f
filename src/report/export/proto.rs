//! As much of the protocol buffers' wire format as Perfetto's messages need.

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn key(&mut self, field: u32, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    /// Adds an unsigned number, or an enum.
    pub(super) fn unsigned(mut self, field: u32, value: u64) -> Self {
        self.key(field, 0);
        self.varint(value);
        self
    }

    /// Adds an `int64`.
    pub(super) fn signed(self, field: u32, value: i64) -> Self {
        self.unsigned(field, value.cast_unsigned())
    }

    /// Adds a `fixed64`.
    pub(super) fn fixed(mut self, field: u32, value: u64) -> Self {
        self.key(field, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds a text.
    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.raw(field, value.as_bytes())
    }

    /// Adds a message.
    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.raw(field, &value.bytes)
    }

    fn raw(mut self, field: u32, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
