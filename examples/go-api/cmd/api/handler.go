package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"example.com/acme/journal"
)

const largest = 8 << 10

var plain = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

type link struct {
	Name   string `json:"name"`
	Target string `json:"target"`
}

func handler(store *journal.Journal, base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"status": "ok", "links": store.Len(), "version": version})
	})
	mux.HandleFunc("POST /links", func(w http.ResponseWriter, r *http.Request) {
		add(w, r, store, strings.TrimRight(base, "/"))
	})
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		target, ok := store.Get(r.PathValue("name"))
		if !ok {
			refuse(w, http.StatusNotFound, "there is no such link")
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	})
	mux.HandleFunc("DELETE /links/{name}", func(w http.ResponseWriter, r *http.Request) {
		found, err := store.Delete(r.PathValue("name"))
		switch {
		case err != nil:
			fail(w, err)
		case !found:
			refuse(w, http.StatusNotFound, "there is no such link")
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	return mux
}

func add(w http.ResponseWriter, r *http.Request, store *journal.Journal, base string) {
	var wanted link
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, largest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wanted); err != nil {
		refuse(w, http.StatusBadRequest, "not a link: "+err.Error())
		return
	}
	target, err := url.Parse(wanted.Target)
	if err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
		refuse(w, http.StatusUnprocessableEntity, "target is not an http address")
		return
	}
	if wanted.Name == "" {
		wanted.Name = strings.ToLower(rand.Text()[:8])
	}
	if !plain.MatchString(wanted.Name) || wanted.Name == "healthz" || wanted.Name == "links" {
		refuse(w, http.StatusUnprocessableEntity, "name may have small letters, digits and dashes")
		return
	}
	if err := store.Add(wanted.Name, target.String()); errors.Is(err, journal.ErrTaken) {
		refuse(w, http.StatusConflict, "the name is taken")
		return
	} else if err != nil {
		fail(w, err)
		return
	}
	slog.Info("added", "name", wanted.Name)
	reply(w, http.StatusCreated, map[string]any{"url": base + "/" + wanted.Name})
}

func fail(w http.ResponseWriter, err error) {
	slog.Error("cannot write", "error", err.Error())
	refuse(w, http.StatusInternalServerError, "the link could not be kept")
}

func refuse(w http.ResponseWriter, status int, why string) {
	reply(w, status, map[string]any{"error": why})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Whoever asked may have gone: then nobody is left to be told.
	_ = json.NewEncoder(w).Encode(body)
}
