# Customers or their orders, as JSON lines:
#   awk -v what=customers -f generate.awk > customers.jsonl
#   awk -v what=orders -v events=10000 -f generate.awk > orders.jsonl
# One order in a hundred is of a customer that nobody knows.

function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }

BEGIN {
    if (!events) events = 10000
    if (!seed) seed = 1
    known = int(events / 20) + 1
    cities = split("Berlin Lyon Turin Porto Gdansk", city, " ")
    for (i = 0; what == "customers" && i < known; i++) {
        printf "{\"key\":\"%d\",\"value\":{\"name\":\"Customer %d\",\"city\":\"%s\"}}\n", i, i, city[random(cities) + 1]
    }
    for (i = 0; what == "orders" && i < events; i++) {
        customer = random(100) ? random(known) : known + random(known)
        printf "{\"key\":\"%d\",\"value\":{\"id\":\"order-%d\",\"cents\":%d}}\n", customer, i, 100 + random(100000)
    }
    if (what != "customers" && what != "orders") {
        print "say what is to be made: -v what=orders or -v what=customers" > "/dev/stderr"
        exit 1
    }
}
