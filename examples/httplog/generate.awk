# A web server's log: awk -v events=10000 -f generate.awk > access.log
# One request in fifty fails, and one line in two hundred was cut off.

function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }

BEGIN {
    if (!events) events = 10000
    if (!seed) seed = 1
    paths = split("/ /search?q=fox /cart /pay /item/1 /item/2", path, " ")
    for (i = 0; i < events; i++) {
        minute = int(i / 60) % 60
        hour = int(i / 3600) % 24
        status = random(50) ? (random(10) ? 200 : 404) : 503
        line = sprintf("10.0.%d.%d - - [26/Nov/2025:%02d:%02d:%02d +0100] \"GET %s HTTP/1.1\" %d %d \"-\" \"curl/8.1\"", \
            random(256), random(256), hour, minute, i % 60, path[random(paths) + 1], status, random(9000))
        print random(200) ? line : substr(line, 1, 20)
    }
}
