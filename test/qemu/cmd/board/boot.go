// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/offload-runtime/offload/test/qemu/internal/build"
	"github.com/offload-runtime/offload/test/qemu/internal/cache"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
	"github.com/offload-runtime/offload/test/qemu/internal/vm"
)

// margin is what a boot may take on top of the program's own time limit.
const margin = 60 * time.Second

// session is one boot as the commands describe it.
type session struct {
	machine machine.Machine
	parts   *build.Artifacts // nil: built, or taken from the environment
	name    string           // of the log
	job     guest.Job
	files   []vm.File
	outDirs []string
	timeout time.Duration
	output  io.Writer
	after   func(outDir string) error // what to do with guest.OutDir, if job.Out
}

// boot runs a session. It reports trouble on stderr; the returned result says how it ended.
func boot(ctx context.Context, s session) (*vm.Result, error) {
	parts := s.parts
	if parts == nil {
		var err error
		if parts, err = artifacts(ctx, s.machine); err != nil {
			return nil, err
		}
	}
	dir, logPath, err := runDir(s.machine.Name, s.name)
	if err != nil {
		return nil, err
	}
	s.job.Machine = s.machine.Name
	s.job.Now = time.Now()
	s.job.Source = parts.Root
	s.job.Processors = s.machine.Processors
	s.job.Env = append(guestEnv(s.machine), s.job.Env...)
	// The kernel was quiet while it booted; from here on its log is complete.
	s.job.Sysctl = append(s.job.Sysctl, guest.Setting{Path: "/proc/sys/kernel/printk", Value: "7"})
	for _, name := range parts.Modules {
		params := s.machine.Params[strings.TrimSuffix(name, ".ko")]
		s.job.Modules = append(s.job.Modules, guest.Module{File: name, Params: params})
	}
	config := &vm.Config{
		Machine: s.machine, Artifacts: *parts, Job: s.job, Files: s.files, OutDirs: s.outDirs,
		Dir: dir, Timeout: s.timeout, Output: s.output,
	}
	result, err := vm.Run(ctx, config)
	if err == nil && s.after != nil {
		err = s.after(config.OutDir())
	}
	if result == nil {
		return nil, err
	}
	// The log of the last run of each name stays; of a run that went wrong everything does.
	if renameErr := copyLog(dir, logPath); err == nil {
		err = renameErr
	}
	// With what code someone leaves a shell says nothing.
	left := s.job.Console && result.Exited && len(result.Findings) == 0
	if err == nil && (left || good(result)) {
		return result, os.RemoveAll(dir)
	}
	explain(os.Stderr, config, result)
	return result, err
}

func good(r *vm.Result) bool {
	return r.Exited && r.ExitCode == 0 && len(r.Findings) == 0 && r.Fault == "" && !r.TimedOut
}

// explain says what went wrong, where it is written, and how to see it again.
func explain(w io.Writer, c *vm.Config, r *vm.Result) {
	say := func(format string, args ...any) {
		fmt.Fprintf(w, "board %s: %s\n", c.Machine.Name, fmt.Sprintf(format, args...))
	}
	logPath := filepath.Join(c.Dir, vm.LogFile)
	for _, f := range r.Findings {
		say("the kernel complains (%s:%d)\n%s", logPath, f.Line, f.Text)
	}
	switch {
	case r.Fault != "":
		say("guest: %s", r.Fault)
	case r.TimedOut:
		say("no end after %v: the guest hangs", c.Timeout)
	case !r.Exited && len(r.Findings) == 0:
		say("the guest went down before the program ended")
	case r.Signal != "":
		say("the program was killed by %s", r.Signal)
	}
	if r.TimedOut || !r.Exited {
		if text, err := os.ReadFile(logPath); err == nil {
			say("end of the kernel log\n%s", lastLines(string(text), 25))
		}
	}
	say("kernel log %s", logPath)
	if r.Exited && len(r.Findings) == 0 {
		return // the program failed, the board did not
	}
	if r.Stderr != "" {
		say("QEMU: %s", strings.TrimSpace(r.Stderr))
	}
	say("the same boot again (what it prints goes to %s)\n%s", filepath.Join(c.Dir, "output"), vm.Quote(c.Command()))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// guestEnv is the environment of programs in the guest: fixed, except for this project's own variables.
func guestEnv(m machine.Machine) []string {
	env := []string{
		"PATH=/bin:/sbin",
		"HOME=/root",
		"TMPDIR=/tmp",
		"TERM=" + os.Getenv("TERM"),
		"OFFLOAD_MACHINE=" + m.Name,
		"OFFLOAD_REQUIRE=1", // what is missing on a board is a failure, not a reason to skip
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case name == "OFFLOAD_CACHE" || name == "OFFLOAD_REQUIRE" || strings.HasPrefix(name, "OFFLOAD_BOARD_"):
		case strings.HasPrefix(name, "OFFLOAD_"), name == "GODEBUG", name == "GOTRACEBACK", name == "GOMAXPROCS":
			env = append(env, v)
		}
	}
	return env
}

// runDir makes a directory for a run and names its log. Runs that went wrong are kept for a day.
func runDir(machine, name string) (dir, logPath string, err error) {
	root, err := cache.Dir()
	if err != nil {
		return "", "", err
	}
	runs := filepath.Join(root, "run")
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", "", err
	}
	old, err := os.ReadDir(runs)
	if err != nil {
		return "", "", err
	}
	for _, e := range old {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(filepath.Join(runs, e.Name()))
		}
	}
	dir, err = os.MkdirTemp(runs, machine+"-"+name+"-")
	return dir, filepath.Join(root, "log", machine, name+".log"), err
}

func copyLog(dir, to string) error {
	text, err := os.ReadFile(filepath.Join(dir, vm.LogFile))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}
