// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/uapi"
)

func (p processor) must(t *testing.T, attr, value string) {
	t.Helper()
	if err := p.set(attr, value); err != nil {
		t.Fatalf("%s: %s: %v", p.name, value, err)
	}
}

// ended checks that a file's attachments have ended, and that it says so.
func ended(t *testing.T, node, buf *sys.FD) {
	t.Helper()
	if got := attachments(t, buf); len(got) != 0 {
		t.Errorf("still attached: %q", got)
	}
	if _, err := attach(node, buf); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("attaching again: %v, want ESTALE", err)
	}
	if got := hangup(t, node); got != true {
		t.Error("poll does not say so")
	}
	if state := fdinfo(t, node, "state"); state != "ended" {
		t.Errorf("state %q", state)
	}
	sync(t, buf, uapi.DMABufSyncStart|uapi.DMABufSyncRead)
	sync(t, buf, uapi.DMABufSyncEnd|uapi.DMABufSyncRead)
}

func live(t *testing.T, node, buf *sys.FD) {
	t.Helper()
	if got := attachments(t, buf); len(got) != 1 {
		t.Errorf("attached: %q, want one", got)
	}
	if hangup(t, node) {
		t.Error("poll says that it has ended")
	}
	if state := fdinfo(t, node, "state"); state != "live" {
		t.Errorf("state %q", state)
	}
}

func TestStopEnds(t *testing.T) {
	eachProcessor(t, func(t *testing.T, p processor) {
		before := buffers(t)
		buf := alloc(t, "msmc", 64*kib)
		early, unused := open(t, p.node), open(t, p.node)
		addr := mustAttach(t, early, buf) // attached before the start

		p.must(t, "state", "start")
		late := open(t, p.node)
		mustAttach(t, late, buf)
		live(t, early, buf)
		live(t, late, buf)

		// Each start needs a stop.
		p.must(t, "state", "start")
		p.must(t, "state", "stop")
		live(t, early, buf)

		p.must(t, "state", "stop")
		ended(t, early, buf)
		ended(t, late, buf)
		// A file that held nothing is as good as new.
		if hangup(t, unused) {
			t.Error("a file without attachments has ended")
		}
		if again := mustAttach(t, unused, buf); again != addr {
			t.Errorf("at %#x, was at %#x", again, addr)
		}
		if n := references(t, buf); n != 4 {
			t.Errorf("count is %d: the records keep the buffer until their files are closed", n)
		}

		// Closing the old files does not end what was attached after them.
		closed(t, early)
		live(t, unused, buf)
		closed(t, late)
		live(t, unused, buf)
		closed(t, unused)
		if got := attachments(t, buf); len(got) != 0 {
			t.Errorf("still attached: %q", got)
		}
		closed(t, buf)
		if n := buffers(t); n != before {
			t.Errorf("%d buffers, %d before", n, before)
		}
	})
}

// One processor's stop is nothing to the others, nor to the plain address.
func TestStopOfAnother(t *testing.T) {
	all := processors(t)
	eachProcessor(t, func(t *testing.T, p processor) {
		buf := alloc(t, "msmc", 4*kib)
		files := map[string]*sys.FD{physNode: open(t, physNode)}
		for _, other := range all {
			files[other.node] = open(t, other.node)
		}
		for _, file := range files {
			mustAttach(t, file, buf)
		}
		p.must(t, "state", "start")
		p.must(t, "state", "stop")
		for path, file := range files {
			if got, want := hangup(t, file), path == p.node; got != want {
				t.Errorf("%s stopped, and %s has ended: %v", p.name, path, got)
			}
		}
		if got := attachments(t, buf); len(got) != len(files)-1 {
			t.Errorf("attached: %q, want %d", got, len(files)-1)
		}
	})
}

// A start that fails after it has prepared the processor ends what was attached; one that fails before does not.
func TestStartFails(t *testing.T) {
	eachProcessor(t, func(t *testing.T, p processor) {
		firmware := attribute(t, filepath.Join(p.dir, "firmware"))
		p.must(t, "firmware", "there-is-no-such-file.elf")
		defer p.must(t, "firmware", firmware)
		node, buf := open(t, p.node), alloc(t, "msmc", 4*kib)
		mustAttach(t, node, buf)
		if err := p.set("state", "start"); !errors.Is(err, syscall.ENOENT) {
			t.Fatalf("start without firmware: %v", err)
		}
		live(t, node, buf)
	})
}

func crash(t *testing.T, p processor) {
	t.Helper()
	path := filepath.Join("/sys/kernel/debug/remoteproc", p.name, "crash")
	testenv.NeedDevice(t, path)
	if err := sys.WriteOnce(path, []byte("1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, p.name+" crashes", func() bool { return attribute(t, filepath.Join(p.dir, "state")) == "crashed" })
}

// Recovery starts the same firmware at the same place: attachments stay. A stop of the crashed processor ends them.
func TestCrash(t *testing.T) {
	eachProcessor(t, func(t *testing.T, p processor) {
		node, buf := open(t, p.node), alloc(t, "msmc", 4*kib)
		p.must(t, "recovery", "disabled")
		defer p.must(t, "recovery", "enabled")
		p.must(t, "state", "start")
		addr := mustAttach(t, node, buf)

		crash(t, p)
		live(t, node, buf)
		if again := mustAttach(t, node, buf); again != addr {
			t.Errorf("crashed: at %#x, was at %#x", again, addr)
		}
		p.must(t, "recovery", "recover")
		if state := attribute(t, filepath.Join(p.dir, "state")); state != "running" {
			t.Fatalf("%s after recovery", state)
		}
		live(t, node, buf)

		crash(t, p)
		p.must(t, "state", "stop")
		ended(t, node, buf)
	})
}
