// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/offload-runtime/offload/test/qemu/internal/cpio"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// Result is how a run went. A run is good if Exited is true, ExitCode is 0 and there are no Findings.
type Result struct {
	Exited   bool   // the program ended by itself
	ExitCode int    // of the program
	Signal   string // that ended the program

	Ready    time.Duration // from the start of QEMU until the board was up
	Wall     time.Duration // of the whole run
	TimedOut bool
	Fault    string    // what the guest's first process could not do
	Findings []Finding // in the kernel log
	Stderr   string    // of QEMU
}

// Run boots, runs the job, and waits for the end. The error is about the host's side.
func Run(ctx context.Context, c *Config) (*Result, error) {
	if err := c.prepare(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()

	command := c.Command()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if c.Job.Console {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	// A group of its own, so that all of it can be killed; except on a terminal, where a background group cannot read.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !c.Job.Console, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		if c.Job.Console {
			return cmd.Process.Kill()
		}
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}

	// The kernel sends the death signal when the starting *thread* ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	follow := newFollower(c, start)
	done := make(chan error, 1)
	go func() { done <- follow.run(ended) }()
	waitErr := cmd.Wait()
	close(ended)
	err := <-done

	r := &follow.result
	r.Wall = time.Since(start)
	r.Stderr = stderr.String()
	r.TimedOut = errors.Is(ctx.Err(), context.DeadlineExceeded)
	if err != nil {
		return r, err
	}
	if !r.TimedOut && ctx.Err() != nil {
		return r, ctx.Err()
	}
	if waitErr != nil && !r.TimedOut {
		return r, fmt.Errorf("%s: %w\n%s", command[0], waitErr, r.Stderr)
	}
	log, err := os.ReadFile(filepath.Join(c.Dir, LogFile))
	r.Findings = Scan(log)
	return r, err
}

// prepare writes the run's initramfs: the shared part and, behind it, the job.
func (c *Config) prepare() error {
	for _, name := range []string{LogFile, outputFile, controlFile} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), nil, 0o644); err != nil {
			return err
		}
	}
	if c.Job.Out {
		// The program may be of any user, and QEMU changes owners on the host only if it is root.
		for _, name := range append([]string{"."}, c.OutDirs...) {
			dir := filepath.Join(c.OutDir(), name)
			if err := errors.Join(os.MkdirAll(dir, 0o777), os.Chmod(dir, 0o777)); err != nil {
				return err
			}
		}
	}
	base, err := os.Open(c.Artifacts.Initrd)
	if err != nil {
		return err
	}
	defer base.Close()
	f, err := os.Create(filepath.Join(c.Dir, initrdFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, base); err != nil {
		return err
	}
	job, err := json.Marshal(c.Job)
	if err != nil {
		return err
	}
	w := cpio.NewWriter(f)
	w.File(guest.JobPath, 0o644, job)
	for _, file := range c.Files {
		w.CopyFile(file.Guest, file.Host, file.Mode)
	}
	return errors.Join(w.Close(), f.Close())
}
