//! Bytes that are compressed while they come: many columns grow at once, and one gzip member holds
//! them all in the end, one after the other.
//!
//! A column is compressed piece by piece, each piece on its own and ended at a whole byte, so that
//! the pieces of all columns put together in any order make up one stream of deflate blocks. What
//! has to be kept uncompressed is less than a piece of each column.

use std::sync::Arc;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// A column's first pieces. There are a hundred columns that wait for theirs, and most stay small.
const PIECE_BYTES: usize = 6 * 1024;
/// The largest piece. A column that has filled sixteen pieces gets larger ones: they compress
/// better, and each costs the compressor a new beginning.
const PIECE_BYTES_MAX: usize = 40 * 1024;
/// How far a column goes beyond its piece before it is looked at.
const BEYOND: usize = 2 * 1024;
/// The fastest: the next makes the columns a fifth smaller and takes half as long again.
const LEVEL: u32 = 1;
/// How many pieces of a column are stored as they are after one that did not become a tenth
/// smaller: noise costs most to compress, and what was noise remains it.
const STORED_AFTER_NOISE: u8 = 15;
/// Magic, deflate, no flags, no time, fastest, no system (RFC 1952).
const GZIP_BEGINS: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// An empty block that is the last (RFC 1951).
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Compresses one piece after the other.
#[derive(Debug)]
pub(crate) struct Packer(Compress);

impl Default for Packer {
    fn default() -> Self {
        Self(Compress::new(Compression::new(LEVEL), false))
    }
}

impl Clone for Packer {
    fn clone(&self) -> Self {
        // Between pieces it remembers nothing.
        Self::default()
    }
}

impl Packer {
    fn pack(&mut self, bytes: &[u8]) -> Piece {
        self.0.reset();
        let mut blocks = Vec::with_capacity(bytes.len() / 2 + 64);
        loop {
            let done = usize::try_from(self.0.total_in()).expect("a piece is small");
            // With room left over all is out, the flush too.
            let flush = FlushCompress::Sync;
            let status = self.0.compress_vec(&bytes[done..], &mut blocks, flush);
            assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "{status:?}");
            if blocks.len() < blocks.capacity() {
                break;
            }
            blocks.reserve(bytes.len() / 2 + 64);
        }
        blocks.shrink_to_fit();
        let mut crc = Crc::new();
        crc.update(bytes);
        Piece { bytes: bytes.len(), blocks, crc }
    }
}

/// A piece as it is (RFC 1951, 3.2.4).
fn store(bytes: &[u8]) -> Piece {
    let mut blocks =
        Vec::with_capacity(bytes.len() + 5 * (1 + bytes.len() / usize::from(u16::MAX)));
    for block in bytes.chunks(usize::from(u16::MAX)) {
        let length = block.len() as u16;
        blocks.push(0);
        blocks.extend_from_slice(&length.to_le_bytes());
        blocks.extend_from_slice(&(!length).to_le_bytes());
        blocks.extend_from_slice(block);
    }
    let mut crc = Crc::new();
    crc.update(bytes);
    Piece { bytes: bytes.len(), blocks, crc }
}

/// A compressed piece.
#[derive(Debug)]
struct Piece {
    /// How many bytes it was.
    bytes: usize,
    /// Blocks of deflate, ended at a whole byte.
    blocks: Vec<u8>,
    crc: Crc,
}

/// A column that grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    pieces: Vec<Arc<Piece>>,
    /// How many bytes the pieces were.
    packed: usize,
    /// How many of the next pieces are stored as they are.
    stored: u8,
    /// What is not compressed yet; to be added to.
    pub(crate) open: Vec<u8>,
}

impl Packed {
    /// Compresses what is open, if that is a piece.
    pub(crate) fn settle(&mut self, packer: &mut Packer) {
        if self.open.len() >= piece_bytes(self.packed) {
            self.packed += self.open.len();
            let piece = if self.stored > 0 {
                self.stored -= 1;
                store(&self.open)
            } else {
                let piece = packer.pack(&self.open);
                let is_noise = piece.blocks.len() > piece.bytes - piece.bytes / 10;
                self.stored = if is_noise { STORED_AFTER_NOISE } else { 0 };
                piece
            };
            self.pieces.push(Arc::new(piece));
            self.open.clear();
            self.open.reserve_exact(piece_bytes(self.packed) + BEYOND);
        }
    }

    /// How many bytes there are, uncompressed.
    pub(crate) fn len(&self) -> usize {
        self.packed + self.open.len()
    }
}

/// How large a column's next piece is, after so many bytes in pieces.
fn piece_bytes(packed: usize) -> usize {
    (packed / 16).clamp(PIECE_BYTES, PIECE_BYTES_MAX)
}

/// A gzip member that is put together, in parts that follow one another.
#[derive(Debug)]
pub(crate) struct Member {
    parts: Vec<Vec<u8>>,
    packer: Packer,
    crc: Crc,
    bytes: usize,
    /// What is not compressed yet: small columns make up a piece together.
    open: Vec<u8>,
}

impl Member {
    pub(crate) fn new() -> Self {
        Self {
            parts: vec![GZIP_BEGINS.to_vec()],
            packer: Packer::default(),
            crc: Crc::new(),
            bytes: 0,
            open: Vec::new(),
        }
    }

    /// Adds bytes that are not compressed yet.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        if self.open.len() >= PIECE_BYTES_MAX {
            self.settle();
        }
    }

    /// Adds a column.
    pub(crate) fn add_packed(&mut self, packed: Packed) {
        if !packed.pieces.is_empty() {
            self.settle();
        }
        for piece in packed.pieces {
            match Arc::try_unwrap(piece) {
                Ok(piece) => self.add_piece(piece),
                Err(shared) => {
                    let Piece { bytes, blocks, crc } = &*shared;
                    self.count(*bytes, crc);
                    self.parts.push(blocks.clone());
                }
            }
        }
        self.add(&packed.open);
    }

    fn settle(&mut self) {
        if !self.open.is_empty() {
            let piece = self.packer.pack(&self.open);
            self.add_piece(piece);
            self.open.clear();
        }
    }

    fn add_piece(&mut self, piece: Piece) {
        self.count(piece.bytes, &piece.crc);
        self.parts.push(piece.blocks);
    }

    fn count(&mut self, bytes: usize, crc: &Crc) {
        self.crc.combine(crc);
        self.bytes += bytes;
    }

    /// Ends the member; says how many bytes it holds, uncompressed.
    pub(crate) fn finish(mut self) -> (Vec<Vec<u8>>, usize) {
        self.settle();
        let mut end = LAST_BLOCK.to_vec();
        end.extend_from_slice(&self.crc.sum().to_le_bytes());
        // The length modulo 2^32.
        end.extend_from_slice(&(self.bytes as u32).to_le_bytes());
        self.parts.push(end);
        (self.parts, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn pieces_of_many_columns_are_one_member() {
        let mut packer = Packer::default();
        let mut columns = vec![Packed::default(); 3];
        let mut plain = vec![Vec::new(); 3];
        for at in 0..200_000_u64 {
            let column = usize::try_from(at % 7 % 3).unwrap();
            // One column compresses well, one badly, one in between.
            let noise = crate::types::mix(at / 7).to_le_bytes();
            let bytes = &[&noise[..1], &noise[..], &[7; 3]][column];
            plain[column].extend_from_slice(bytes);
            columns[column].open.extend_from_slice(bytes);
            columns[column].settle(&mut packer);
        }
        let lengths: usize = columns.iter().map(Packed::len).sum();
        let mut member = Member::new();
        member.add(b"head");
        columns.into_iter().for_each(|column| member.add_packed(column));
        let (compressed, bytes) = member.finish();
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&compressed.concat()[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, [&b"head"[..], &plain.concat()].concat());
        assert_eq!((bytes, lengths), (read.len(), read.len() - 4));
    }
}
