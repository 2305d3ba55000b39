// Links: short names for long addresses, kept in a journal.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"example.com/acme/journal"
)

var version = "devel"

func main() {
	port := env("PORT", "8080")
	if len(os.Args) == 2 && os.Args[1] == "--health" {
		os.Exit(health(port))
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err := serve(port); err != nil {
		slog.Error("stopped", "error", err.Error())
		os.Exit(1)
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// health asks the running server; the image has nothing else that could.
func health(port string) int {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://127.0.0.1:" + port + "/healthz")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, answer.Status)
		return 1
	}
	return 0
}

func serve(port string) error {
	base := os.Getenv("PUBLIC_URL")
	if base == "" {
		return errors.New("PUBLIC_URL is not set: it is what short links begin with")
	}
	store, err := journal.Open(filepath.Join(env("DATA_DIR", "/data"), "links.jsonl"))
	if err != nil {
		return err
	}
	defer store.Close()
	server := &http.Server{
		Addr:              ":" + port,
		Handler:           handler(store, base),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	slog.Info("listening", "port", port, "version", version, "links", store.Len())
	select {
	case err := <-ended:
		return err
	case <-asked.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}
