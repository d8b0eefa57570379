// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/test/qemu/internal/build"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

// bootable returns a function that makes a boot of a machine with the probe in it. Building everything from nothing
// takes minutes and installs packages, so it is not done without being asked for.
func bootable(t *testing.T) func(t *testing.T, name string, args ...string) *Config {
	t.Helper()
	if os.Getenv("OFFLOAD_BOARD_TESTS") != "1" {
		testenv.Missing(t, "board", "tests that boot run with OFFLOAD_BOARD_TESTS=1")
	}
	b, err := build.New(".", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(t.TempDir(), "probe")
	compile := exec.Command("go", "build", "-o", probe, "./testdata/probe")
	compile.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(t *testing.T, name string, args ...string) *Config {
		t.Helper()
		m, err := machine.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := b.Build(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		c := &Config{
			Machine:   m,
			Artifacts: parts[0],
			Job: guest.Job{
				Now: time.Now(), Dir: "/", Args: append([]string{"/probe"}, args...), Processors: m.Processors,
				Env: []string{"OFFLOAD_PROBE=set"},
			},
			Files:   []File{{Guest: "/probe", Host: probe, Mode: 0o755}},
			Dir:     t.TempDir(),
			Timeout: time.Minute,
			Output:  &bytes.Buffer{},
		}
		for _, name := range parts[0].Modules {
			c.Job.Modules = append(c.Job.Modules, guest.Module{File: name})
		}
		return c
	}
}

func run(t *testing.T, c *Config) (*Result, string) {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r, c.Output.(*bytes.Buffer).String()
}

func TestBoot(t *testing.T) {
	boot := bootable(t)

	t.Run("every machine", func(t *testing.T) {
		for _, m := range machine.Table() {
			r, out := run(t, boot(t, m.Name, "where"))
			if !r.Exited || r.ExitCode != 0 || len(r.Findings) != 0 || out != "0 0 / <nil> set\n" {
				t.Errorf("%s: %+v, output %q", m.Name, r, out)
			}
			if r.Ready <= 0 || r.Wall < r.Ready {
				t.Errorf("%s: up after %v, off after %v", m.Name, r.Ready, r.Wall)
			}
		}
	})

	t.Run("exit code", func(t *testing.T) {
		if r, _ := run(t, boot(t, "dsp", "exit", "42")); !r.Exited || r.ExitCode != 42 || r.Signal != "" {
			t.Errorf("%+v", r)
		}
	})

	t.Run("much output", func(t *testing.T) {
		_, out := run(t, boot(t, "dsp", "print", "1048576"))
		if len(out) != 1<<20 || strings.ReplaceAll(out, "0123456789abcde\n", "") != "" {
			t.Errorf("%d bytes came out of %d", len(out), 1<<20)
		}
	})

	t.Run("killed", func(t *testing.T) {
		if r, _ := run(t, boot(t, "dsp", "kill")); !r.Exited || r.Signal != "SIGKILL" || r.ExitCode != 137 {
			t.Errorf("%+v", r)
		}
	})

	t.Run("kernel panic", func(t *testing.T) {
		r, out := run(t, boot(t, "r5f", "panic"))
		if r.Exited || len(r.Findings) == 0 || !strings.Contains(r.Findings[0].Text, "sysrq") {
			t.Errorf("%+v", r)
		}
		if out != "crashing the kernel\n" {
			t.Errorf("output %q", out)
		}
	})

	t.Run("hang", func(t *testing.T) {
		c := boot(t, "dsp", "hang")
		c.Timeout = 5 * time.Second
		r, out := run(t, c)
		if r.Exited || !r.TimedOut || out != "hanging\n" {
			t.Errorf("%+v, output %q", r, out)
		}
	})

	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c := boot(t, "dsp", "hang")
		if r, err := Run(ctx, c); !errors.Is(err, context.DeadlineExceeded) && (r == nil || !r.TimedOut) {
			t.Errorf("%+v, %v", r, err)
		}
	})

	t.Run("processor missing", func(t *testing.T) {
		c := boot(t, "dsp", "exit", "0")
		c.Job.Processors = []string{"dsp7"}
		if r, _ := run(t, c); r.Exited || !strings.Contains(r.Fault, "dsp7") {
			t.Errorf("%+v", r)
		}
	})

	t.Run("program missing", func(t *testing.T) {
		c := boot(t, "dsp", "exit", "0")
		c.Job.Args[0] = "/none"
		if r, _ := run(t, c); r.Exited || !strings.Contains(r.Fault, "/none") {
			t.Errorf("%+v", r)
		}
	})

	t.Run("user, directory and shares", func(t *testing.T) {
		root, err := filepath.Abs("testdata")
		if err != nil {
			t.Fatal(err)
		}
		c := boot(t, "r5f", "where")
		c.Job.Source, c.Job.Dir, c.Job.UID = root, filepath.Join(root, "probe"), 1000
		if r, out := run(t, c); !r.Exited || out != "1000 1000 "+c.Job.Dir+" <nil> set\n" {
			t.Errorf("%+v, output %q", r, out)
		}
		c = boot(t, "r5f", "out")
		c.Job.Out = true
		r, _ := run(t, c)
		if text, err := os.ReadFile(filepath.Join(c.OutDir(), "result")); string(text) != "from the guest" {
			t.Errorf("%+v, %q, %v", r, text, err)
		}
	})
}
