// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// recipe makes an entry with one file and counts how often it ran.
func recipe(runs *atomic.Int32) func(context.Context, string) error {
	return func(_ context.Context, dir string) error {
		runs.Add(1)
		return os.WriteFile(filepath.Join(dir, "Image"), []byte("a kernel"), 0o644)
	}
}

func TestGetBuildsOnce(t *testing.T) {
	s := &Store{Dir: filepath.Join(t.TempDir(), "new")}
	var runs atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := s.Get(t.Context(), "kernel", "k1", recipe(&runs))
			if err != nil {
				t.Error(err)
			}
			if text, _ := os.ReadFile(filepath.Join(dir, "Image")); string(text) != "a kernel" {
				t.Errorf("%s has %q", dir, text)
			}
		})
	}
	all.Wait()
	if runs.Load() != 1 {
		t.Errorf("built %d times", runs.Load())
	}
	if _, err := s.Get(t.Context(), "kernel", "k2", recipe(&runs)); err != nil || runs.Load() != 2 {
		t.Errorf("another key: %d builds, %v", runs.Load(), err)
	}
}

func TestGetBuildsBrokenEntriesAgain(t *testing.T) {
	damage := map[string]func(dir string) error{
		"truncated":     func(dir string) error { return os.Truncate(filepath.Join(dir, "Image"), 3) },
		"other content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "Image"), []byte("A kernel"), 0o644) },
		"file gone":     func(dir string) error { return os.Remove(filepath.Join(dir, "Image")) },
		"stamp gone":    func(dir string) error { return os.Remove(filepath.Join(dir, stampName)) },
		"stamp garbage": func(dir string) error { return os.WriteFile(filepath.Join(dir, stampName), []byte("{"), 0o644) },
		"stamp empty":   func(dir string) error { return os.WriteFile(filepath.Join(dir, stampName), []byte("{}"), 0o644) },
		"died building": func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.MkdirAll(dir+".tmp", 0o755), os.WriteFile(dir+".tmp/Image", []byte("half"), 0o644))
		},
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			s := &Store{Dir: t.TempDir()}
			var runs atomic.Int32
			dir, err := s.Get(t.Context(), "kernel", "k", recipe(&runs))
			if err != nil {
				t.Fatal(err)
			}
			if err := do(dir); err != nil {
				t.Fatal(err)
			}
			if dir, err = s.Get(t.Context(), "kernel", "k", recipe(&runs)); err != nil {
				t.Fatal(err)
			}
			if text, _ := os.ReadFile(filepath.Join(dir, "Image")); string(text) != "a kernel" || runs.Load() != 2 {
				t.Errorf("after %d builds: %q", runs.Load(), text)
			}
			if _, err := os.Stat(dir + ".tmp"); !os.IsNotExist(err) {
				t.Errorf("temporary directory is left: %v", err)
			}
		})
	}
}

func TestGetLeavesNothingOfAFailedBuild(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	cause := errors.New("no compiler")
	_, err := s.Get(t.Context(), "kernel", "k", func(_ context.Context, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), cause)
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "kernel") {
		t.Errorf("error %v", err)
	}
	entries, _ := os.ReadDir(s.Dir)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestGetWaitsNoLongerThanItsContext(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	building, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := s.Get(t.Context(), "kernel", "k", func(_ context.Context, dir string) error {
			close(building)
			<-release
			return os.WriteFile(filepath.Join(dir, "Image"), nil, 0o644)
		})
		done <- err
	}()
	<-building
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "kernel", "k", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestGetKeepsWhatWasUsedLast(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	var runs atomic.Int32
	get := func(name, key string) string {
		t.Helper()
		dir, err := s.Get(t.Context(), name, key, recipe(&runs))
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	old := time.Now().Add(-time.Hour)
	age := func(dir string) {
		t.Helper()
		old = old.Add(time.Second)
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	used, unused, other := get("dtb-dsp", "0"), get("dtb-dsp", "1"), get("dtb-dsp-big", "2")
	age(used)
	age(unused)
	age(other)
	for i := range kept - 2 {
		age(get("dtb-dsp", fmt.Sprint("new", i)))
	}
	get("dtb-dsp", "0")
	get("dtb-dsp", "last")
	for dir, want := range map[string]bool{used: true, unused: false, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestDir(t *testing.T) {
	t.Setenv("HOME", "/home/x")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("OFFLOAD_CACHE", "")
	for _, step := range []struct{ name, value, want string }{
		{"HOME", "/home/x", "/home/x/.cache/offload"},
		{"XDG_CACHE_HOME", "/var/c", "/var/c/offload"},
		{"OFFLOAD_CACHE", "/big", "/big/offload"},
	} {
		t.Setenv(step.name, step.value)
		if got, err := Dir(); err != nil || got != step.want {
			t.Errorf("with %s=%s: %q, %v; want %q", step.name, step.value, got, err, step.want)
		}
	}
}
