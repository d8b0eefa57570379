// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestSplitTestArgs(t *testing.T) {
	got := splitTestArgs([]string{
		"-test.testlogfile=/tmp/go-build1/b001/testlog.txt", "-test.paniconexit0", "-test.timeout=2m30s", "-test.run=^TestEcho$/x=1",
		"-test.coverprofile=/tmp/c.out", "-test.gocoverdir=/tmp/dir", "-update", "-test.v=true", "path=with=equals", "--test.count=2",
	})
	want := []string{
		"-test.paniconexit0", "-test.timeout=2m30s", "-test.run=^TestEcho$/x=1",
		"-test.coverprofile=/out/coverprofile", "-test.gocoverdir=/out/gocoverdir", "-update", "-test.v=true", "path=with=equals", "--test.count=2",
	}
	if !slices.Equal(got.args, want) {
		t.Errorf("args\n%q\nwant\n%q", got.args, want)
	}
	if got.timeout != 150*time.Second {
		t.Errorf("timeout %v", got.timeout)
	}
	if got.outputs["coverprofile"] != "/tmp/c.out" || got.outputs["gocoverdir"] != "/tmp/dir" || len(got.outputs) != 2 || !slices.Equal(got.dirs(), []string{"gocoverdir"}) {
		t.Errorf("outputs %v", got.outputs)
	}
}

func TestCollect(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	args := splitTestArgs([]string{
		"-test.coverprofile=" + filepath.Join(to, "c.out"),
		"-test.gocoverdir=" + to,
		"-test.cpuprofile=" + filepath.Join(to, "never.out"),
	})
	if err := os.WriteFile(filepath.Join(from, "coverprofile"), []byte("mode: set"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(from, "gocoverdir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "gocoverdir", "covmeta.1"), []byte("meta"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := args.collect(from); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"c.out": "mode: set", "covmeta.1": "meta"} {
		if text, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "never.out")); !os.IsNotExist(err) {
		t.Errorf("a file that the binary did not write: %v", err)
	}
}

func TestQuoteExec(t *testing.T) {
	got := quoteExec([]string{"/a b/board", "exec", "--append", "hugepagesz=2M hugepages=8", "it's", ""})
	if want := `'/a b/board' exec --append 'hugepagesz=2M hugepages=8' "it's" ''`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
