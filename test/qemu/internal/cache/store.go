// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Store is a directory of entries.
type Store struct {
	Dir string
	Log io.Writer // progress, one line per event; nil for none
}

// Dir returns the directory for everything this machine's builds keep: $OFFLOAD_CACHE, else $XDG_CACHE_HOME, else
// ~/.cache, each with /offload.
func Dir() (string, error) {
	for _, name := range []string{"OFFLOAD_CACHE", "XDG_CACHE_HOME"} {
		if dir := os.Getenv(name); dir != "" {
			return filepath.Join(dir, "offload"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place for the cache (set OFFLOAD_CACHE): %w", err)
	}
	return filepath.Join(home, ".cache", "offload"), nil
}

// Get returns the directory of the entry name-key. If there is none, or a broken one, make fills an empty directory,
// which becomes the entry when make returns nil.
func (s *Store) Get(ctx context.Context, name, key string, make func(ctx context.Context, dir string) error) (string, error) {
	dir := filepath.Join(s.Dir, name+"-"+key)
	if checkStamp(dir, key) == nil {
		// The time of last use, for prune. Someone else's cache may not be writable; it is good all the same.
		now := time.Now()
		_ = os.Chtimes(dir, now, now)
		return dir, nil
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := s.lock(ctx, dir)
	if err != nil {
		return "", err
	}
	defer unlock()

	switch err := checkStamp(dir, key); {
	case err == nil:
		return dir, nil // another process was faster
	case errors.Is(err, fs.ErrNotExist):
	default:
		s.logf("%v, building again", err)
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}

	// Under the lock a half-built directory is one whose builder died.
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return "", err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return "", err
	}
	start := time.Now()
	if err := make(ctx, tmp); err != nil {
		return "", errors.Join(fmt.Errorf("building %s: %w", name, err), os.RemoveAll(tmp))
	}
	if err := writeStamp(tmp, key); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", err
	}
	s.logf("%s built in %v", name, time.Since(start).Round(100*time.Millisecond))
	return dir, s.prune(name)
}

// kept is how many entries of one name stay: some branches, or one day's work.
const kept = 8

// prune removes the entries of a name that were not used for longest.
func (s *Store) prune(name string) error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	type entry struct {
		path string
		used time.Time
	}
	var found []entry
	for _, e := range entries {
		key, ok := strings.CutPrefix(e.Name(), name+"-")
		if !ok || !e.IsDir() || strings.ContainsAny(key, "-.") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // another process removed it
		}
		found = append(found, entry{filepath.Join(s.Dir, e.Name()), info.ModTime()})
	}
	slices.SortFunc(found, func(x, y entry) int { return y.used.Compare(x.used) })
	for _, old := range found[min(kept, len(found)):] {
		err = errors.Join(err, os.RemoveAll(old.path)) // not the lock: someone may be waiting for it
	}
	return err
}

// lock takes the lock of one entry. It waits for as long as another process builds it.
func (s *Store) lock(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		if !told {
			s.logf("waiting for another build of %s", filepath.Base(dir))
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *Store) logf(format string, args ...any) {
	if s.Log != nil {
		fmt.Fprintf(s.Log, format+"\n", args...)
	}
}
