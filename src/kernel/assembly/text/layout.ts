/**
 * Where does everything of a text index lie?
 *
 * One state structure a text index, at an address that its owner keeps; everything else is reached from it. All numbers
 * are u32 unless said otherwise, all places multiples of 4. Row numbers are below 2^31: the top bit of a term's last
 * row says that the term is in the row that is being read.
 *
 * - Record: a distinct text. `head` = length << 8 | flags; a *term* has its last row, its list and the text; an
 *   *alias*, a raw token whose term is another text or none, has the term's record (0: a stop word) and the text.
 * - List word of a term: 0 no row; bit 0 set: one row, the code above it; bit 1 set: a long list; else a chunk.
 * - Chunk: last code, bytes used u16, postings u8, then one posting after the other: varint((row - row before) << 1 |
 *   differs), and where its code differs from the one before (at first 0) the code as varint. The row before the first
 *   posting is 0, or the last sealed one.
 * - Long list: chunk, directory, sealed blocks, capacity of the directory.
 * - Directory entry: last row, address of the block, then u16s: least length where the term occurs once, least length
 *   where it occurs more often, most occurrences (65535: unknown), and one unused. Lengths saturate.
 * - Block: 128 postings; row width u8, code width u8, u16 unused, code base, packed row gaps, packed codes.
 * - Signature (a code): how often a term occurs in which fields: signature before + 1 (0: none), field, occurrences in
 *   it, all occurrences. Rows' field lists are kept as signatures too.
 */

/** What `readRows` and its kin return. */
export const DONE: i32 = 0;
/** More room is wanted: `S_WANTED` bytes; call again. */
export const NEED_ROOM: i32 = 1;
/** A raw token never seen before lies at `S_TEXT`, `S_TEXT_LENGTH` bytes; insert it and call again. */
export const NEW_TOKEN: i32 = 2;
/** A string that the scanner leaves to its caller lies there (with its quotes), of field `S_NODE`. */
export const OTHER_STRING: i32 = 3;
/** A key never seen before lies there (without quotes) in field `S_NODE`. */
export const NEW_KEY: i32 = 4;
/** The bytes are no sections of this kind. */
export const BROKEN: i32 = 5;

export const ROW_NONE: u32 = 0x7fff_ffff;
export const ROW_OPEN: u32 = 0x8000_0000;
/** Bytes of a token or term at most: its length has 24 bits. Longer ones are not indexed. */
export const TEXT_BYTES_MAX: u32 = 0xff_ffff;
/** Rows of an index at most. */
export const ROWS_MAX: u32 = 0x7fff_fff0;

// State.
export const S_HEAP_NEXT: usize = 0;
export const S_HEAP_END: usize = 4;
export const S_WANTED: usize = 8;
export const S_FREE_BYTES: usize = 12;
export const S_TEXT: usize = 16;
export const S_TEXT_LENGTH: usize = 20;
export const S_NODE: usize = 24;
export const S_ROW: usize = 28;
export const S_RECORD_PAGE: usize = 32;
export const S_FIRST_RECORD_PAGE: usize = 36;
export const S_TERM_COUNT: usize = 40;
export const S_ALIAS_COUNT: usize = 44;
export const S_SIGNATURES: usize = 48;
export const S_SIGNATURE_COUNT: usize = 52;
export const S_SIGNATURE_CAPACITY: usize = 56;
export const S_SIGNATURE_SLOTS: usize = 60;
export const S_NODES: usize = 64;
export const S_NODE_COUNT: usize = 68;
export const S_NODE_CAPACITY: usize = 72;
export const S_NODE_SLOTS: usize = 76;
export const S_ENTRIES: usize = 80;
export const S_ENTRY_COUNT: usize = 84;
export const S_ENTRY_CAPACITY: usize = 88;
export const S_ROW_FIELDS: usize = 92;
export const S_ROW_FIELD_COUNT: usize = 96;
export const S_PHASE: usize = 100;
export const S_FLUSHED: usize = 104;
export const S_LENGTHS: usize = 108;
export const S_LENGTH_SHIFT: usize = 112;
export const S_LENGTH_CAPACITY: usize = 116;
export const S_ROWS_WITH_TEXT: usize = 120;
export const S_LENGTH_PAGE: usize = 124;
/** f64: occurrences of all terms in all rows. */
export const S_TOTAL_LENGTH: usize = 128;
export const S_FIRST_LENGTH_PAGE: usize = 136;
/** Scanner: where it is, the row's end, depth, whether a key is next, whether it stands inside a string. */
export const S_POSITION: usize = 140;
export const S_ROW_END: usize = 144;
export const S_DEPTH: usize = 148;
export const S_WANTS_KEY: usize = 152;
export const S_STRING_END: usize = 156;
export const S_ENDS: usize = 160;
export const S_ENDS_LEFT: usize = 164;
export const S_INPUT: usize = 168;
export const S_POSTING_COUNT: usize = 172;
export const S_CURRENT_NODE: usize = 176;
/** Of sections that are being written or read: where the reader is, the end, record page and place in it. */
export const S_CURSOR: usize = 180;
export const S_CURSOR_PAGE: usize = 184;
export const S_CURSOR_LEFT: usize = 188;
/** Scanner's stack: node << 1 | is an object. */
export const S_STACK: usize = 192;
export const STACK_DEPTH: u32 = 256;
export const S_SUBTABLES: usize = S_STACK + 4 * 256;
export const SUBTABLES: u32 = 64;
export const S_BIN_MAPS: usize = S_SUBTABLES + 12 * 64;
export const S_LARGE_MAP: usize = S_BIN_MAPS + 32;
export const S_BINS: usize = S_LARGE_MAP + 8;
export const SMALL_BINS: u32 = 256;
export const LARGE_BINS: u32 = 32;
/** Rows and codes of a block that is being sealed or checked. */
export const S_BLOCK_ROWS: usize = S_BINS + 4 * 256 + 4 * 32;
export const S_BLOCK_CODES: usize = S_BLOCK_ROWS + 512 + 64;
export const S_CURSOR_ROW: usize = S_BLOCK_CODES + 512 + 64;
export const STATE_BYTES: usize = S_CURSOR_ROW + 4;

// Records.
export const IS_TERM: u32 = 1;
/** The text is also a raw token whose term is itself. */
export const IS_RAW: u32 = 2;
export const R_LAST_ROW: usize = 4;
export const R_LIST: usize = 8;
export const TERM_TEXT: usize = 12;
export const R_TARGET: usize = 4;
export const ALIAS_TEXT: usize = 8;

// Chunks, long lists, directories, blocks.
export const K_LAST_CODE: usize = 0;
export const K_USED: usize = 4;
export const K_COUNT: usize = 6;
export const K_PAYLOAD: usize = 8;
export const L_CHUNK: usize = 0;
export const L_DIRECTORY: usize = 4;
export const L_BLOCKS: usize = 8;
export const L_CAPACITY: usize = 12;
export const LONG_LIST_BYTES: usize = 16;
export const D_LAST_ROW: usize = 0;
export const D_BLOCK: usize = 4;
export const D_LENGTH_ONE: usize = 8;
export const D_LENGTH_MORE: usize = 10;
export const D_MOST: usize = 12;
export const DIRECTORY_SHIFT: usize = 4;
export const B_HEADER: usize = 8;
export const BLOCK_POSTINGS: u32 = 128;

// Signatures.
export const SIGNATURE_SHIFT: usize = 4;
export const G_BASE: usize = 0;
export const G_FIELD: usize = 4;
export const G_RUN: usize = 8;
export const G_ALL: usize = 12;

// Nodes (fields).
export const NODE_BYTES: usize = 20;
export const N_PARENT: usize = 0;
export const N_FLAGS: usize = 4;
export const N_ROW_LENGTH: usize = 8;
export const N_KEY: usize = 12;
export const N_KEY_LENGTH: usize = 16;
/** Strings of the field are indexed, and fields under it are fields. */
export const NODE_INDEXED: u32 = 1;
/** Not a field: nothing under it is indexed. */
export const NODE_SKIPPED: u32 = 0x7fff_ffff;

// Entries: terms of the row that is being read.
export const ENTRY_BYTES: usize = 20;
export const E_RECORD: usize = 0;
export const E_PREVIOUS: usize = 4;
export const E_BASE: usize = 8;
export const E_FIELD: usize = 12;
export const E_RUN: usize = 16;

// Pages of lengths: next, bytes used, rows, sole field + 1; then the rows one after the other. A page with a sole field
// has no bytes: each of its rows has text in that field only, or none.
export const P_NEXT: usize = 0;
export const P_END: usize = 4;
export const P_ROWS: usize = 8;
export const P_SOLE: usize = 12;
export const LENGTH_PAGE_HEADER: usize = 16;
export const LENGTH_PAGE_BYTES: usize = 4096;
/** Pages of records: next, end of the records, end of the page. */
export const RECORD_PAGE_HEADER: u32 = 12;
export const RECORD_PAGE_BYTES: u32 = 16384;

// Cursors: one a list of a question. Plain ones (rows and occurrences side by side) have no directory.
export const C_WEIGHT: usize = 0;
/** Greatest score in the part that is not sealed. */
export const C_TAIL_BOUND: usize = 8;
/** Greatest score in the blocks of the present window. */
export const C_BOUND: usize = 16;
/** Blocks in all, and packed ones among them: all, or all but the last. */
export const C_BLOCKS: usize = 24;
export const C_SEALED: usize = 28;
export const C_DIRECTORY: usize = 32;
/** Block whose rows and occurrences lie at `C_ROWS` and `C_TIMES`, and their number. */
export const C_LOADED: usize = 36;
export const C_ROWS: usize = 40;
export const C_TIMES: usize = 44;
export const C_COUNT: usize = 48;
/** Buffers of packed blocks, and of the tail. */
export const C_BUFFER: usize = 52;
export const C_TAIL: usize = 56;
export const C_TAIL_COUNT: usize = 60;
/** First block that reaches into the present window or beyond. */
export const C_BLOCK: usize = 64;
/** Where occurrences by code are, and log2 of their distance. */
export const C_TABLE: usize = 68;
export const C_TABLE_SHIFT: usize = 72;
/** Bounds of plain blocks: f64s; 0 for packed ones. */
export const C_PLAIN_BOUNDS: usize = 76;
/** Bounds of sealed blocks for a selection of fields: as from D_LENGTH_ONE on, 8 bytes a block; 0: the directory's. */
export const C_BOUND_TABLE: usize = 80;
/** Block of the last look-up. */
export const C_LOOK: usize = 84;
export const CURSOR_BYTES: usize = 96;
/** Rows and occurrences of a block each 512 bytes, with room for reading beyond. */
export const BUFFER_BYTES: usize = 1024 + 64;

// A question.
export const Q_UNITS: usize = 0;
export const Q_LENGTHS: usize = 4;
export const Q_LENGTH_SHIFT: usize = 8;
/** Mask of rows, 0 for all, and the row that ends the search. */
export const Q_MASK: usize = 12;
export const Q_ROW_LIMIT: usize = 16;
export const Q_CURSORS: usize = 20;
export const Q_CURSOR_COUNT: usize = 24;
export const Q_K: usize = 28;
export const Q_COUNT: usize = 32;
export const Q_SCORES: usize = 36;
export const Q_ROWS: usize = 40;
export const Q_WINDOW: usize = 44;
export const Q_K1: usize = 48;
export const Q_B: usize = 56;
export const Q_AVERAGE: usize = 64;
/** Sums of bounds of the present window from a cursor on: cursor count + 1 f64s. */
export const Q_SUFFIXES: usize = 72;
export const QUESTION_BYTES: usize = 80;
/** Rows of a window. */
export const WINDOW_ROWS: u32 = 2048;
/** Scores kept ready for weight 1: occurrences from 1 and lengths from 0, f64. */
export const UNIT_TIMES: u32 = 8;
export const UNIT_LENGTHS: u32 = 256;
export const UNIT_BYTES: usize = 8 * 256 * 8;
/** Slack of sums of bounds: above the rounding of any sum that a score is. */
export const BOUND_SLACK: f64 = 1.000000000001;
