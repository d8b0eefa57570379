// SPDX-License-Identifier: Apache-2.0

package boardtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
)

// within is how long something may take that the board does by itself. Nothing gets faster by a smaller one.
const within = 30 * time.Second

// processor is a remote processor's directory in sysfs.
type processor struct {
	dir, name string
}

func processors(t *testing.T) []processor {
	t.Helper()
	testenv.NeedRoot(t)
	var all []processor
	for _, dir := range testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*") {
		p := processor{dir: dir}
		p.name = p.read(t, "name")
		all = append(all, p)
	}
	return all
}

func (p processor) read(t *testing.T, attr string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, attr))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (p processor) write(t *testing.T, attr, value string) {
	t.Helper()
	if err := sys.WriteOnce(filepath.Join(p.dir, attr), []byte(value)); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}

// start starts the processor until the end of the test.
func (p processor) start(t *testing.T) {
	t.Helper()
	p.write(t, "state", "start")
	t.Cleanup(func() {
		if p.read(t, "state") != "offline" {
			p.write(t, "state", "stop")
		}
	})
}

// echo opens the processor's rpmsg-raw endpoint, which sends back what it gets. What is found may be the endpoint of a
// core that is going down: its node is gone a moment later, and the next one is looked for.
func (p processor) echo(t *testing.T) *sys.FD {
	t.Helper()
	// The platform device above remoteprocN is also above its virtio and rpmsg devices.
	device, err := filepath.EvalSymlinks(filepath.Join(p.dir, "device"))
	if err != nil {
		t.Fatal(err)
	}
	var fd *sys.FD
	await(t, p.name+" has an echo endpoint", func() bool {
		names, _ := filepath.Glob("/sys/class/rpmsg/rpmsg[0-9]*/name")
		for _, name := range names {
			real, _ := filepath.EvalSymlinks(filepath.Dir(name))
			text, _ := os.ReadFile(name)
			if strings.TrimSpace(string(text)) == "rpmsg-raw" && strings.HasPrefix(real, device+"/") {
				fd, err = sys.Open(filepath.Join("/dev", filepath.Base(real)), os.O_RDWR)
				return err == nil
			}
		}
		return false
	})
	return fd
}

// roundTrips sends numbered messages one by one and wants each of them back.
func roundTrips(t *testing.T, fd *sys.FD, n int) {
	t.Helper()
	got := make([]byte, 512)
	for i := range n {
		want := fmt.Appendf(nil, "message %d", i)
		if _, err := fd.Write(want); err != nil {
			t.Fatal(err)
		}
		var size int
		await(t, "an answer", func() bool {
			var err error
			size, err = fd.Read(got)
			return err == nil
		})
		if !bytes.Equal(got[:size], want) {
			t.Fatalf("sent %q, got %q", want, got[:size])
		}
	}
}

// await polls; sysfs has no event for what is waited for here.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for pause := 50 * time.Microsecond; !done(); pause = min(2*pause, 10*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", within, what)
		}
		<-time.After(pause)
	}
}

func TestStartStop(t *testing.T) {
	for _, p := range processors(t) {
		t.Run(p.name, func(t *testing.T) {
			for range 50 {
				p.write(t, "state", "start")
				fd := p.echo(t)
				roundTrips(t, fd, 5)
				if err := fd.Close(); err != nil {
					t.Fatal(err)
				}
				p.write(t, "state", "stop")
				if s := p.read(t, "state"); s != "offline" {
					t.Fatalf("state %s after stop", s)
				}
			}
		})
	}
}

func TestAllAtOnce(t *testing.T) {
	var open []*sys.FD
	for _, p := range processors(t) {
		p.start(t)
		fd := p.echo(t)
		defer fd.Close()
		open = append(open, fd)
	}
	for range 20 {
		for _, fd := range open {
			roundTrips(t, fd, 10)
		}
	}
}

func TestTrace(t *testing.T) {
	for _, p := range processors(t) {
		p.start(t)
		p.echo(t).Close()
		path := filepath.Join("/sys/kernel/debug/remoteproc", filepath.Base(p.dir), "trace0")
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), p.name) {
			t.Errorf("trace of %s: %q, %v", p.name, text, err)
		}
	}
}

// TestInjectedCrash takes the kernel's way through a crash while the core is well: it must come back by itself, and
// leave a core dump with its memory in it.
func TestInjectedCrash(t *testing.T) {
	for _, p := range processors(t) {
		t.Run(p.name, func(t *testing.T) {
			p.start(t)
			p.write(t, "coredump", "enabled")
			defer p.write(t, "coredump", "disabled")
			for range 5 {
				old := p.echo(t)
				crash := filepath.Join("/sys/kernel/debug/remoteproc", filepath.Base(p.dir), "crash")
				if err := sys.WriteOnce(crash, []byte("2")); err != nil {
					t.Fatal(err)
				}
				await(t, "the old endpoint ends", func() bool {
					_, err := old.Write([]byte("x"))
					return err != nil
				})
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				fd := p.echo(t)
				roundTrips(t, fd, 10)
				if err := fd.Close(); err != nil {
					t.Fatal(err)
				}
				dump(t)
			}
		})
	}
}

// dump reads and discards the one core dump.
func dump(t *testing.T) {
	t.Helper()
	paths := testenv.NeedGlob(t, "/sys/class/devcoredump/devcd*/data")
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("\x7fELF")) || len(data) < 1<<20 || !bytes.Contains(data, []byte("offload firmware for ")) {
		t.Errorf("core dump of %d bytes that starts with %q", len(data), data[:min(4, len(data))])
	}
	if err := sys.WriteOnce(paths[0], []byte("0")); err != nil {
		t.Fatal(err)
	}
	await(t, "the core dump is gone", func() bool {
		_, err := os.Stat(paths[0])
		return os.IsNotExist(err)
	})
}
