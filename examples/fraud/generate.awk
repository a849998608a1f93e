# Payments, as JSON lines: awk -v events=1000000 -f generate.awk > payments.jsonl
# Every card has a home, a usual amount, and a payment now and then. A few payments are of another kind: far too large,
# far away, or many at once. The same `events` and `seed` always give the same lines.

function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }

function pay(card, cents, where) {
    printf "{\"key\":\"card-%d\",\"timestamp\":%.0f,\"value\":{\"cents\":%d,\"country\":\"%s\"}}\n", card, now, cents, where
}

BEGIN {
    if (!events) events = 100000
    if (!seed) seed = 1
    cards = int(events / 40) + 1
    countries = split("DE FR ES IT NL PL", country, " ")
    now = 1767225600000
    for (sent = 0; sent < events; sent++) {
        now += random(400)
        card = random(cards)
        cents = 300 + card % 50 * 100 + random(1000)
        where = country[card % countries + 1]
        kind = random(2000)
        if (kind < 2) {
            cents *= 20
        } else if (kind < 4) {
            where = country[random(countries) + 1]
        } else if (kind == 4) {
            for (more = 3 + random(5); more > 0 && sent + 1 < events; more--) {
                pay(card, cents, where)
                now += random(9000)
                sent++
            }
        }
        pay(card, cents, where)
    }
}
