module example.com/acme/links

go 1.24

require example.com/acme/journal v0.3.0

replace example.com/acme/journal => ./journal
