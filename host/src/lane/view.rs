//! The state that one call sees: the cache of its partition over the store.
