// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
)

// moduleDir is where test/qemu's guests have the modules.
const moduleDir = "/lib/modules"

// A module that is loaded while a processor runs learns of its next stop.
func TestModuleLoadedLate(t *testing.T) {
	ko := filepath.Join(moduleDir, "offload_attach.ko")
	testenv.NeedDevice(t, ko)
	eachProcessor(t, func(t *testing.T, p processor) {
		buf := alloc(t, "msmc", 4*kib)
		node := open(t, p.node)
		if err := rmmod("offload_attach"); !errors.Is(err, syscall.EAGAIN) {
			t.Fatalf("unloading with an open file: %v, want EAGAIN", err)
		}
		closed(t, node)

		p.must(t, "state", "start")
		if err := rmmod("offload_attach"); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{p.node, physNode} {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s without the module: %v", path, err)
			}
		}
		if err := insmod(ko); err != nil {
			t.Fatal(err)
		}
		node = open(t, p.node)
		mustAttach(t, node, buf)
		live(t, node, buf)
		p.must(t, "state", "stop")
		ended(t, node, buf)
	})
}

// The heap's module stays while one of its buffers does, also if only a processor holds that.
func TestModuleInUse(t *testing.T) {
	testenv.NeedDevice(t, filepath.Join(moduleDir, "carveout_heap.ko"))
	node, buf := open(t, physNode), alloc(t, "msmc", 4*kib)
	mustAttach(t, node, buf)
	closed(t, buf)
	if err := rmmod("carveout_heap"); !errors.Is(err, syscall.EAGAIN) {
		t.Fatalf("with a buffer: %v, want EAGAIN", err)
	}
	closed(t, node)
	if err := rmmod("carveout_heap"); err != nil {
		t.Fatalf("without: %v", err)
	}
	if _, err := os.Stat("/dev/dma_heap/msmc"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the heap without its module: %v", err)
	}
	if err := insmod(filepath.Join(moduleDir, "carveout_heap.ko")); err != nil {
		t.Fatal(err)
	}
	alloc(t, "msmc", 4*kib)
}

// A processor that goes away takes its node and the attachments with it; open files say so.
func TestProcessorGone(t *testing.T) {
	for _, p := range processors(t) {
		t.Run(p.name, func(t *testing.T) {
			device := p.parent(t)
			driver, err := filepath.EvalSymlinks(filepath.Join("/sys/bus/platform/devices", device, "driver"))
			if err != nil {
				t.Fatal(err)
			}
			node, unused, buf := open(t, p.node), open(t, p.node), alloc(t, "msmc", 4*kib)
			mustAttach(t, node, buf)
			if err := sys.WriteOnce(filepath.Join(driver, "unbind"), []byte(device)); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(p.node); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("node of a processor that is gone: %v", err)
			}
			if got := attachments(t, buf); len(got) != 0 {
				t.Errorf("still attached: %q", got)
			}
			for _, file := range []*sys.FD{node, unused} {
				if _, err := attach(file, buf); !errors.Is(err, syscall.ENODEV) {
					t.Errorf("attaching: %v, want ENODEV", err)
				}
				if !hangup(t, file) {
					t.Error("poll does not say so")
				}
				if state := fdinfo(t, file, "state"); state != "gone" {
					t.Errorf("state %q", state)
				}
			}
			if err := sys.WriteOnce(filepath.Join(driver, "bind"), []byte(device)); err != nil {
				t.Fatal(err)
			}
			again := testenv.NeedGlob(t, filepath.Join("/sys/bus/platform/devices", device, "remoteproc", "remoteproc*"))
			fresh := open(t, "/dev/offload/"+filepath.Base(again[0]))
			mustAttach(t, fresh, buf)
			closed(t, node)
			live(t, fresh, buf)
		})
	}
}
