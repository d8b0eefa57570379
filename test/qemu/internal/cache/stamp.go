// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// stampName is the file in an entry that lists the others.
const stampName = "stamp.json"

// stamp is what an entry must contain.
type stamp struct {
	Key   string          `json:"key"`
	Files map[string]file `json:"files"`
}

type file struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func writeStamp(dir, key string) error {
	s := stamp{Key: key, Files: make(map[string]file)}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		s.Files[rel], err = sum(path)
		return err
	})
	if err != nil {
		return fmt.Errorf("stamping %s: %w", dir, err)
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stampName), text, 0o644)
}

// errBroken is why a complete-looking entry is built again.
var errBroken = errors.New("broken cache entry")

// checkStamp returns nil for a good entry, fs.ErrNotExist for none, errBroken otherwise.
func checkStamp(dir, key string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, stampName))
	if err != nil {
		return fmt.Errorf("%w: %v", errBroken, err)
	}
	var s stamp
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%w: %s: %v", errBroken, stampName, err)
	}
	if s.Key != key || len(s.Files) == 0 {
		return fmt.Errorf("%w: stamp of another entry", errBroken)
	}
	for name, want := range s.Files {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err != nil || info.Size() != want.Size {
			return fmt.Errorf("%w: %s is missing or has another size", errBroken, path)
		}
		if got, err := sum(path); err != nil || got != want {
			return fmt.Errorf("%w: %s has another checksum", errBroken, path)
		}
	}
	return nil
}

func sum(path string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return file{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}
