// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// Key is the hash of everything an entry is made from. Its methods record inputs; the order of calls matters.
type Key struct {
	h   hash.Hash
	err error
}

// NewKey starts a key with the recipe's name and version.
func NewKey(recipe string) *Key {
	k := &Key{h: sha256.New()}
	k.Text("recipe", recipe)
	return k
}

// Text records a named string. Lengths go in as well: ("a", "bc") and ("ab", "c") differ.
func (k *Key) Text(name, value string) {
	fmt.Fprintf(k.h, "%d:%s=%d:%s;", len(name), name, len(value), value)
}

// File records a file's contents under a name.
func (k *Key) File(name, path string) {
	f, err := os.Open(path)
	if err != nil {
		k.fail(err)
		return
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		k.fail(fmt.Errorf("hashing %s: %w", path, err))
		return
	}
	k.Text(name, hex.EncodeToString(sum.Sum(nil)))
}

// Tree records all files below a directory, by relative name. A directory that does not exist counts as empty.
func (k *Key) Tree(name, dir string) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		k.fail(err)
		return
	}
	sort.Strings(paths)
	k.Text(name, fmt.Sprint(len(paths)))
	for _, path := range paths {
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			k.fail(err)
			return
		}
		k.File(name+"/"+filepath.ToSlash(rel), path)
	}
}

// Sum returns the key's text, or the first error of any input.
func (k *Key) Sum() (string, error) {
	if k.err != nil {
		return "", k.err
	}
	return hex.EncodeToString(k.h.Sum(nil))[:20], nil
}

func (k *Key) fail(err error) {
	if k.err == nil {
		k.err = err
	}
}
