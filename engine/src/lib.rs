//! Loads, checks and runs functions.
