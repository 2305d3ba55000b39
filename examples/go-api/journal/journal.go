// Package journal keeps a map in one file: every change is a line that is appended and synced.
package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// ErrTaken says that a key has a value already.
var ErrTaken = errors.New("the key is taken")

// Journal is a map of strings that survives the process. It is safe for concurrent use.
type Journal struct {
	mu     sync.RWMutex
	file   *os.File
	values map[string]string
}

type line struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Gone  bool   `json:"gone,omitempty"`
}

// Open reads the journal at path, or begins one. A last line that was cut off by a crash is removed.
func Open(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	journal := &Journal{file: file, values: map[string]string{}}
	if err := journal.replay(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return journal, nil
}

func (j *Journal) replay() error {
	reader := bufio.NewReader(j.file)
	var whole int64
	for {
		data, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var entry line
		if err := json.Unmarshal(data, &entry); err != nil {
			return fmt.Errorf("byte %d: %w", whole, err)
		}
		if entry.Gone {
			delete(j.values, entry.Key)
		} else {
			j.values[entry.Key] = entry.Value
		}
		whole += int64(len(data))
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err := j.file.Seek(whole, io.SeekStart)
	return err
}

// Get returns the value of key, and whether there is one.
func (j *Journal) Get(key string) (string, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	value, ok := j.values[key]
	return value, ok
}

// Len returns how many keys there are.
func (j *Journal) Len() int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return len(j.values)
}

// Add gives key a value; ErrTaken if it has one.
func (j *Journal) Add(key, value string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, taken := j.values[key]; taken {
		return ErrTaken
	}
	if err := j.write(line{Key: key, Value: value}); err != nil {
		return err
	}
	j.values[key] = value
	return nil
}

// Delete takes key away, and says whether it was there.
func (j *Journal) Delete(key string) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.values[key]; !ok {
		return false, nil
	}
	if err := j.write(line{Key: key, Gone: true}); err != nil {
		return false, err
	}
	delete(j.values, key)
	return true, nil
}

// Close closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}

func (j *Journal) write(entry line) error {
	data, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(data, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}
