// Built in the Go builder base and run in the static one; prints one JSON object.
package main

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"os/user"
	"time"
)

func main() {
	pool, err := x509.SystemCertPool()
	if err != nil {
		panic(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	who, err := user.Current()
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile("/tmp/Grüße-日本.txt", []byte("ok"), 0o600); err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		//lint:ignore SA1019 there is no other way to count them
		"authorities": len(pool.Subjects()),
		"offset":      time.Date(2026, 7, 1, 12, 0, 0, 0, zone).Format("-07:00"),
		"user":        who.Username,
	})
}
