// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/sysfs"
	"github.com/offload-runtime/offload/internal/testenv"
)

// libFirmware is where the kernels of the emulated boards look.
const libFirmware = "/lib/firmware"

// rproc is the first remote processor of the machine, offline, and its attributes without anything in between.
type rproc struct {
	*firmware.Processor
	info  firmware.Remoteproc
	attrs firmware.Attributes
	ctx   context.Context
}

func openRproc(t *testing.T) *rproc {
	t.Helper()
	testenv.NeedRoot(t)
	testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*")
	list, err := firmware.List("/sys")
	if err != nil || list[0].Err != nil {
		t.Fatal(err, list)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &rproc{Processor: list[0].Processor(), info: list[0], attrs: list[0].Attributes(), ctx: ctx}
	if list[0].State != firmware.StateOffline {
		t.Fatalf("%v is %s before the test", r.info, list[0].State)
	}
	t.Cleanup(func() {
		for range 4 { // as often as the test may have started it
			if s, err := r.State(); err != nil || s == firmware.StateOffline {
				break
			}
			if err := r.attrs.WriteAttr("state", "stop"); err != nil {
				t.Errorf("stop after the test: %v", err)
			}
		}
		if err := r.SetFirmware(context.Background(), r.info.Firmware); err != nil {
			t.Errorf("after the test: %v", err)
		}
	})
	return r
}

func (r *rproc) raw(t *testing.T, attr, value string) {
	t.Helper()
	if err := r.attrs.WriteAttr(attr, value); err != nil {
		t.Fatal(err)
	}
}

func (r *rproc) expect(t *testing.T, want firmware.State) {
	t.Helper()
	if s, err := r.State(); err != nil || s != want {
		t.Fatalf("state %q, %v, want %q", s, err, want)
	}
}

func is(t *testing.T, what string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("%s: %v, want %v", what, err, w)
		}
	}
}

// TestBoardPowerCount: the kernel takes a second start and wants two stops then. Start and Stop do not let that happen, and
// say what is the matter where somebody else did it.
func TestBoardPowerCount(t *testing.T) {
	r := openRproc(t)
	r.raw(t, "state", "start")
	r.raw(t, "state", "start")
	r.raw(t, "state", "stop")
	r.expect(t, firmware.StateRunning)
	r.raw(t, "state", "stop")
	r.expect(t, firmware.StateOffline)

	is(t, "stop of an offline processor", r.Stop(r.ctx), firmware.ErrNotRunning, syscall.EINVAL)
	if err := r.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		is(t, "second start", r.Start(r.ctx), firmware.ErrRunning)
	}
	if err := r.Stop(r.ctx); err != nil {
		t.Errorf("one stop after one start and three refused ones: %v", err)
	}
	r.expect(t, firmware.StateOffline)

	if err := r.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.raw(t, "state", "start")
	is(t, "stop of what others started too", r.Stop(r.ctx), firmware.ErrHeld)
	r.expect(t, firmware.StateRunning)
	if err := r.Stop(r.ctx); err != nil {
		t.Error(err)
	}
	r.expect(t, firmware.StateOffline)
}

// TestBoardFirmware provokes every refusal of an image and of its name.
func TestBoardFirmware(t *testing.T) {
	r := openRproc(t)
	good, err := os.ReadFile(filepath.Join(libFirmware, r.info.Firmware))
	if err != nil {
		t.Fatal(err)
	}
	otherMachine := append([]byte(nil), good...)
	otherMachine[4] ^= 3 // EI_CLASS: 32 for 64 bits and the other way round
	for _, test := range []struct {
		name  string
		image []byte // nil: no file
		want  []error
	}{
		{"missing.elf", nil, []error{fs.ErrNotExist, syscall.ENOENT}},
		{"empty.elf", []byte{}, []error{firmware.ErrBadImage, syscall.EINVAL}},
		{"text.elf", []byte("this is no ELF file, although it is long enough to have the header of one; it says nothing"), []error{firmware.ErrBadImage, syscall.EINVAL}},
		{"short.elf", good[:30], []error{firmware.ErrBadImage, syscall.EINVAL}},
		{"half.elf", good[:len(good)/2], []error{firmware.ErrBadImage, syscall.EINVAL}},
		{"class.elf", otherMachine, []error{firmware.ErrBadImage, syscall.EINVAL}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.image != nil {
				path := filepath.Join(libFirmware, test.name)
				if err := os.WriteFile(path, test.image, 0o644); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(path)
				// What the kernel will refuse, the library refuses before it is installed.
				if _, findings := firmware.CheckFile(test.image, firmware.Requirements{}); findings.Err() == nil && test.name != "class.elf" {
					t.Error("the check finds nothing")
				}
			}
			if err := r.SetFirmware(r.ctx, test.name); err != nil {
				t.Fatal(err)
			}
			err := r.Start(r.ctx)
			is(t, "start", err, test.want...)
			if err == nil || !strings.Contains(err.Error(), test.name) {
				t.Errorf("%v does not name the file", err)
			}
			r.expect(t, firmware.StateOffline)
		})
	}
	if err := r.SetFirmware(r.ctx, r.info.Firmware); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(r.ctx); err != nil {
		t.Fatalf("the good image after the bad ones: %v", err)
	}
	is(t, "name while running", r.SetFirmware(r.ctx, "other.elf"), firmware.ErrBusy, syscall.EBUSY)
	is(t, "name with a path", r.SetFirmware(r.ctx, "../other.elf"), firmware.ErrBadName)
	if name, err := r.Firmware(); err != nil || name != r.info.Firmware {
		t.Errorf("firmware %q, %v", name, err)
	}
}

// TestBoardCrashWithoutRecovery: a start then does nothing but count, a stop works, and so does a recovery by hand.
func TestBoardCrashWithoutRecovery(t *testing.T) {
	r := openRproc(t)
	if err := r.SetRecovery(r.ctx, false); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.SetRecovery(context.Background(), true); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	crash := func() {
		t.Helper()
		r.inject(t)
		if _, err := r.WaitState(r.ctx, firmware.StateCrashed); err != nil {
			t.Fatal(err)
		}
	}
	crash()
	is(t, "start of a crashed processor", r.Start(r.ctx), firmware.ErrCrashed)
	is(t, "core dump mode of a crashed processor", r.SetCoredumpMode(r.ctx, firmware.CoredumpEnabled), firmware.ErrBusy, syscall.EBUSY)
	if err := r.Recover(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.expect(t, firmware.StateRunning)
	crash()
	if err := r.Stop(r.ctx); err != nil {
		t.Errorf("stop of a crashed processor: %v", err)
	}
	r.expect(t, firmware.StateOffline)
	if err := r.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(r.ctx); err != nil {
		t.Error(err)
	}
}

// inject takes the kernel's way through a crash.
func (r *rproc) inject(t *testing.T) {
	t.Helper()
	d := sysfs.Dir{Root: filepath.Join("/sys/kernel/debug/remoteproc", r.info.Device)}
	if err := d.WriteAttr("crash", "2"); err != nil {
		t.Fatal(err)
	}
}

// TestBoardOnlyCounted takes the firmware away while the processor crashes. The recovery stops it, finds no image, and
// leaves it offline with its power count: a start does nothing then, a stop is refused. Binding the driver anew is the cure
// that the error names.
func TestBoardOnlyCounted(t *testing.T) {
	r := openRproc(t)
	image, err := os.ReadFile(filepath.Join(libFirmware, r.info.Firmware))
	if err != nil {
		t.Fatal(err)
	}
	const name = "goes-away.elf"
	path := filepath.Join(libFirmware, name)
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	if err := r.SetFirmware(r.ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(r.ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.inject(t)
	if _, err := r.WaitState(r.ctx, firmware.StateOffline); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	err = r.Start(r.ctx)
	is(t, "start after half a recovery", err, firmware.ErrOnlyCounted)
	if err == nil || !strings.Contains(err.Error(), "unbind") {
		t.Errorf("%v does not say what to do", err)
	}
	is(t, "stop after half a recovery", r.Stop(r.ctx), firmware.ErrNotRunning, syscall.EINVAL)
	r.expect(t, firmware.StateOffline)

	driver := sysfs.Dir{Root: filepath.Join("/sys/class/remoteproc", r.info.Device, "device/driver")}
	if driver.Root, err = filepath.EvalSymlinks(driver.Root); err != nil {
		t.Fatal(err)
	}
	if err := driver.WriteAttr("unbind", r.info.Parent); err != nil {
		t.Fatal(err)
	}
	is(t, "start of a processor whose driver is gone", r.Start(r.ctx), firmware.ErrGone)
	if err := driver.WriteAttr("bind", r.info.Parent); err != nil {
		t.Fatal(err)
	}
	anew, err := firmware.Find("/sys", r.info.Parent, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The number may be another one: the half recovery has left a virtio device that keeps the old one's.
	r.Processor, r.attrs, r.info = anew.Processor(), anew.Attributes(), anew
	if err := r.Start(r.ctx); err != nil {
		t.Fatalf("after binding the driver anew: %v", err)
	}
	if err := r.Stop(r.ctx); err != nil {
		t.Error(err)
	}
	r.expect(t, firmware.StateOffline)
}
