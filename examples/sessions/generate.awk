# Clicks, as JSON lines: awk -v events=100000 -f generate.awk > clicks.jsonl
# Visitors come, click for some minutes, and come again hours later.

function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }

BEGIN {
    if (!events) events = 10000
    if (!seed) seed = 1
    visitors = int(events / 100) + 1
    pages = split("/ /search /cart /pay /help /item/1 /item/2 /item/3", page, " ")
    now = 1767225600000
    for (i = 0; i < events; i++) {
        # Some visitors at a time are here, and others later.
        if (i % 50 == 0) { now += 1800000; first = random(visitors) }
        now += random(60000)
        printf "{\"key\":\"visitor-%d\",\"timestamp\":%.0f,\"value\":{\"page\":\"%s\"}}\n", \
            (first + random(8)) % visitors, now, page[random(pages) + 1]
    }
}
