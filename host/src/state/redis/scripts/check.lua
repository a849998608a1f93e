-- ARGV: token
return get('owner') == ARGV[1] and 'OK' or 'REFUSED'
