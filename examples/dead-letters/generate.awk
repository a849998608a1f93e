# Payments, as JSON lines: awk -v events=1000 -f generate.awk > payments.jsonl
# One in twenty is in Swiss francs, for which topology.yaml has no rate.

function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }

BEGIN {
    if (!events) events = 1000
    if (!seed) seed = 1
    for (i = 0; i < events; i++) {
        currency = random(20) ? (random(2) ? "EUR" : "USD") : "CHF"
        printf "{\"key\":\"account-%d\",\"value\":{\"cents\":%d,\"currency\":\"%s\"}}\n", random(50), 1 + random(100000), currency
    }
}
