// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"os"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/uapi"
)

// The parts of include/uapi/drm/drm.h that the kernel's heap self-test uses to import into vgem.
type drmPrimeHandle struct {
	Handle, Flags uint32
	FD            int32
}

type drmGEMClose struct{ Handle, Pad uint32 }

const (
	drmPrimeFDToHandle uapi.Ioctl[drmPrimeHandle] = 0xC00C642E
	drmGEMCloseIoctl   uapi.Ioctl[drmGEMClose]    = 0x40086409
)

// vgem opens the render node of an importer that is not ours.
func vgem(t *testing.T) *sys.FD {
	t.Helper()
	for _, path := range testenv.NeedGlob(t, "/dev/dri/card*") {
		uevent, err := os.ReadFile("/sys/class/drm/" + path[len("/dev/dri/"):] + "/device/uevent")
		if err == nil && strings.Contains(string(uevent), "vgem") {
			fd, err := sys.Open(path, os.O_RDWR)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { closed(t, fd) })
			return fd
		}
	}
	testenv.Missing(t, "vgem", "no card in /dev/dri is vgem's")
	return nil
}

func TestHeapImport(t *testing.T) {
	card := vgem(t)
	eachHeap(t, func(t *testing.T, heap carveout) {
		buf := alloc(t, heap.name, mib)
		b := mapped(t, buf, 0, mib)
		filled(b, 0x3c)
		prime := drmPrimeHandle{FD: int32(number(t, buf))}
		if _, err := sys.Ioctl(card, drmPrimeFDToHandle, &prime); err != nil {
			t.Fatalf("import: %v", err)
		}
		if got := attachments(t, buf); len(got) != 1 {
			t.Errorf("attached: %q, want vgem", got)
		}
		for _, dir := range []uint64{uapi.DMABufSyncRead, uapi.DMABufSyncWrite, uapi.DMABufSyncRead | uapi.DMABufSyncWrite} {
			sync(t, buf, uapi.DMABufSyncStart|dir)
			sync(t, buf, uapi.DMABufSyncEnd|dir)
		}
		if at := firstOther(b, 0x3c); at >= 0 {
			t.Errorf("byte %d is %#x", at, b[at])
		}
		if _, err := sys.Ioctl(card, drmGEMCloseIoctl, &drmGEMClose{Handle: prime.Handle}); err != nil {
			t.Errorf("giving the import back: %v", err)
		}
		if got := attachments(t, buf); len(got) != 0 {
			t.Errorf("still attached: %q", got)
		}
	})
}
