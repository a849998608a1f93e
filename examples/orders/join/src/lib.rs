//! Orders with the customers who made them. Both come under the customer's number, so that they meet in one partition;
//! which of them comes first does not matter.

use invoker_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    id: String,
    cents: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Customer {
    name: String,
    city: String,
}

/// An order, with what is known of its customer.
#[derive(Serialize)]
struct Joined {
    order: String,
    cents: u64,
    name: String,
    city: String,
}

/// Joins orders with customers.
#[function]
fn join(
    record: Record<'_>,
    /// Orders by customer.
    orders: &Input<Json<Order>>,
    /// Customers by number; without a value, they are gone.
    customers: &Input<Json<Customer>>,
    /// The customer as last told.
    customer: &mut Value<Json<Customer>>,
    /// Orders whose customer did not come yet, by their id; given up after so long.
    #[state(ttl = "7d")]
    waiting: &mut Map<Json<Order>>,
    /// Each order once, as soon as both are there.
    joined: &mut Output<Json<Joined>>,
) -> Result {
    if orders.gave(&record) {
        let order = orders.read(&record)?;
        return match customer.get()? {
            Some(customer) => joined.send(&with(order, customer)),
            None => waiting.set(order.id.clone(), order),
        };
    }
    if record.is_tombstone() {
        return customer.remove();
    }
    let told = customers.read(&record)?;
    let come: Vec<_> = waiting.scan("")?.collect::<Result<_>>()?;
    for (id, order) in come {
        joined.send(&with(order, &told))?;
        waiting.remove(id)?;
    }
    customer.set(told)
}

fn with(order: Order, customer: &Customer) -> Joined {
    let Customer { name, city } = customer.clone();
    Joined { order: order.id, cents: order.cents, name, city }
}
