//! The embedded database under the embedded log and the embedded state: named ordered byte maps, atomic batches
//! across them, one journal. On disk or in memory; the two differ in nothing but durability.
//!
//! Owns: opening, locking and versioning a data directory. Knows nothing of records or state.
