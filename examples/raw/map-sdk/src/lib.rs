//! Upper-cases bytes 20 to 30 of each record.

use invoker_sdk::prelude::*;

#[function]
struct Map {
    out: Output,
    value: Vec<u8>,
}

impl Process for Map {
    fn process(&mut self, record: Record<'_>) -> Result {
        self.value.clear();
        self.value.extend_from_slice(record.bytes()?);
        if let Some(field) = self.value.get_mut(20..30) {
            field.make_ascii_uppercase();
        }
        self.out.send(&self.value)
    }
}
